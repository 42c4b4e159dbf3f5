"""The lock beside a chained record: one writer at a time, and no reader in the middle of a line."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from results.errors import LockedError, ResultsError

_PATIENCE_S = 10.0
_PAUSE_S = 0.01


@contextmanager
def locked(path: Path, *, shared: bool = False) -> Iterator[bool]:
    """Hold the lock beside the record. A reader holds none where no writer has been yet, and makes no file.

    Args:
        path: of the record.
        shared: as a reader.

    Yields:
        Whether it is held.

    Raises:
        LockedError: another process has kept it for ten seconds.
        ResultsError: it cannot be made.
    """
    lock = lock_path(path)
    flags = os.O_RDONLY if shared else os.O_RDWR | os.O_CREAT
    try:
        descriptor = os.open(lock, flags | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
    except OSError as error:
        if shared and isinstance(error, (FileNotFoundError, NotADirectoryError)):
            yield False
            return
        raise ResultsError("the record cannot be locked", where=str(lock), got=error.strerror) from error
    try:
        _wait_for(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, path)
        yield True
    finally:
        os.close(descriptor)


def lock_path(path: Path) -> Path:
    """Where the lock of a record lies."""
    return path.with_name(f".{path.name}.lock")


def _wait_for(descriptor: int, kind: int, path: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                what = "another process keeps the record locked"
                raise LockedError(what, where=str(path), next_step="wait until it ends, then try again") from None
            time.sleep(_PAUSE_S)
        else:
            return
