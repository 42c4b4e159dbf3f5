"""A training that was interrupted anywhere ends where an uninterrupted one does, bit for bit."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from liverseg.errors import DeadlineError, NonFiniteError, TrainingError
from liverseg.inference.pictures import choose_pictures, write_pictures
from liverseg.training import network
from liverseg.training.loop import TrainingRun
from liverseg.training.position import read_position
from liverseg.training.record import write_cases
from liverseg.training.weights import write_best
from tests.liverseg.training.conftest import three_layers
from tests.liverseg.training.packs import tiny_config
from tests.liverseg.training.runs import (
    BUSY,
    TRAIN,
    VALIDATION,
    Stop,
    StopAtCall,
    assert_same,
    background,
    curve,
    finish,
    timeless,
)

TRAINED, VALIDATED = 3, 2
"""Calls of `on_batch` in an epoch: after three batches, then between three batches of validation."""
AN_EPOCH = TRAINED + VALIDATED

CONFIGS = {
    "plateau": tiny_config(5, BUSY | {"schedule": "plateau", "optimizer": "adamw", "weight_decay": 0.01}),
    "cosine": tiny_config(3, BUSY | {"schedule": "cosine"}),
    "early stopping": tiny_config(9, early_stopping=2),
    "updates": tiny_config(9, {"optimizer": "sgd"}, updates=5),
}
NO_GAIN = ("plateau", "early stopping")
"""Configurations whose validation finds nothing in any epoch, so that what waits for a gain waits on every machine."""


@dataclass(frozen=True)
class Trained:
    """A configuration trained without an interruption, and two trainings to interrupt; each is traced once."""

    whole: TrainingRun
    begin: Callable[[], TrainingRun]
    other: TrainingRun


def new_run(name: str) -> TrainingRun:
    run = TrainingRun(CONFIGS[name], TRAIN, VALIDATION, pictures=choose_pictures(VALIDATION.cases))
    if name in NO_GAIN:
        run.network.predict = background  # type: ignore[method-assign]
    return run


@pytest.fixture(scope="module")
def patched() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network, "build_model", three_layers)
        yield


@pytest.fixture(scope="module", params=CONFIGS)
def trained(request: pytest.FixtureRequest, patched: None, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    run, fresh = new_run(request.param), tmp_path_factory.mktemp("fresh")
    run.save(fresh)

    def begin() -> TrainingRun:
        run.restore(fresh)
        return run

    return Trained(finish(new_run(request.param)), begin, new_run(request.param))


def interrupt(run: TrainingRun, call: int) -> StopAtCall:
    """Train until `on_batch` is called for the `call`-th time, over as many epochs as that takes."""
    stop = StopAtCall(call)
    with pytest.raises(Stop):
        while True:
            run.run_epoch(stop)
    return stop


def continued(run: TrainingRun, other: TrainingRun, folder: Path) -> TrainingRun:
    run.save(folder)
    other.restore(folder)
    return other


@pytest.mark.parametrize("call", [1, 2, TRAINED, TRAINED + 1, AN_EPOCH, AN_EPOCH + 1, AN_EPOCH + 2])
def test_an_interrupted_training_ends_where_an_uninterrupted_one_does(trained: Trained, call: int, tmp_path):
    run = trained.begin()
    interrupt(run, call)
    again = continued(run, trained.other, tmp_path)
    assert again.updates == run.updates
    np.testing.assert_array_equal(curve(again), curve(run))
    finish(again)
    assert_same(trained.whole, again)
    assert timeless(trained.whole) == timeless(again)
    assert_same(trained.whole, finish(run))


def test_stopped_after_every_single_batch(trained: Trained, tmp_path):
    run, other = trained.begin(), trained.other
    stops = 0
    while not run.finished:
        try:
            run.run_epoch(StopAtCall(1))
        except Stop:
            stops += 1
            if run.updates % TRAINED == 0 or run.updates == trained.whole.updates:
                run.run_epoch()
        run, other = continued(run, other, tmp_path), run
    assert stops == trained.whole.updates
    assert_same(trained.whole, run)
    assert timeless(trained.whole) == timeless(run)


def test_the_configurations_end_as_they_say(trained: Trained):
    whole, config = trained.whole, trained.whole.config
    reason = "early_stopping" if config.early_stopping else "updates" if config.updates else "epochs"
    assert whole.stop_reason == reason and whole.updates > AN_EPOCH - VALIDATED + 1
    assert len({record.learning_rate for record in whole.history}) > 1 or config.get("schedule") == "constant"


@pytest.fixture
def run(small_network: None) -> TrainingRun:
    return TrainingRun(tiny_config(2, BUSY), TRAIN, VALIDATION, pictures=choose_pictures(VALIDATION.cases))


def values(run: TrainingRun) -> dict[str, np.ndarray]:
    return dict(run.network.state())


def test_updates_are_told_after_each_batch_and_between_those_of_validation(run):
    told: list[int] = []
    run.run_epoch(told.append)
    run.run_epoch(told.append)
    assert told == [1, 2, 3, 3, 3, 4, 5, 6, 6, 6]


def test_an_interrupted_validation_has_changed_nothing(run):
    interrupt(run, TRAINED)
    before = values(run)
    interrupt(run, 1)
    assert run.history == () and run.best is None and run.updates == TRAINED
    for name, value in values(run).items():
        np.testing.assert_array_equal(value, before[name], err_msg=name)


def test_a_validation_past_the_deadline_can_be_continued(run, tmp_path, monkeypatch):
    whole = finish(TrainingRun(run.config, TRAIN, VALIDATION, pictures=choose_pictures(VALIDATION.cases)))
    interrupt(run, TRAINED)
    with monkeypatch.context() as patch:
        patch.setattr(run, "config", replace(run.config, deadline_s=-1.0))
        with pytest.raises(DeadlineError, match="epoch 1"):
            run.run_epoch()
    assert_same(whole, finish(continued(run, TrainingRun(run.config, TRAIN, VALIDATION), tmp_path)))


@pytest.mark.parametrize("call", [2, TRAINED + 1])
def test_saved_from_within_on_batch(run, tmp_path, call):
    calls: list[int] = []

    def save(updates: int) -> None:
        calls.append(updates)
        if len(calls) == call:
            run.save(tmp_path)

    run.run_epoch(save)
    again = TrainingRun(run.config, TRAIN, VALIDATION)
    again.restore(tmp_path)
    assert again.history == () and again.updates == min(call, TRAINED)
    assert_same(finish(run), finish(again))


def test_a_checkpoint_says_how_far_the_training_had_come(run, tmp_path):
    interrupt(run, AN_EPOCH + 2)
    run.save(tmp_path)
    position = read_position(tmp_path)
    assert (position.epochs, position.batches, position.updates) == (1, 2, 5)
    assert [record.as_dict() for record in position.history] == [record.as_dict() for record in run.history]
    assert position.best_epoch == 1
    assert 0.0 < position.seconds <= run.seconds


def test_an_epoch_may_become_longer_or_shorter_than_it_was_planned(run, tmp_path):
    cut = TrainingRun(replace(run.config, updates=4), TRAIN, VALIDATION)
    interrupt(cut, AN_EPOCH + 2)
    assert cut.updates == 4, "stopped in the validation of an epoch of one batch"
    assert_same(finish(run), finish(continued(cut, TrainingRun(run.config, TRAIN, VALIDATION), tmp_path)))
    shorter = TrainingRun(replace(run.config, updates=2), TRAIN, VALIDATION)
    whole = TrainingRun(run.config, TRAIN, VALIDATION)
    interrupt(whole, TRAINED)
    assert continued(whole, shorter, tmp_path).run_epoch().updates == TRAINED and shorter.finished


def test_after_a_failed_update_nothing_is_saved_or_continued(run, tmp_path, monkeypatch):
    interrupt(run, 1)
    run.save(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(run.network, "train", lambda *_: math.nan)
        with pytest.raises(NonFiniteError):
            run.run_epoch()
    for forbidden in (run.run_epoch, lambda: run.save(tmp_path)):
        with pytest.raises(TrainingError, match="epoch 1, batch 2: an update of this training failed"):
            forbidden()
    run.restore(tmp_path)
    assert run.run_epoch().updates == TRAINED


def test_a_state_that_does_not_fit_leaves_the_training_as_it_was(run, tmp_path, monkeypatch):
    interrupt(run, 2)
    run.save(tmp_path)
    before = values(run)
    with monkeypatch.context() as patch:
        patch.setattr("liverseg.training.snapshot.identity", lambda *_: {})
        other = TrainingRun(tiny_config(2, options={"base_filters": 8}), TRAIN, VALIDATION)
        other.save(tmp_path)
        with pytest.raises(TrainingError, match=r"cannot be used.*shapes"):
            run.restore(tmp_path)
    assert run.updates == 2
    for name, value in values(run).items():
        np.testing.assert_array_equal(value, before[name], err_msg=name)


def test_what_another_folder_holds_is_not_taken_for_ones_own(run, tmp_path):
    run.run_epoch()
    run.save(tmp_path / "old")
    first = [weight.copy() for weight in run.best.weights]
    run.run_epoch()
    run.best = replace(run.best, weights=run.network.weights())
    run._stored = {}
    run.save(tmp_path / "new")
    run.restore(tmp_path / "old")
    run.save(tmp_path / "new")
    run.restore(tmp_path / "new")
    for mine, yours in zip(run.best.weights, first, strict=True):
        np.testing.assert_array_equal(mine, yours)


def test_the_best_epochs_files_can_be_written_again_from_a_restored_training(run, tmp_path):
    finish(run)
    again = continued(run, TrainingRun(run.config, TRAIN, VALIDATION), tmp_path / "state")
    for name, one in (("first", run), ("second", again)):
        folder = tmp_path / name
        write_best(folder / "checkpoint", one.config, one.window, one.best)
        write_cases(folder / "cases.parquet", one.best.cases)
        write_pictures(folder / "pictures.npz", one.best.pictures)
    files = sorted(path.relative_to(tmp_path / "first") for path in (tmp_path / "first").rglob("*") if path.is_file())
    assert len(files) == 4 and len(run.best.pictures) == 2
    for file in files:
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes(), file


@pytest.mark.parametrize("architecture", ["encoder_decoder", "unet"])
def test_a_real_architecture_goes_on_in_the_middle_of_an_epoch(architecture, tmp_path):
    config = tiny_config(2, BUSY, architecture=architecture)
    run = TrainingRun(config, TRAIN, VALIDATION)
    interrupt(run, AN_EPOCH + 1)
    again = continued(run, TrainingRun(config, TRAIN, VALIDATION), tmp_path)
    assert_same(finish(run), finish(again))
