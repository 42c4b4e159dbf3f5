"""The sign of life of a trial, and its ear for the order to stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

TOUCH_S = 1.0
LOOK_S = 0.2


class StopRequested(Exception):
    """Somebody asked the sweep to stop; ends an epoch at its next batch."""


class Pulse:
    """Touches a file while batches go by and looks for another that asks everybody to stop.

    Args:
        heartbeat: file whose modification time is the sign of life, written at most once a second.
        stop: file whose existence asks to stop, looked for at most five times a second.
        on_beat: called with every beat.
        clock: seconds that only go forward.
    """

    def __init__(
        self, heartbeat: Path, stop: Path, on_beat: Callable[[], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._heartbeat, self._stop, self._on_beat, self._clock = heartbeat, stop, on_beat, clock
        self._touched = self._looked = -float("inf")

    def beat(self) -> None:
        """Something was completed.

        Raises:
            OSError: the disk is full or cannot be written.
        """
        self._on_beat()
        now = self._clock()
        if now - self._touched >= TOUCH_S:
            self._heartbeat.touch()
            self._touched = now

    def batch(self) -> None:
        """A batch was completed.

        Raises:
            StopRequested: the file is there.
        """
        self.beat()
        now = self._clock()
        if now - self._looked >= LOOK_S:
            self._looked = now
            self.check_stop()

    def check_stop(self) -> None:
        """Look now.

        Raises:
            StopRequested: the file is there.
        """
        if self._stop.exists():
            raise StopRequested
