"""The trials that Ray Tune's loop is given, against what Ray Tune 2.60 does with trials; without Ray running."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from ray import tune
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Experiment, Trial

from sweeps.executor.tune_trial import Job, TuneTrial


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


def test_tunes_loop_takes_a_worker_by_these_names() -> None:
    """What `TuneTrial` leaves out is nothing that the loop calls for other ends."""
    text = inspect.getsource(TuneController)
    for call in ("trial.init_local_path()", "trial.set_ray_actor(ray_actor)", "trial.update_last_result(result)"):
        assert call in text
    assert "last_result.get(" not in text and "metric_analysis" not in text
