"""An attempt of a trial: what it writes, in which order, and what it leaves to the next attempt."""

from __future__ import annotations

import csv
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from liverseg.training.position import read_position
from liverseg.training.weights import read_best
from sweeps import trial_files
from sweeps.errors import SweepError
from sweeps.executor import session as session_module
from sweeps.executor.session import TrialSession
from sweeps.search.states import newest_state
from sweeps.trial_files import FAILED, FINAL, LATEST, WORKER, write_record
from tests.sweeps.executor.attempts import UID, attempt, forked, payload, record, run_trial, setting
from tests.sweeps.fake_trainer import FakeRun

HERE = "tests.sweeps.executor.test_session"
KILLED = 9


def same_training(one: Path, other: Path) -> None:
    """The two trials ended with the same numbers, whatever happened on the way."""
    finals = [record(sweep, FINAL) for sweep in (one, other)]
    assert finals[0] is not None and finals[1] is not None
    for name in ("metrics", "best_epoch", "epochs", "updates", "stop_reason", "cases"):
        assert finals[0][name] == finals[1][name], name
    for name in ("epoch", "loss", "val_dice"):
        assert finals[0]["history"][name] == finals[1]["history"][name], name
    assert curve(one) == curve(other)


def curve(sweep: Path) -> list[tuple[str, ...]]:
    with (sweep / "trials" / UID / "history.csv").open(newline="") as stream:
        return [(row["epoch"], row["updates"], row["loss"], row["val_dice"]) for row in csv.DictReader(stream)]


def test_an_attempt_reports_every_epoch_and_leaves_its_records(tmp_path: Path) -> None:
    results = attempt(tmp_path)
    assert [(row["epoch"], row["last"], row["done"]) for row in results] == [
        (1, False, False),
        (2, False, False),
        (3, True, True),
    ]
    state = tmp_path / results[-1]["checkpoint"]["path"]
    position = read_position(state)
    assert results[-1]["checkpoint"] == {"epoch": 3, "path": f"trials/{UID}/state/0", "sha256": position.digest}
    final = record(tmp_path, FINAL)
    assert final is not None and final == record(tmp_path, LATEST)
    assert final["weights"]["epoch"] == final["best_epoch"]
    values, _ = read_best(tmp_path / final["weights"]["path"])
    assert values["metrics"]["val_dice"] == final["metrics"]["val_dice"]
    assert [row[0] for row in curve(tmp_path)] == ["1", "2", "3"]
    worker = record(tmp_path, WORKER)
    assert worker is not None and (worker["pid"], worker["attempt"]) == (os.getpid(), 1)
    assert (tmp_path / "trials" / UID / "heartbeat").exists()


def test_every_step_tells_where_the_time_of_the_attempt_went_so_far(tmp_path: Path) -> None:
    told = [dict(result["times_s"]) for result in attempt(tmp_path)]
    assert told[-1].keys() == {"start_up", "training", "checkpointing", "validation"}
    for before, after in pairwise(told):
        assert all(after[name] >= seconds for name, seconds in before.items())
    final = record(tmp_path, FINAL)
    assert final is not None and 0 < sum(final["times_s"].values()) <= sum(told[-1].values())


def test_a_kill_at_any_write_loses_nothing_that_was_reported(tmp_path: Path) -> None:
    """The process dies at its n-th flush to the disk, for one n after the other; then it is resumed and compared."""
    whole = tmp_path / "whole"
    attempt(whole)
    ended_early = 0
    for number in range(1, 60, 5):
        sweep = tmp_path / f"killed-{number}"

        def die(sweep: Path = sweep, number: int = number) -> None:
            kill_at_flush(number)
            attempt(sweep)

        status = forked(die)
        ended_early += status == KILLED
        latest, final = record(sweep, LATEST), record(sweep, FINAL)
        state = newest_state(sweep, UID)
        if state is not None:
            assert latest is not None and latest["epochs"] >= state.position.epochs
        if final is not None:
            assert latest == final and record(sweep, FAILED) is None
        results = attempt(sweep)
        first = results[0]["epoch"]
        assert first == min(3, (state.position.epochs if state else 0) + 1)
        same_training(sweep, whole)
    assert ended_early >= 6


def kill_at_flush(number: int) -> None:
    """From here the process dies when it flushes for the n-th time, before the flush."""
    flush, calls = os.fsync, [0]

    def counting(descriptor: int) -> None:
        calls[0] += 1
        if calls[0] == number:
            os._exit(KILLED)
        flush(descriptor)

    os.fsync = counting


@pytest.mark.parametrize(("computes", "mixed", "said"), [(False, True, 1), (False, False, 0), (True, True, 0)])
def test_the_log_says_when_mixed_precision_is_emulated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, computes: bool, mixed: bool, said: int
) -> None:
    monkeypatch.setattr(session_module, "cpu_computes_bfloat16", lambda: computes)
    attempt(tmp_path, payload({"learning_rate": 2e-3, "mixed_precision": mixed}, epochs=1))
    assert (tmp_path / "trials" / UID / trial_files.LOG).read_text().count("gains no speed") == said


