from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from liverseg.errors import ConfigError, DeadlineError, MemoryExceeded, NonFiniteError, TrainingError
from liverseg.inference.pictures import choose_pictures
from liverseg.training.loop import TrainingRun
from liverseg.training.schedule import build_schedule
from tests.liverseg.training.packs import blob_pack, tiny_config
from tests.liverseg.training.runs import BUSY, TRAIN, VALIDATION, Stop, StopAtCall, assert_same, background, finish


@pytest.fixture(autouse=True)
def quickly_traced(request: pytest.FixtureRequest) -> None:
    """All tests but those marked otherwise train three layers."""
    if "architecture" not in request.fixturenames:
        request.getfixturevalue("small_network")


@pytest.mark.parametrize("architecture", ["encoder_decoder"])
def test_the_same_seed_repeats_bit_for_bit(architecture):
    config = tiny_config(2, BUSY, architecture=architecture)
    assert_same(finish(TrainingRun(config, TRAIN, VALIDATION)), finish(TrainingRun(config, TRAIN, VALIDATION)))


def test_another_seed_is_another_training():
    runs = [finish(TrainingRun(tiny_config(1, seed=seed), TRAIN, VALIDATION)) for seed in (1, 2)]
    assert runs[0].history[0].loss != runs[1].history[0].loss


@pytest.mark.parametrize("schedule", ["plateau", "cosine"])
def test_a_restored_training_ends_where_an_uninterrupted_one_does(tmp_path, schedule):
    config = tiny_config(4, BUSY | {"schedule": schedule, "optimizer": "adamw", "weight_decay": 0.01})
    whole = finish(TrainingRun(config, TRAIN, VALIDATION, pictures=choose_pictures(VALIDATION.cases)))
    first = TrainingRun(config, TRAIN, VALIDATION, pictures=choose_pictures(VALIDATION.cases))
    first.run_epoch()
    first.save(tmp_path)
    first.run_epoch()
    first.save(tmp_path)
    second = TrainingRun(config, TRAIN, VALIDATION, pictures=choose_pictures(VALIDATION.cases))
    second.restore(tmp_path)
    assert len(second.history) == 2
    assert_same(whole, finish(second))
    assert whole.final_record()["metrics"] == second.final_record()["metrics"]


def test_a_finished_training_is_restored_with_its_best_epoch(tmp_path):
    run = finish(TrainingRun(tiny_config(2), TRAIN, VALIDATION, pictures=choose_pictures(VALIDATION.cases)))
    run.save(tmp_path)
    again = TrainingRun(tiny_config(2), TRAIN, VALIDATION)
    again.restore(tmp_path)
    assert again.finished and again.best is not None and run.best is not None
    np.testing.assert_array_equal(again.best.pictures[0].prediction, run.best.pictures[0].prediction)
    assert_same(run, again)
    longer = TrainingRun(tiny_config(3), TRAIN, VALIDATION)
    longer.restore(tmp_path)
    assert not longer.finished and longer.run_epoch().epoch == 3


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    run = TrainingRun(tiny_config(2), TRAIN, VALIDATION)
    with pytest.raises(TrainingError, match="cannot be used"):
        run.restore(tmp_path)
    run.save(tmp_path)
    other = TrainingRun(tiny_config(2, seed=7), TRAIN, VALIDATION)
    with pytest.raises(ConfigError, match="another training: seed differ"):
        other.restore(tmp_path)


def test_a_whole_run_traces_the_step_and_the_prediction_once_each():
    config = tiny_config(3, {"schedule": "cosine"})
    run = TrainingRun(config, TRAIN, blob_pack(1, 7, seed=2))
    modes: list[bool] = []
    call = run.network.model.call

    def counted(*arguments: object, training: bool = False, **options: object) -> object:
        modes.append(bool(training))
        return call(*arguments, training=training, **options)

    run.network.model.call = counted
    finish(run)
    assert run.updates == 9 and len(TRAIN.image) % 4 and len(run.history) == 3
    assert sorted(modes) == [False, True]


@pytest.mark.parametrize("architecture", ["unet"])
def test_a_network_learns_to_find_the_blobs(architecture):
    config = tiny_config(12, {"loss": "dice_ce", "learning_rate": 1e-2, "batch_size": 2}, architecture=architecture)
    run = finish(TrainingRun(config, TRAIN, VALIDATION))
    assert run.best is not None
    assert run.history[0].val_dice < 0.5 < run.best.record.val_dice
    assert run.history[-1].loss < run.history[0].loss / 2


def test_the_record_is_plain_json_of_the_best_epoch():
    run = finish(TrainingRun(tiny_config(3), TRAIN, blob_pack(2, 4, seed=3, tumours=False)))
    record = json.loads(json.dumps(run.final_record(), allow_nan=False))
    assert set(record) == {
        "metrics", "best_epoch", "epochs", "updates", "seconds", "stop_reason", "cost", "cases", "history",
    }  # fmt: skip
    scores = [row.val_dice for row in run.history]
    assert record["best_epoch"] == scores.index(max(scores)) + 1
    assert record["metrics"]["val_dice"] == max(scores)
    assert record["metrics"]["dice_tumour_mean"] is None
    assert (record["epochs"], record["updates"], record["stop_reason"]) == (3, 9, "epochs")
    assert record["cost"]["parameters"] == run.network.model.count_params() and record["cost"]["gflops"] > 0
    assert [row[0] for row in record["cases"]] == ["case-00000000", "case-00000001"]
    assert record["cases"][0][3] in (None, 0.0) and record["cases"][0][4] is False
    assert record["history"]["epoch"] == [1, 2, 3]
    assert run.final_record("pruned")["stop_reason"] == "pruned"


