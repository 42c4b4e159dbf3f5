from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from liverseg.config import PARAMETERS, PrepareConfig
from liverseg.inference.overlays import MOST_CASES
from liverseg.inference.pictures import choose_pictures
from liverseg.models import describe
from liverseg.preprocess import Cache, load_or_prepare
from liverseg.training.loop import TrainingRun
from liverseg.training.weights import write_best
from sweeps.costs import forecast as module
from sweeps.costs.forecast import (
    OPTIMIZER_SLOTS,
    DiskForecast,
    Network,
    expected_front,
    forecast,
    largest_size_px,
    missing_cache_bytes,
    optimizer_slots,
    shortage,
)
from sweeps.engine import PICTURES
from sweeps.spec.dimension import Dimension
from sweeps.spec.model import KeepSection
from tests.liverseg.training.packs import SIZE, blob_pack, tiny_config
from tests.sweeps.test_bad_input import scans

GB = 10**9
BIG = Network("big", trials=4, most=4, parameters=30_000_000, optimizer_slots=2, size_px=128)
SMALL = Network("small", trials=4, most=4, parameters=1_000_000, optimizer_slots=1, size_px=64)


def keep(**changes: object) -> KeepSection:
    return KeepSection.model_validate(changes)


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_every_optimizer_has_its_slots() -> None:
    from liverseg.training.optimizer import build_optimizer

    assert set(OPTIMIZER_SLOTS) == set(PARAMETERS["optimizer"].choices)
    keras = pytest.importorskip("keras")
    weights = keras.Variable([[1.0, 2.0, 3.0]])
    for name, slots in OPTIMIZER_SLOTS.items():
        optimizer = build_optimizer(name, learning_rate=0.1)
        optimizer.build([weights])
        held = sum(variable.shape == weights.shape for variable in optimizer.variables)
        assert held == slots, name


def test_pictures_are_those_of_a_sweep() -> None:
    assert module.PICTURES == PICTURES


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_weights_and_state_are_as_large_as_a_training_writes_them(tmp_path: Path, optimizer: str) -> None:
    options = {"base_filters": 16}
    train, validation = blob_pack(cases=2), blob_pack(cases=3, seed=1)
    pictures = choose_pictures(validation.cases, PICTURES)
    config = tiny_config(epochs=2, options=options, parameters={"optimizer": optimizer})
    run = TrainingRun(config, train, validation, pictures=pictures)
    run.run_epoch()
    run.run_epoch()
    run.save(tmp_path / "state")
    assert run.best is not None
    write_best(tmp_path / "checkpoint", config, run.window, run.best)
    parameters = describe(config.architecture, size_px=SIZE, options=options, classes=3).parameters
    network = Network("encoder_decoder", 1, 1, parameters, OPTIMIZER_SLOTS[optimizer], SIZE)
    weights, state = size_of(tmp_path / "checkpoint"), size_of(tmp_path / "state")
    assert weights <= network.weights_bytes < weights + 100_000
    assert state <= network.state_bytes(epochs=2, cases=3) < state + 300_000
    # what is added for names and shapes must not hide a wrong number of moments
    assert state > 4 * parameters * (2 + OPTIMIZER_SLOTS[optimizer]) > state - 300_000
    assert 4 * parameters > 300_000


class TestForecast:
    def test_the_largest_trials_may_be_the_best_and_every_network_keeps_one(self) -> None:
        found = forecast(keep(best=3, last=2), [SMALL, BIG], slots=2, epochs=10, cases=5)
        assert found.weights_bytes == 3 * BIG.weights_bytes + SMALL.weights_bytes
        assert found.states_bytes == 2 * (3 * BIG.state_bytes(10, 5) + SMALL.state_bytes(10, 5))

    def test_no_network_is_kept_more_often_than_it_is_tried(self) -> None:
        found = forecast(keep(best=6), [SMALL, BIG], slots=1, epochs=1, cases=1)
        assert found.weights_bytes == 4 * BIG.weights_bytes + 2 * SMALL.weights_bytes
        everything = forecast(keep(best="all"), [SMALL, BIG], slots=1, epochs=1, cases=1)
        assert everything.weights_bytes == 4 * (BIG.weights_bytes + SMALL.weights_bytes)
        assert everything == forecast(keep(best=100), [SMALL, BIG], slots=1, epochs=1, cases=1)

    def test_a_network_that_may_get_all_trials_may_be_all_that_is_kept(self) -> None:
        joint = Network("big", 1, 8, BIG.parameters, 2, 128)
        assert forecast(keep(best=3), [joint, SMALL], slots=1, epochs=1, cases=1).weights_bytes == (
            3 * joint.weights_bytes + SMALL.weights_bytes
        )

    def test_a_network_without_a_trial_keeps_nothing(self) -> None:
        none = Network("none", 0, 0, BIG.parameters, 2, 128)
        assert forecast(keep(best=1), [none, SMALL], slots=1, epochs=1, cases=1).weights_bytes == SMALL.weights_bytes

    def test_running_trials_hold_a_file_twice_while_they_replace_it(self) -> None:
        one = forecast(keep(last=3), [BIG], slots=1, epochs=1, cases=1).running_bytes
        assert one == 2 * BIG.weights_bytes + 4 * BIG.state_bytes(1, 1)
        assert forecast(keep(last=3), [BIG], slots=64, epochs=1, cases=1).running_bytes == 4 * one

    def test_slices_to_look_at_are_counted_for_trials_that_are_kept_or_run_and_scans_once_a_fold(self) -> None:
        def seen(cases: int, slots: int = 1, folds: int = 1) -> int:
            some, none = (
                forecast(keep(best=2), [SMALL], slots=slots, epochs=1, cases=n, folds=folds) for n in (cases, 0)
            )
            return some.records_bytes - none.records_bytes - SMALL.trials * 700 * cases

        labels, scans = seen(1, slots=2) - seen(1, slots=1), seen(1, folds=2) - seen(1)
        assert seen(10) == 10 * (3 * labels + scans) and labels > 0 and scans > 0
        assert seen(10, slots=64) == 10 * ((2 + SMALL.trials) * labels + scans)
        assert seen(10 * MOST_CASES) == seen(MOST_CASES)

    def test_several_objectives_keep_a_front(self) -> None:
        many = Network("big", 100, 100, 1000, 2, 32)
        single = forecast(keep(best=1), [many], slots=1, epochs=1, cases=1)
        several = forecast(keep(best=1), [many], slots=1, epochs=1, cases=1, objectives=2)
        assert several.weights_bytes == 5 * single.weights_bytes

    def test_the_words_add_up(self) -> None:
        found = DiskForecast(100 * 10**6, 800 * 10**6, 2 * 10**8, 10**8, 3 * 10**8)
        assert found.words() == (
            "about 1.2 GB at most (kept weights and states 900 MB, running 200 MB, records 100 MB; cache 300 MB)"
        )
        assert found.as_dict()["total_bytes"] == 1_200_000_000


