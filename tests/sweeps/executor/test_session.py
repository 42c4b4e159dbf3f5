"""An attempt of a trial: what it writes, in which order, and what it leaves to the next attempt."""

from __future__ import annotations

import csv
import errno
import json
import os
import resource
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from liverseg.training.position import read_position
from liverseg.training.weights import read_best
from sweeps import trial_files
from sweeps.errors import SweepError
from sweeps.executor.session import TrialSession
from sweeps.search.states import newest_state
from sweeps.trial_files import FAILED, FINAL, LATEST, STOP, WORKER, write_record
from tests.sweeps.executor.attempts import UID, attempt, forked, payload, record, run_trial, setting, timeless
from tests.sweeps.fake_trainer import FakeRun, fault_parameters
from tests.sweeps.trees import tree

HERE = "tests.sweeps.executor.test_session"
KILLED = 9


class Unhurried(FakeRun):
    """Somebody asks to stop in the third batch of the second epoch, and again while the third is validated."""

    def run_epoch(self, on_batch: Any = None) -> Any:
        stop = Path(os.environ["STOP_FILE"])

        def tell(updates: int) -> None:
            if updates == 7 or (updates == 12 and not stop.with_name("asked-again").exists()):
                stop.touch()
                if updates == 12:
                    stop.with_name("asked-again").touch()
            if on_batch is not None:
                on_batch(updates)

        return super().run_epoch(tell)


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


def test_a_failure_tells_it_too(tmp_path: Path) -> None:
    with pytest.raises(SweepError):
        attempt(tmp_path, trainer="never:Built")
    failed = record(tmp_path, FAILED)
    assert failed is not None and failed["times_s"].keys() == {"start_up"}


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


def test_a_stop_keeps_the_part_of_an_epoch_that_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sweeps.executor.pulse.LOOK_S", 0.0)
    stop, sweep, whole = tmp_path / "sweep" / STOP, tmp_path / "sweep", tmp_path / "whole"
    monkeypatch.setenv("STOP_FILE", str(stop))
    attempt(whole)
    trainer = f"{HERE}:Unhurried"
    results = attempt(sweep, trainer=trainer)
    state = tmp_path / "sweep" / results[-1]["checkpoint"]["path"]
    position = read_position(state)
    assert (position.epochs, position.batches, position.updates) == (1, 3, 7)
    assert timeless(results[-1]) == {
        "stopped": True,
        "done": True,
        "epoch": 1,
        "last": False,
        "checkpoint": {"epoch": 1, "path": f"trials/{UID}/state/0", "sha256": position.digest},
    }
    assert record(sweep, FINAL) is None and record(sweep, FAILED) is None
    stop.unlink()
    results = attempt(sweep, trainer=trainer)
    assert [row["epoch"] for row in results] == [2, 2] and results[-1]["stopped"]
    assert read_position(state).updates == 12
    stop.unlink()
    attempt(sweep, trainer=trainer)
    same_training(sweep, whole)


def test_a_stop_before_anything_is_built_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / STOP).touch()
    (result,) = attempt(tmp_path, trainer="never:Built")
    assert timeless(result) == {"stopped": True, "done": True, "epoch": 0, "last": False, "checkpoint": None}
    (tmp_path / STOP).unlink()
    session = TrialSession(payload(), setting(tmp_path))
    session.step()
    (tmp_path / STOP).touch()
    between = session.step()
    session.close()
    assert between["stopped"] and between["checkpoint"]["epoch"] == 1
    (result,) = attempt(tmp_path, trainer="never:Built")
    assert (result["epoch"], result["checkpoint"]) == (1, None)


def test_a_stop_between_two_states_saves_what_was_trained_since(tmp_path: Path) -> None:
    session = TrialSession(payload(epochs=5), setting(tmp_path, save_every=3))
    assert session.step()["checkpoint"] is None
    (tmp_path / STOP).touch()
    assert session.step()["checkpoint"]["epoch"] == 1
    session.close()


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


def test_an_objective_may_be_a_cost(tmp_path: Path) -> None:
    assert attempt(tmp_path, objectives=("val_dice", "gflops"))[-1]["last"]


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


class Reading(FakeRun):
    """Wants slices, and does nothing with them."""

    needs_packs, needs_backend = True, False

    def __init__(self, config: Any, train: Any, validation: Any, **more: Any) -> None:
        assert (train, validation) == ("train of fold 0", "validation of fold 0")
        super().__init__(config, None, None, **more)


class Slow:
    """Prepared cases that take their time: the heartbeat is gone before each part, and somebody may ask to stop."""

    def __init__(self, folder: Path, stop: bool) -> None:
        self.folder, self.stop, self.beats = folder, stop, 0

    def pack(self, part: str, size_px: int, fold: int, beat: Any) -> str:
        heartbeat = self.folder / "trials" / UID / trial_files.HEARTBEAT
        heartbeat.unlink(missing_ok=True)
        if self.stop:
            (self.folder / STOP).touch()
        beat()
        self.beats += heartbeat.exists()
        return f"{part} of fold {fold}"


@pytest.mark.parametrize("stop", [False, True])
def test_a_trial_gives_signs_of_life_and_hears_the_order_to_stop_while_its_data_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: bool
) -> None:
    monkeypatch.setattr("sweeps.executor.pulse.LOOK_S", 0.0)
    monkeypatch.setattr("sweeps.executor.pulse.TOUCH_S", 0.0)
    slow = Slow(tmp_path, stop)
    results = attempt(tmp_path, trainer=f"{HERE}:Reading", prepared=slow)
    if stop:
        stopped = {"stopped": True, "done": True, "epoch": 0, "last": False, "checkpoint": None}
        assert [timeless(result) for result in results] == [stopped]
    else:
        assert slow.beats == 2 and results[-1]["last"]
