"""Free disk, and the mark below which no trial is started."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from cluster.sizes import size_text
from sweeps.errors import sentence

LOOK_EVERY_S = 1.0


def free_bytes(path: Path) -> int:
    """Bytes that this user may still write on the disk of `path`, which need not exist yet.

    Raises:
        OSError: the system does not say.
    """
    return shutil.disk_usage(existing(path)).free


def existing(path: Path) -> Path:
    """`path`, or the nearest folder above it that exists."""
    path = path.absolute()
    return next(folder for folder in (path, *path.parents) if folder.exists())


class LowWater:
    """Whether there is too little free disk to start another trial. Asks the system at most once a second.

    Args:
        sweep: the folder of the sweep, `runs/<name>`.
        min_free_bytes: how much must be free; 0 never asks.
        name: what the sweep is called on the command line; its folder's name when left out.
        clock: seconds that only go forward.
    """

    def __init__(
        self, sweep: Path, min_free_bytes: int, name: str = "", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._sweep, self._min_free_bytes, self._clock = sweep, min_free_bytes, clock
        self._name = name or sweep.name
        self._free_bytes = 0
        self._asked: float | None = None

    def low(self) -> str | None:
        """What to tell the user when there is too little room, None when there is enough.

        Raises:
            OSError: the system does not say.
        """
        if not self._min_free_bytes or self._look() >= self._min_free_bytes:
            return None
        return sentence(
            str(self._sweep),
            "too little room on the disk to start another trial",
            f"{size_text(self._free_bytes)} free",
            f"at least {size_text(self._min_free_bytes)} (keep.min_free)",
            f"make room, then: liversweep resume {self._name}",
        )

    def _look(self) -> int:
        now = self._clock()
        if self._asked is None or now - self._asked >= LOOK_EVERY_S:
            self._free_bytes, self._asked = free_bytes(self._sweep), now
        return self._free_bytes


def full_text(sweep: Path, reason: str, name: str = "") -> str:
    """What to tell the user when something could not be written for want of room.

    Args:
        sweep: the folder of the sweep, `runs/<name>`.
        reason: what the system said.
        name: what the sweep is called on the command line; its folder's name when left out.
    """
    step = f"nothing that is finished is lost; make room, then: liversweep resume {name or sweep.name}"
    return sentence(str(sweep), "the disk is full", reason, None, step)


def silent_text(uri: str, reason: str) -> str:
    """What to tell the user when the store did not take or give something, for all our patience.

    Args:
        uri: of the sweep.
        reason: what the store or the system said.
    """
    runs, _, name = uri.rpartition("/")
    step = f"nothing that is finished is lost; when it answers again: liversweep resume {name} --runs {runs}"
    return sentence(uri, "the store cannot be used", reason, None, step)