def test_states_are_kept_in_turn_and_the_restored_one_is_overwritten_last(tmp_path: Path) -> None:
    wanted = payload(epochs=4)
    session = TrialSession(wanted, setting(tmp_path, keep_last=3))
    paths = [session.step()["checkpoint"]["path"][-1] for _ in range(2)]
    session.close()
    assert paths == ["0", "1"]
    results = attempt(tmp_path, wanted, keep_last=3)
    assert [row["checkpoint"]["path"][-1] for row in results] == ["2", "0"]
    states = tmp_path / "trials" / UID / "state"
    assert {folder.name: read_position(folder).epochs for folder in states.iterdir()} == {"0": 4, "1": 2, "2": 3}


def test_fewer_states_are_kept_when_fewer_are_wanted(tmp_path: Path) -> None:
    session = TrialSession(payload(), setting(tmp_path, keep_last=2))
    session.step()
    session.step()
    session.close()
    results = attempt(tmp_path, keep_last=1)
    assert [row["checkpoint"]["path"][-1] for row in results] == ["0"]
    assert [folder.name for folder in (tmp_path / "trials" / UID / "state").iterdir()] == ["0"]


def test_states_are_saved_as_often_as_wanted_and_after_the_last_epoch(tmp_path: Path) -> None:
    results = attempt(tmp_path, payload(epochs=5), save_every=2)
    assert [row["checkpoint"] and row["checkpoint"]["epoch"] for row in results] == [None, 2, None, 4, 5]


def test_a_trial_that_was_cut_off_before_its_final_record_only_writes_it(tmp_path: Path) -> None:
    attempt(tmp_path)
    folder = tmp_path / "trials" / UID
    (folder / FINAL).unlink()
    write_record(folder, FAILED, {"kind": "timeout"})
    results = attempt(tmp_path, payload(attempt=2))
    assert [(row["epoch"], row["last"]) for row in results] == [(3, True)]
    final = record(tmp_path, FINAL)
    assert final is not None and final["epochs"] == 3
    assert record(tmp_path, FAILED) is None, "the failure of an earlier attempt stands beside the end of this one"


def test_a_retry_from_nothing_forgets_what_it_trained_before(tmp_path: Path) -> None:
    attempt(tmp_path, payload(epochs=4))
    folder = tmp_path / "trials" / UID
    write_record(folder, FAILED, {"kind": "crash"})
    session = TrialSession(payload(attempt=2), setting(tmp_path))
    session.step()
    session.close()
    assert record(tmp_path, FAILED) is None and record(tmp_path, FINAL) is None
    assert [row[0] for row in curve(tmp_path)] == ["1"]
    assert newest_state(tmp_path, UID).position.epochs == 1  # type: ignore[union-attr]


def test_files_agree_with_the_state_that_an_attempt_goes_on_from(tmp_path: Path) -> None:
    """What was written after the state is gone before anything new is trained."""
    attempt(tmp_path, payload(epochs=4), save_every=3, keep_last=2)
    folder = tmp_path / "trials" / UID
    session = TrialSession(
        payload(epochs=4, state=f"trials/{UID}/state/0"), setting(tmp_path, trainer=f"{HERE}:StopsAtOnce")
    )
    with pytest.raises(SweepError):
        session.step()
    session.close()
    assert [row[0] for row in curve(tmp_path)] == ["1", "2", "3"]
    latest = record(tmp_path, LATEST)
    assert latest is not None and latest["epochs"] == 3
    values, _ = read_best(folder / "checkpoint")
    assert values["epoch"] == latest["best_epoch"] == latest["weights"]["epoch"]


class StopsAtOnce(FakeRun):
    def run_epoch(self, on_batch: Any = None) -> Any:
        raise ValueError("no epoch")


def test_a_trial_goes_on_from_the_state_of_another(tmp_path: Path) -> None:
    whole, sweep = tmp_path / "whole", tmp_path / "sweep"
    attempt(whole, payload(epochs=5))
    (first,) = attempt(sweep, payload(uid="older", epochs=1))
    results = attempt(sweep, payload(epochs=5, state=first["checkpoint"]["path"]))
    assert [row["epoch"] for row in results] == [2, 3, 4, 5]
    assert results[0]["checkpoint"]["path"] == f"trials/{UID}/state/0"
    same_training(sweep, whole)
    assert read_position(sweep / "trials" / "older" / "state" / "0").epochs == 1


def test_an_objective_may_be_a_cost(tmp_path: Path) -> None:
    assert attempt(tmp_path, objectives=("val_dice", "gflops"))[-1]["last"]


def test_a_trainer_that_tells_no_batches_is_saved_all_the_same(tmp_path: Path) -> None:
    results = attempt(tmp_path, trainer=f"{HERE}:Silent")
    assert [row["checkpoint"]["epoch"] for row in results] == [1, 2, 3]
    assert len({row["checkpoint"]["sha256"] for row in results}) == 3


class Silent(FakeRun):
    def run_epoch(self, on_batch: Any = None) -> Any:
        return super().run_epoch(None)


def test_what_a_training_prints_is_in_its_log(tmp_path: Path) -> None:
    run_trial(TrialSession(payload(), setting(tmp_path, trainer=f"{HERE}:Chatty")))
    assert "I am here" in (tmp_path / "trials" / UID / "log.txt").read_text()


class Chatty(FakeRun):
    def run_epoch(self, on_batch: Any = None) -> Any:
        print("I am here")
        return super().run_epoch(on_batch)
