"""The lock: a real second process, a real kill."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from results.errors import LockedError, ResultsError
from results.lock import SweepLock, holder, is_locked

HOLD = """
import sys
from pathlib import Path
from results.lock import SweepLock
with SweepLock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""

TRY = """
import sys, time
from pathlib import Path
from results.errors import LockedError
from results.lock import SweepLock
began = time.monotonic()
try:
    SweepLock(Path(sys.argv[1])).acquire()
except LockedError as error:
    print(type(error).__name__, time.monotonic() - began, error, sep="|")
"""


@contextmanager
def other_driver(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock until its standard input is closed."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        yield child
    finally:
        child.kill()
        child.communicate()


def test_r09_a_second_driver_is_refused_and_told_who_holds_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with other_driver(path) as child:
        assert is_locked(path)
        with pytest.raises(LockedError, match=f"process {child.pid} on") as caught:
            SweepLock(path).acquire()
        assert "stop it first" in str(caught.value)


def test_r09_a_second_driver_is_refused_within_two_seconds(tmp_path: Path) -> None:
    """Two real processes; the time is that of the call, without the start of Python."""
    path = tmp_path / "lock"
    with other_driver(path) as child:
        done = subprocess.run([sys.executable, "-c", TRY, str(path)], capture_output=True, text=True, check=True)
        refused, seconds, message = done.stdout.strip().split("|")
        assert refused == "LockedError"
        assert f"process {child.pid} on" in message
        assert float(seconds) < 2
        found = holder(path)
        assert found is not None
        assert found.pid == child.pid
        assert child.poll() is None


def test_r09_the_lock_of_a_killed_driver_is_recovered(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with other_driver(path) as child:
        child.kill()
        child.wait()
        left = holder(path)
        assert left is not None
        assert left.pid == child.pid
        assert not is_locked(path)
        with SweepLock(path):
            assert is_locked(path)
            signed = holder(path)
            assert signed is not None
            assert signed.pid != child.pid


def test_a_released_lock_is_free_and_unsigned(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    lock = SweepLock(path)
    with lock, pytest.raises(LockedError):
        SweepLock(path).acquire()
    assert holder(path) is None
    assert not is_locked(path)
    with lock:
        assert is_locked(path)


def test_programs_that_the_driver_starts_do_not_keep_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with SweepLock(path):
        child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    try:
        assert not is_locked(path)
    finally:
        child.communicate()


def test_a_lock_in_no_folder_and_a_lock_taken_twice_are_refused(tmp_path: Path) -> None:
    assert not is_locked(tmp_path / "none")
    with pytest.raises(ResultsError, match="cannot be made"):
        SweepLock(tmp_path / "none" / "lock").acquire()
    lock = SweepLock(tmp_path / "lock")
    with lock, pytest.raises(ResultsError, match="already"):
        lock.acquire()


@pytest.mark.parametrize("text", ["", "nonsense", "[]", '{"pid": 3}'])
def test_an_unreadable_signature_is_no_holder(tmp_path: Path, text: str) -> None:
    (tmp_path / "lock").write_text(text)
    assert holder(tmp_path / "lock") is None
    with SweepLock(tmp_path / "lock"):
        pass
