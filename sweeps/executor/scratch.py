"""Scratch folders of workers on their own machines: one an attempt, locked by its owner for as long as that lives."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LEFT_BEHIND_S = 600.0
"""After so long without a sign of life a scratch folder without a process is nobody's."""
PATIENCE_S = 3.0
"""How long to wait for a dying worker to let go of its scratch folder."""
OWNER = ".owner"
_PAUSE_S = 0.05


def scratch_root() -> Path:
    """Where scratch folders lie on this machine."""
    return Path(tempfile.gettempdir()) / f"liversweep-{os.getuid()}" / "scratch"


def remove_left_behind(root: Path) -> None:
    """Remove scratch folders of workers that are long dead."""
    for place in root.iterdir():
        with suppress(OSError):
            if time.time() - (place / OWNER).stat().st_mtime < LEFT_BEHIND_S:
                continue
            with when_free(place, 0.0) as free:
                if free:
                    shutil.rmtree(place, ignore_errors=True)


@contextmanager
def when_free(place: Path, patience_s: float | None = None) -> Iterator[bool]:
    """Whether the folder's owner is gone; it is this process's until the block ends."""
    end, owner = time.monotonic() + (PATIENCE_S if patience_s is None else patience_s), -1
    while owner < 0:
        try:
            owner = locked(place)
        except BlockingIOError:
            if time.monotonic() > end:
                break
            time.sleep(_PAUSE_S)
    try:
        yield owner >= 0
    finally:
        if owner >= 0:
            os.close(owner)


def locked(place: Path, flags: int = 0) -> int:
    """The owner's lock on a scratch folder, as a descriptor; raises `BlockingIOError` while another process has it."""
    descriptor = os.open(place / OWNER, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