@pytest.mark.parametrize("objectives", [2, 3])
def test_the_expected_front_is_that_of_unrelated_objectives(objectives: int) -> None:
    from results.ranking import pareto_fronts

    np = pytest.importorskip("numpy")
    generator = np.random.default_rng(0)
    sizes = [(pareto_fronts(generator.random((200, objectives))) == 1).sum() for _ in range(40)]
    assert expected_front(200, objectives) == pytest.approx(np.mean(sizes), rel=0.35)


def test_the_front_of_one_objective_is_one_trial() -> None:
    assert [expected_front(trials, 1) for trials in (0, 1, 2, 1000)] == [0, 1, 1, 1]
    assert expected_front(2, 5) <= 2


def test_the_greediest_values_of_a_space_count() -> None:
    optimizer = Dimension(name="optimizer", kind="categorical", choices=("sgd", "adamw"))
    size = Dimension(name="size", kind="int", low=64, high=192, step=64)
    assert (optimizer_slots([optimizer]), optimizer_slots([])) == (2, OPTIMIZER_SLOTS[PARAMETERS["optimizer"].default])
    assert optimizer_slots([Dimension(name="optimizer", kind="categorical", choices=("sgd",), fixed=True)]) == 1
    assert (largest_size_px([optimizer, size]), largest_size_px([])) == (192, PARAMETERS["size"].default)


def test_prepared_scans_are_counted_until_the_cache_holds_them(tmp_path: Path) -> None:
    from liverseg.data import check_cohort, find_cases

    scans(tmp_path / "scans", 2)
    cases = check_cohort(find_cases(tmp_path / "scans", "lits"), threads=1).cases
    cohort = SimpleNamespace(part=lambda name: cases[:1] if name == "train" else cases[1:])
    config, cache = PrepareConfig(sizes_px=(32, 64), slices="all"), Cache(tmp_path / "cache")
    expected = missing_cache_bytes(cohort, config, cache)  # type: ignore[arg-type]
    assert missing_cache_bytes(cohort, config, None) == 0  # type: ignore[arg-type]
    first, second = cases
    load_or_prepare(first.uid, first.patient, first.files.image, first.files.mask, config, cache=cache)
    assert missing_cache_bytes(cohort, config, cache) == expected // 2  # type: ignore[arg-type]
    load_or_prepare(second.uid, second.patient, second.files.image, second.files.mask, config, cache=cache)
    assert missing_cache_bytes(cohort, config, cache) == 0  # type: ignore[arg-type]
    assert expected == pytest.approx(size_of(tmp_path / "cache"), rel=0.1)


class TestShortage:
    FOUND = DiskForecast(GB, GB, GB, GB, cache_bytes=2 * GB)

    def test_says_nothing_when_all_fits(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(module, "free_bytes", lambda path: 5 * GB)
        assert shortage(self.FOUND, tmp_path / "runs", None, GB) is None

    def test_says_how_much_is_missing(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(module, "free_bytes", lambda path: 5 * GB - 1)
        assert shortage(self.FOUND, Path("runs"), None, GB) == (
            "runs/: the sweep may not fit on the disk; got up to 4.0 GB to write and 1.0 GB to stay free "
            "(keep.min_free); allowed: 5.0 GB in all; make room, or lower keep.best, keep.last or keep.min_free"
        )

    def test_a_cache_on_the_same_disk_counts(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(module, "free_bytes", lambda path: 5 * GB)
        assert shortage(self.FOUND, tmp_path / "runs", tmp_path / "cache", 0) is not None
        monkeypatch.setattr(module, "free_bytes", lambda path: 6 * GB)
        assert shortage(self.FOUND, tmp_path / "runs", tmp_path / "cache", 0) is None
