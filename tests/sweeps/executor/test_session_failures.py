"""An attempt of a trial that fails: of which kind, in which words, and what it leaves to the next attempt."""

from __future__ import annotations

import errno
import json
import resource
import time
from pathlib import Path
from typing import Any

import pytest

from sweeps import trial_files
from sweeps.errors import SweepError
from sweeps.executor.session import TrialSession
from sweeps.search.states import newest_state
from sweeps.trial_files import FAILED, FINAL
from tests.sweeps.executor.attempts import UID, attempt, forked, payload, record, setting
from tests.sweeps.fake_trainer import FakeRun
from tests.sweeps.faults import fault_parameters
from tests.sweeps.trees import tree


def test_a_failure_tells_it_too(tmp_path: Path) -> None:
    with pytest.raises(SweepError):
        attempt(tmp_path, trainer="never:Built")
    failed = record(tmp_path, FAILED)
    assert failed is not None and failed["times_s"].keys() == {"start_up"}


def test_a_worker_that_ray_ends_leaves_no_word_of_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = TrialSession(payload(), setting(tmp_path))
    session.step()
    before = tree(tmp_path)

    def told(*_: object) -> None:
        error = SystemExit(1)
        error.ray_terminate_msg = "The process receives a SIGTERM."  # type: ignore[attr-defined]
        raise error

    monkeypatch.setattr(session.run, "run_epoch", told)
    with pytest.raises(SystemExit):
        session.step()
    session.close()
    assert not (tmp_path / "trials" / UID / "failed.json").exists()
    assert {name for name in tree(tmp_path) if name.endswith(".json")} == {
        name for name in before if name.endswith(".json")
    }


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ("raise", "crash", "ValueError: a fault of two lines"),
        ("exit", "crash", "sys.exit(3)"),
        ("interrupt", "crash", "KeyboardInterrupt"),
        ("memory_error", "oom", "batch_size 24, size 96"),
        ("nan_loss", "nan", "epoch 2: the loss is not finite"),
        ("text", "invalid", "metric val_dice: a metric is not a number; got 'good'"),
        ("missing", "invalid", "metric val_dice: the trainer does not report the objective"),
    ],
)
def test_r07_a_fault_becomes_a_kind_and_one_line(tmp_path: Path, fault: str, kind: str, words: str) -> None:
    parameters = fault_parameters(fault, 2, batch_size=24, size=96)
    session = TrialSession(payload(parameters), setting(tmp_path))
    assert session.step()["epoch"] == 1
    with pytest.raises(SweepError):
        session.step()
    session.close()
    failure = record(tmp_path, FAILED)
    assert failure is not None and failure["kind"] == kind and failure["epochs"] in (1, 2)
    assert words in failure["message"] and "\n" not in failure["message"]
    assert record(tmp_path, FINAL) is None
    assert newest_state(tmp_path, UID).position.epochs == 1  # type: ignore[union-attr]


@pytest.mark.parametrize("fault", ["nan", "inf"])
def test_r07_an_undefined_score_is_a_finished_trial_without_one(tmp_path: Path, fault: str) -> None:
    results = attempt(tmp_path, payload(fault_parameters(fault)))
    assert [row["val_dice"] for row in results] == [None, None, None]
    final = record(tmp_path, FINAL)
    assert final is not None and final["metrics"]["val_dice"] is None and record(tmp_path, FAILED) is None


def test_an_unknown_trainer_or_parameter_is_invalid(tmp_path: Path) -> None:
    for uid, wanted, changes in (
        ("one", payload(uid="one"), {"trainer": "no.such:Trainer"}),
        ("two", payload({"learning_rte": 1.0}, uid="two"), {}),
    ):
        with pytest.raises(SweepError):
            attempt(tmp_path, wanted, **changes)
        failure = record(tmp_path, FAILED, uid)
        assert failure is not None and failure["kind"] == "invalid"


def test_r10_a_full_disk_is_not_the_trials_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = TrialSession(payload(fault_parameters("disk", 2)), setting(tmp_path))
    session.step()
    files = sorted(tmp_path.rglob("*"))
    result = session.step()
    session.close()
    assert (result["disk_full"], result["done"], result["last"], result["epoch"]) == (True, True, False, 1)
    assert record(tmp_path, FAILED) is None and sorted(tmp_path.rglob("*")) == files

    def full(self: FakeRun, folder: Path) -> None:
        raise OSError(errno.EDQUOT, "quota exceeded")

    monkeypatch.setattr(FakeRun, "save", full)
    (result,) = attempt(tmp_path, payload(uid="other"))
    assert "quota exceeded" in result["message"] and record(tmp_path, FAILED, "other") is None


def test_r10_no_write_at_all_is_possible_and_the_state_before_survives(tmp_path: Path) -> None:
    session = TrialSession(payload(epochs=2), setting(tmp_path))
    session.step()
    session.close()
    before = newest_state(tmp_path, UID)

    def cramped() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        (result,) = attempt(tmp_path, payload(epochs=2))
        assert result["disk_full"] and result["done"], json.dumps(result)

    assert forked(cramped) == 0
    assert newest_state(tmp_path, UID) == before
    assert attempt(tmp_path, payload(epochs=2))[-1]["last"]


def test_r08_a_slow_trial_ends_at_its_deadline_and_can_go_on_from_there(tmp_path: Path) -> None:
    wanted = payload(fault_parameters("slow"), epochs=50)
    with pytest.raises(SweepError, match="deadline"):
        attempt(tmp_path, wanted, deadline_s=0.5)
    failure = record(tmp_path, FAILED)
    assert failure is not None and failure["kind"] == "timeout" and "\n" not in failure["message"]
    state = newest_state(tmp_path, UID)
    assert state is not None and state.position.updates > 0


def test_a_trial_that_has_written_its_final_record_is_not_struck_any_more(tmp_path: Path) -> None:
    def dawdle() -> None:
        write = trial_files.write_record

        def slowly(folder: Path, name: str, content: Any) -> None:
            write(folder, name, content)
            if name == FINAL:
                time.sleep(1.0)

        trial_files.write_record = slowly
        assert attempt(tmp_path, payload(epochs=1), stall_s=0.4)[-1]["last"]

    assert forked(dawdle) == 0
    assert record(tmp_path, FINAL) is not None and record(tmp_path, FAILED) is None
