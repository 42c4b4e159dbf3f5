"""Trials that cannot end themselves, in real processes that are really ended."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from sweeps import trial_files
from sweeps.executor.guard import EXIT_STATUS, GRACE_S, RELAXED_S, Guard, Limits, Stand
from sweeps.executor.memory import private_memory_bytes
from tests.sweeps.executor.attempts import UID, forked, payload, record, setting, spawned
from tests.sweeps.faults import fault_parameters

STAND = Stand(2, "batch_size 8, size 64")


@pytest.fixture
def guard(tmp_path: Path) -> Iterator[Guard]:
    guard = Guard(tmp_path, Limits(memory_bytes=10**12, deadline_s=60.0, stall_s=30.0), lambda: STAND)
    guard.start()
    yield guard
    guard.close()


@pytest.mark.parametrize("fault", ["hang", "busy"])
def test_r08_a_hung_trial_ends_at_its_deadline(tmp_path: Path, fault: str) -> None:
    child = spawned(tmp_path, payload(fault_parameters(fault, 2)), deadline_s=1.5)
    assert child.wait(30) == EXIT_STATUS, child.communicate()
    failure = record(tmp_path, trial_files.FAILED)
    assert failure is not None and (failure["kind"], failure["epochs"]) == ("timeout", 1)
    assert "deadline" in failure["message"] and failure["seconds"] < 1.5 + 5
    log = (tmp_path / "trials" / UID / trial_files.LOG).read_text()
    assert "fake_trainer.py" in log, "the log does not show where it hung"
    assert not trial_files.hung(tmp_path / "trials" / UID)


def test_r08_a_trial_without_progress_ends(tmp_path: Path) -> None:
    child = spawned(tmp_path, payload(fault_parameters("hang", 2)), stall_s=1.0)
    assert child.wait(30) == EXIT_STATUS, child.communicate()
    failure = record(tmp_path, trial_files.FAILED)
    assert failure is not None and failure["kind"] == "timeout" and "stall" in failure["message"]


@pytest.mark.parametrize("limits", [{"stall_s": 1.0}, {"deadline_s": 1.5}])
def test_r08_a_trial_that_lets_no_thread_run_ends(tmp_path: Path, limits: dict[str, float]) -> None:
    child = spawned(tmp_path, payload(fault_parameters("stuck", 2)), **limits)
    assert child.wait(30) == 1, child.communicate()
    assert record(tmp_path, trial_files.FAILED) is None
    assert trial_files.hung(tmp_path / "trials" / UID)
    assert "fake_trainer.py" in (tmp_path / "trials" / UID / trial_files.LOG).read_text()


def test_r07_a_trial_over_its_memory_ends_before_the_machine_is_full(tmp_path: Path) -> None:
    limit = 500_000_000
    wanted = payload(fault_parameters("memory", 2, batch_size=32, size=256))
    child = spawned(tmp_path, wanted, {"FAKE_ALLOCATE_MB": "800"}, memory_bytes=limit)
    assert child.wait(30) == EXIT_STATUS, child.communicate()
    failure = record(tmp_path, trial_files.FAILED)
    assert failure is not None and failure["kind"] == "oom"
    assert f"allowed: {limit / 1e9:.2f} GB" in failure["message"] and "batch_size 32, size 256" in failure["message"]
    assert "gpus: 1" in failure["message"]


@pytest.mark.parametrize(("fault", "status"), [("kill", -signal.SIGKILL), ("os_exit", 9)])
def test_r07_a_trial_that_dies_without_a_word_leaves_its_state(tmp_path: Path, fault: str, status: int) -> None:
    child = spawned(tmp_path, payload(fault_parameters(fault, 2)))
    assert child.wait(30) == status, child.communicate()
    assert record(tmp_path, trial_files.FAILED) is None and record(tmp_path, trial_files.FINAL) is None
    latest = record(tmp_path, trial_files.LATEST)
    assert latest is not None and latest["epochs"] == 1


def test_a_frozen_trial_stops_its_heartbeat(tmp_path: Path) -> None:
    child = spawned(tmp_path, payload(fault_parameters("freeze")), stall_s=0.5)
    try:
        _, status = os.waitpid(child.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        worker = record(tmp_path, trial_files.WORKER)
        assert worker is not None and worker["pid"] == child.pid
        assert record(tmp_path, trial_files.FAILED) is None
    finally:
        child.kill()
        child.communicate()


def test_a_trial_never_has_both_ends(tmp_path: Path) -> None:
    """The guard strikes in the moment in which the trial settles: one of them wins, in whole."""
    won = {True: 0, False: 0}
    for number in range(30):
        folder = tmp_path / str(number)
        folder.mkdir()

        def race(folder: Path = folder, number: int = number) -> None:
            guard = Guard(folder, Limits(deadline_s=0.05 - GRACE_S), lambda: STAND)
            guard.start()
            with guard.watching():
                # The first settles long before the thread looks, the last long after, the others around its look.
                time.sleep({0: 0.0, 29: 2.0}.get(number, RELAXED_S - 0.01 + 0.001 * number))
                guard.settle()
                trial_files.write_record(folder, trial_files.FINAL, {"metrics": {}})
            guard.close()

        status = forked(race)
        final, failed = (trial_files.read_record(folder, name) for name in (trial_files.FINAL, trial_files.FAILED))
        assert (final is None) != (failed is None)
        assert status == (EXIT_STATUS if final is None else 0)
        won[final is None] += 1
    assert won[True] and won[False], won


def test_nothing_counts_outside_the_watched_block(tmp_path: Path) -> None:
    guard = Guard(tmp_path, Limits(memory_bytes=1, deadline_s=0.0, stall_s=0.0), lambda: STAND)

    def idle() -> None:
        guard.start()
        guard.beat()
        threading.Event().wait(0.3)
        guard.close()

    assert forked(idle) == 0
    assert trial_files.read_record(tmp_path, trial_files.FAILED) is None


def test_a_closed_guard_leaves_no_thread_and_no_file(guard: Guard, tmp_path: Path) -> None:
    def files() -> list[str]:
        """The log and the gauge's file. What else is open may be that of tests before, and be closed at any time."""
        found = []
        for descriptor in Path("/proc/self/fd").iterdir():
            with suppress(OSError):
                found.append(str(descriptor.readlink()))
        return [path for path in found if path in (str(tmp_path / trial_files.LOG), f"/proc/{os.getpid()}/statm")]

    assert len(files()) == 2
    with guard.watching():
        guard.beat()
    assert any(thread.name == "liversweep-guard" for thread in threading.enumerate())
    guard.close()
    assert not any(thread.name == "liversweep-guard" for thread in threading.enumerate())
    assert files() == []
    guard.close()


def test_memory_counts_what_is_private_only(tmp_path: Path) -> None:
    import mmap

    before = private_memory_bytes()
    shared = mmap.mmap(-1, 80_000_000)
    shared.write(b"1" * 80_000_000)
    assert private_memory_bytes() - before < 40_000_000
    own = bytearray(b"1") * 80_000_000
    assert private_memory_bytes() - before > 60_000_000
    assert setting(tmp_path).memory_bytes is None and len(own) == len(shared)
