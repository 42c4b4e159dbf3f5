"""One driver a sweep: an exclusive lock on a file in the sweep's folder.

The kernel holds the lock (`flock`) and releases it when the process ends, however it ends. So a lock is never stale:
the text in the file only says who holds, or last held, it. The file is never removed: removing it would let two
drivers lock two different files of the same name.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType

from results.errors import LockedError, ResultsError
from results.ledger import utc_now
from results.storage import sync_folder, write_all

# A reader that asks `is_locked` holds a shared lock for an instant; a driver that starts in that instant must not be
# refused.
_PATIENCE_S = 0.25
_PAUSE_S = 0.01


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock: process, machine, and since when (UTC, ISO 8601)."""

    pid: int
    host: str
    since: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} since {self.since}"


class SweepLock:
    """The exclusive right to drive a sweep, as a context manager.

    Not inherited by programs that this process starts. A forked child that lives on would keep it held.
    """

    def __init__(self, path: Path, *, clock: Callable[[], datetime] = utc_now) -> None:
        self.path = path
        self._clock = clock
        self._descriptor = -1

    def acquire(self) -> None:
        """Take the lock or refuse at once (a quarter of a second).

        Raises:
            LockedError: another driver holds it; says who.
            ResultsError: the file cannot be made.
        """
        if self._descriptor >= 0:
            raise ResultsError("this driver holds the lock already", where=str(self.path))
        existed = self.path.exists()
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            raise ResultsError("the lock cannot be made", where=str(self.path), got=error.strerror) from error
        if not _lock(descriptor):
            os.close(descriptor)
            raise self._refusal()
        self._descriptor = descriptor
        self._sign()
        if not existed:
            sync_folder(self.path.parent)

    def _refusal(self) -> LockedError:
        return LockedError(
            "another driver is at work on this sweep",
            where=str(self.path),
            got=holder(self.path),
            next_step="wait until it ends, or stop it first",
        )

    def _sign(self) -> None:
        """Write who holds the lock. A full disk must not keep a sweep from being driven, so failure is ignored."""
        since = self._clock().isoformat(timespec="seconds").replace("+00:00", "Z")
        text = json.dumps({"schema_version": 1, "pid": os.getpid(), "host": socket.gethostname(), "since": since})
        try:
            os.ftruncate(self._descriptor, 0)
            write_all(self._descriptor, text.encode() + b"\n")
        except OSError:
            return

    def release(self) -> None:
        """Give the lock back. Does nothing when it is not held."""
        if self._descriptor >= 0:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> SweepLock:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _lock(descriptor: int) -> bool:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_PAUSE_S)
        else:
            return True


def is_locked(path: Path) -> bool:
    """Whether a driver holds the lock now. A missing file is not locked."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def holder(path: Path) -> Holder | None:
    """Who signed the lock file last without releasing it; None when it is empty, missing or unreadable."""
    try:
        record = json.loads(path.read_bytes())
        return Holder(int(record["pid"]), str(record["host"]), str(record["since"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
