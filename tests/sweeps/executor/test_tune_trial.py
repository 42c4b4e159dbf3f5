"""The trials that Ray Tune's loop is given, against what Ray Tune 2.60 does with trials; without Ray running."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
from ray import tune
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Experiment, Trial
from ray.tune.search.search_algorithm import SearchAlgorithm

from results.ledger import Ledger
from results.sweep_parts import Objective
from sweeps.executor.routes import Routes
from sweeps.executor.tune_trial import Job, TuneTrial
from sweeps.executor.tuner import DriverSearcher, _Failing
from sweeps.folder import SweepFolder
from sweeps.search.driver import Driver
from sweeps.search.standing import Standing
from tests.sweeps.executor.attempts import setting
from tests.sweeps.fakes import Recorder
from tests.sweeps.search.test_driver import SPACE, stage


class Worker:
    """A worker that must not be asked anything."""


def job(path: Path) -> Job:
    trainable = tune.with_resources(tune.Trainable, {"CPU": 2.0})
    return Job.of(Experiment("run-001", trainable, storage_path=str(path)).spec)


@pytest.fixture
def trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TuneTrial:
    monkeypatch.setattr("ray.train._internal.storage._get_ray_train_session_dir", lambda: str(tmp_path / "session"))
    return TuneTrial(job(tmp_path), "t7.1", {"trial": {"uid": "t7"}})


def test_a_trial_knows_its_class_and_needs_without_asking(trial: TuneTrial, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*args: object) -> None:
        raise AssertionError("Ray's head was asked")

    monkeypatch.setattr("ray.tune.registry._Registry.get", refused)
    monkeypatch.setattr("ray.tune.registry._Registry.contains", refused)
    again = TuneTrial(trial._job, "t8.1", {"trial": {"uid": "t8"}})
    for item in (trial, again):
        item.create_placement_group_factory()
        assert item.get_trainable_cls() is trial._job.trainable and not item.stub
    assert again.placement_group_factory is trial.placement_group_factory
    assert trial.placement_group_factory.required_resources == {"CPU": 2.0}


def test_a_trial_has_the_name_given_and_makes_no_folder(trial: TuneTrial, tmp_path: Path) -> None:
    trial.init_local_path()
    assert str(trial) == trial.relative_logdir == trial.storage.trial_dir_name == "t7.1"
    assert trial.storage.trial_working_directory.endswith("t7.1")
    assert not (tmp_path / "session").exists()


def test_a_worker_is_not_asked_where_it_is(trial: TuneTrial) -> None:
    trial.set_ray_actor(Worker())
    assert isinstance(trial.temporary_state.ray_actor, Worker)
    assert trial.last_result == {"trial_id": trial.trial_id}


def test_the_last_result_is_kept_without_statistics(trial: TuneTrial) -> None:
    trial.update_last_result({"epoch": 1, "val_dice": 0.5})
    trial.update_last_result({"epoch": 2, "val_dice": 0.6})
    assert trial.last_result == {"epoch": 2, "val_dice": 0.6, "trial_id": trial.trial_id}
    assert not trial.metric_analysis and not trial.should_checkpoint()


def test_an_error_ends_a_trial_and_is_kept_as_text(trial: TuneTrial) -> None:
    assert trial.error_text == "" and trial.should_recover()
    trial.handle_error(ValueError("one\n"))
    assert trial.error_text == "one" and not trial.should_recover()
    trial.handle_error()
    assert trial.error_text == ""


def test_a_snapshot_holds_nothing_of_a_trial(trial: TuneTrial) -> None:
    assert trial.get_json_state() == ("{}", "{}")


@pytest.mark.parametrize("name", [name for name in vars(TuneTrial) if not name.startswith("__")])
def test_every_method_takes_the_place_of_one_of_tunes(name: str) -> None:
    """A renamed one would bring back what it was to replace, without a word."""
    ours, theirs = (inspect.signature(getattr(kind, name)) for kind in (TuneTrial, Trial))
    assert list(ours.parameters) == list(theirs.parameters)


@pytest.mark.parametrize("name", ["add_configurations", "next_trial"])
def test_tunes_loop_asks_the_searcher_by_these_names(name: str) -> None:
    assert callable(getattr(SearchAlgorithm, name)) and name in vars(DriverSearcher)


def test_tunes_loop_takes_a_worker_by_these_names() -> None:
    """What `TuneTrial` leaves out is nothing that the loop calls for other ends."""
    text = inspect.getsource(TuneController)
    for call in ("trial.init_local_path()", "trial.set_ray_actor(ray_actor)", "trial.update_last_result(result)"):
        assert call in text
    assert "last_result.get(" not in text and "metric_analysis" not in text


def searcher(root: Path, ledger: Ledger, **plan: Any) -> DriverSearcher:
    folder = SweepFolder(root)
    folder.file("trials").mkdir()
    standing = Standing([stage(SPACE, **plan)], (Objective("val_dice", "maximize"),), 2)
    driver = Driver(folder, ledger, standing, 2, Recorder())
    made = DriverSearcher(driver, Routes(setting(root)), _Failing())
    made.add_configurations([Experiment("run-001", tune.Trainable, storage_path=str(root / "tune"))])
    return made


def test_the_searcher_hands_out_what_the_driver_proposes(tmp_path: Path) -> None:
    with Ledger.create(tmp_path / "ledger.jsonl") as ledger:
        found = searcher(tmp_path, ledger, sampler="random", trials=3)
        first, second = found.next_trial(), found.next_trial()
        assert first is not None and second is not None
        assert found.next_trial() is None and not found.is_finished(), "both slots are taken"
        assert first.config["trial"]["uid"] == found.uids[first.trial_id]
        assert str(first) == f"{found.uids[first.trial_id]}.1" and str(first) != str(second)
        assert found.uids.keys() == {first.trial_id, second.trial_id}


def test_the_searcher_says_when_there_are_no_more(tmp_path: Path) -> None:
    with Ledger.create(tmp_path / "ledger.jsonl") as ledger:
        found = searcher(tmp_path, ledger, sampler="random", trials=1)
        only = found.next_trial()
        assert only is not None
        found._driver.ended(found.uids[only.trial_id], error="gone")
        assert found.next_trial() is None and found.is_finished()
        found._driver.next = lambda preference=None: pytest.fail("asked again")  # type: ignore[method-assign]
        assert found.next_trial() is None