def test_the_rate_of_every_update_is_the_schedules(monkeypatch):
    run = TrainingRun(tiny_config(2, {"schedule": "cosine"}), TRAIN, VALIDATION)
    rates: list[float] = []
    train = run.network.train
    monkeypatch.setattr(
        run.network, "train", lambda images, masks, rate: rates.append(rate) or train(images, masks, rate)
    )
    finish(run)
    expected = build_schedule("cosine", run.config.get("learning_rate"), 6)
    assert rates == [expected.rate(update) for update in range(6)]
    assert [record.learning_rate for record in run.history] == [rates[2], rates[5]]


def test_updates_cut_the_last_epoch_short():
    run = finish(TrainingRun(tiny_config(9, updates=4), TRAIN, VALIDATION))
    assert [record.updates for record in run.history] == [3, 4]
    assert run.stop_reason == "updates"
    with pytest.raises(RuntimeError, match="finished"):
        run.run_epoch()


def test_early_stopping_keeps_the_best_epoch(monkeypatch):
    run = TrainingRun(tiny_config(9, early_stopping=2), TRAIN, VALIDATION)
    monkeypatch.setattr(run.network, "predict", background)
    finish(run)
    assert run.stop_reason == "early_stopping" and len(run.history) == 3
    assert run.best is not None and run.best.record.epoch == 1


def test_a_liver_network_learns_two_classes():
    run = TrainingRun(tiny_config(1, labels=("liver",)), TRAIN, VALIDATION)
    record = run.run_epoch()
    assert run.network.predict(np.zeros((4, 32, 32, 1), np.float32)).shape[-1] == 2
    assert record.val_dice == record.metrics["dice_liver_mean"]
    assert run.final_record()["cases"][0][3] is None


@pytest.mark.parametrize("parameters", [{"loss": "weighted_ce"}, {"window": "fingerprint", "augment_intensity": 0.5}])
def test_settings_that_look_at_the_training_slices(parameters):
    assert math.isfinite(TrainingRun(tiny_config(1, parameters), TRAIN, VALIDATION).run_epoch().loss)


def test_a_loss_that_is_not_finite_ends_the_training_at_once(monkeypatch):
    run = TrainingRun(tiny_config(architecture="unet"), TRAIN, VALIDATION)
    losses = iter([0.5, math.nan])
    monkeypatch.setattr(run.network, "train", lambda *_: next(losses))
    with pytest.raises(NonFiniteError, match="epoch 1, batch 2") as caught:
        run.run_epoch()
    assert caught.value.kind == "nan" and run.history == ()


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_deadline_is_checked_at_every_batch(tmp_path):
    clock = Clock()
    config = tiny_config(architecture="unet", deadline_s=10.0)
    run = TrainingRun(config, TRAIN, VALIDATION, clock=clock)
    seen: list[int] = []

    def late(update: int) -> None:
        seen.append(update)
        clock.now += 6.0

    with pytest.raises(DeadlineError, match="12 s") as caught:
        run.run_epoch(late)
    assert seen == [1, 2] and caught.value.kind == "timeout"


def test_time_before_a_restore_counts(tmp_path):
    clock = Clock()
    run = TrainingRun(tiny_config(2), TRAIN, VALIDATION, clock=clock)
    run.run_epoch(lambda _: setattr(clock, "now", clock.now + 2.0))
    assert run.seconds == pytest.approx(10.0), "three batches of training, and twice between three of validation"
    run.save(tmp_path)
    later = Clock()
    again = TrainingRun(tiny_config(2), TRAIN, VALIDATION, clock=later)
    again.restore(tmp_path)
    later.now += 1.0
    assert (again.seconds, again.attempt_seconds) == (pytest.approx(11.0), 1.0)


def test_the_deadline_counts_the_seconds_of_one_attempt(tmp_path):
    config, clock = tiny_config(4, deadline_s=10.0), Clock()
    run = TrainingRun(config, TRAIN, VALIDATION, clock=clock)

    def slow(_: int) -> None:
        clock.now += 1.5

    run.run_epoch(slow)
    with pytest.raises(DeadlineError):
        run.run_epoch(slow)
    run.save(tmp_path)
    run.restore(tmp_path)
    assert run.seconds > 10.0 and run.attempt_seconds == 0.0
    assert run.run_epoch(slow).epoch == 2


def test_an_epoch_in_two_parts_took_the_time_of_both(tmp_path):
    clock = Clock()
    run = TrainingRun(tiny_config(1), TRAIN, VALIDATION, clock=clock)
    stop = StopAtCall(2)

    def slow(updates: int) -> None:
        clock.now += 2.0
        stop(updates)

    with pytest.raises(Stop):
        run.run_epoch(slow)
    run.save(tmp_path)
    clock.now += 100.0
    run.restore(tmp_path)
    record = run.run_epoch(slow)
    assert (record.train_seconds, record.seconds, run.seconds) == (4.0, 8.0, 10.0)


def test_a_batch_that_does_not_fit_is_out_of_memory(monkeypatch):
    run = TrainingRun(tiny_config(architecture="unet"), TRAIN, VALIDATION)

    def exhausted(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(run.network.model, "train_on_batch", exhausted)
    with pytest.raises(MemoryExceeded):
        run.run_epoch()


def test_without_a_defined_score_the_last_epoch_counts(monkeypatch):
    nothing = replace(VALIDATION.cases[0].reference, labels=np.zeros((0, 0, 0), np.uint8))
    empty = replace(VALIDATION, cases=tuple(replace(span, reference=nothing) for span in VALIDATION.cases))
    run = TrainingRun(tiny_config(2), TRAIN, empty)
    monkeypatch.setattr(run.network, "predict", background)
    finish(run)
    assert run.final_record()["best_epoch"] == 2 and run.final_record()["metrics"]["val_dice"] is None
