"""The driver's eye on workers, with a clock that we turn."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sweeps import trial_files
from sweeps.executor.watch import MARGIN_S, PAUSE_S, Sentence, Watch, end_worker, kill_worker
from tests.sweeps.executor.attempts import UID, record

LIMIT_S = 10.0


class Case:
    """A watch, its clock, a trial, and what was to be ended."""

    def __init__(self, sweep: Path, deadline_s: float | None = None, stall_s: float | None = None) -> None:
        self.sweep, self.folder, self.now, self.ended = sweep, sweep / "trials" / UID, 1000.0, list[Sentence]()
        self.watch = Watch(sweep / "trials", deadline_s, stall_s, end=self.ended.append, clock=lambda: self.now)

    def sign(self, attempt: int = 1, pid: int = 4242) -> dict[str, Any]:
        worker = {"pid": pid, "host": socket.gethostname(), "node_id": None, "attempt": attempt}
        trial_files.write_record(self.folder, trial_files.WORKER, worker)
        return worker

    def beat(self) -> None:
        """As a batch of the worker does, with another time than before."""
        heart = self.folder / trial_files.HEARTBEAT
        heart.touch()
        os.utime(heart, ns=(0, int(self.now * 1e9)))

    def after(self, seconds: float, attempt: int = 1) -> tuple[str, ...]:
        self.now += seconds
        return self.watch.look({UID: attempt})


@pytest.mark.parametrize(("limit", "words"), [("deadline_s", "deadline"), ("stall_s", "no sign of life")])
def test_r08_a_frozen_worker_is_ended_after_its_limit_and_a_margin(tmp_path: Path, limit: str, words: str) -> None:
    case = Case(tmp_path, **{limit: LIMIT_S})
    worker = case.sign()
    assert case.after(0) == ()
    assert case.after(LIMIT_S + MARGIN_S) == (), "the worker's own guard comes first"
    assert case.after(PAUSE_S) == (UID,)
    (sentence,) = case.ended
    assert sentence.trial == case.folder and sentence.worker == worker and words in sentence.reason
    assert sentence.seconds == pytest.approx(LIMIT_S + MARGIN_S + PAUSE_S)
    assert "raise trial." in sentence.reason


def test_a_heartbeat_begins_the_stall_anew(tmp_path: Path) -> None:
    case = Case(tmp_path, stall_s=LIMIT_S)
    case.sign()
    for _ in range(5):
        case.beat()
        assert case.after(LIMIT_S) == ()
    assert case.after(LIMIT_S) == ()
    assert case.after(LIMIT_S) == (UID,)


def test_a_heartbeat_does_not_move_the_deadline(tmp_path: Path) -> None:
    case = Case(tmp_path, deadline_s=LIMIT_S)
    case.sign()
    found = []
    for _ in range(5):
        case.beat()
        found.append(case.after(LIMIT_S / 3))
    assert found == [(), (), (), (), (UID,)]


def test_what_an_earlier_attempt_left_is_no_sign(tmp_path: Path) -> None:
    case = Case(tmp_path, deadline_s=LIMIT_S, stall_s=LIMIT_S)
    case.sign(attempt=1)
    assert case.after(0, attempt=2) == case.after(100 * LIMIT_S, attempt=2) == ()
    case.sign(attempt=2)
    assert case.after(LIMIT_S, attempt=2) == case.after(LIMIT_S, attempt=2) == ()
    assert case.after(LIMIT_S, attempt=2) == (UID,)


def test_the_next_attempt_has_all_its_time(tmp_path: Path) -> None:
    case = Case(tmp_path, deadline_s=LIMIT_S)
    case.sign(attempt=1)
    assert case.after(0) == case.after(LIMIT_S) == ()
    case.sign(attempt=2)
    assert case.after(LIMIT_S, attempt=2) == case.after(LIMIT_S, attempt=2) == ()


def test_no_worker_no_limit_or_no_trial_ends_nothing(tmp_path: Path) -> None:
    case = Case(tmp_path, stall_s=LIMIT_S)
    assert case.after(0) == case.after(100 * LIMIT_S) == ()
    case.sign()
    case.now += 100 * LIMIT_S
    assert case.watch.look({}) == ()
    unlimited = Case(tmp_path)
    assert unlimited.after(0) == unlimited.after(100 * LIMIT_S) == ()


def test_it_looks_twice_a_second_at_most(tmp_path: Path) -> None:
    case = Case(tmp_path, stall_s=0.1)
    case.sign()
    assert case.after(0) == case.after(0.9 * PAUSE_S) == ()
    case.now += MARGIN_S
    assert case.watch.look({UID: 1}) == (UID,)
    assert case.after(0.9 * PAUSE_S) == () and len(case.ended) == 1


def test_a_worker_that_was_not_ended_is_sentenced_again(tmp_path: Path) -> None:
    case = Case(tmp_path, stall_s=LIMIT_S)
    case.sign()
    found = [case.after(LIMIT_S) for _ in range(6)]
    assert found == [(), (), (UID,), (), (), (UID,)]


def test_a_trial_that_is_done_has_time_to_say_so(tmp_path: Path) -> None:
    case = Case(tmp_path, deadline_s=LIMIT_S)
    case.sign()
    assert case.after(0) == case.after(LIMIT_S) == ()
    case.beat()
    trial_files.write_record(case.folder, trial_files.FINAL, {"metrics": {}})
    assert case.after(LIMIT_S) == case.after(LIMIT_S) == ()
    assert case.after(LIMIT_S) == (UID,)


def test_a_worker_that_is_alive_costs_a_look_no_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    theirs = trial_files.read_record
    monkeypatch.setattr(trial_files, "read_record", lambda folder, name: read.append(name) or theirs(folder, name))
    case = Case(tmp_path, deadline_s=100 * LIMIT_S, stall_s=LIMIT_S)
    case.sign()
    for _ in range(10):
        case.beat()
        assert case.after(LIMIT_S) == ()
    assert read == [trial_files.WORKER]


@pytest.fixture
def process() -> Any:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        yield child
        child.kill()


def test_a_worker_here_is_killed_with_its_reason_on_disk(tmp_path: Path, process: subprocess.Popen[bytes]) -> None:
    case = Case(tmp_path, stall_s=LIMIT_S)
    end_worker(Sentence(case.folder, case.sign(pid=process.pid), "it stood still", 12.5))
    assert process.wait(10) == -signal.SIGKILL
    assert record(tmp_path, trial_files.FAILED) == {
        "kind": "timeout",
        "message": "it stood still",
        "epochs": 0,
        "seconds": 12.5,
    }
    kill_worker(case.sign(pid=process.pid))  # nobody there: no error


@pytest.mark.parametrize("name", [trial_files.FINAL, trial_files.FAILED])
def test_what_a_worker_said_of_its_end_stands(tmp_path: Path, process: subprocess.Popen[bytes], name: str) -> None:
    case = Case(tmp_path, stall_s=LIMIT_S)
    worker = case.sign(pid=process.pid)
    trial_files.write_record(case.folder, name, {"kind": "nan"})
    Sentence(case.folder, worker, "it stood still", 12.5).carry_out()
    assert process.wait(10) == -signal.SIGKILL
    assert record(tmp_path, name) == {"kind": "nan"}
    assert (record(tmp_path, trial_files.FAILED) is None) == (name == trial_files.FINAL)


def test_a_sentence_that_comes_too_late_does_nothing(tmp_path: Path, process: subprocess.Popen[bytes]) -> None:
    """A machine that did not answer for a while may come to it when the trial runs elsewhere."""
    case = Case(tmp_path, stall_s=LIMIT_S)
    sentence = Sentence(case.folder, case.sign(attempt=1, pid=process.pid), "it stood still", 12.5)
    case.sign(attempt=2, pid=process.pid)
    sentence.carry_out()
    assert process.poll() is None and record(tmp_path, trial_files.FAILED) is None
