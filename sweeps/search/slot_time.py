"""Where the time went that a trial had a slot: what its worker measured, and what lay around that.

All of it is measured by clocks that only go forward, each in its own process, and no moment of one is compared with a
moment of another: clocks of machines differ.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from liverseg.training.spans import START_UP

DRIVER = "driver"
"""Deciding what runs and whether it goes on, the way of reports to the driver, and writing them down."""

Clock = Callable[[], float]


class SlotTime:
    """The time of one attempt, from the moment at which the driver was asked for a trial.

    Args:
        clock: the driver's seconds.
        asked: when it was asked.
    """

    def __init__(self, clock: Clock = time.monotonic, asked: float | None = None) -> None:
        self._clock = clock
        self._handed_out = clock()
        self._asked = self._handed_out if asked is None else asked
        self._started: float | None = None
        self._told: float | None = None
        self._waited = 0.0
        self._worker: dict[str, float] = {}

    def started(self) -> None:
        """A worker has begun."""
        self._started = self._clock()

    def report(self, times_s: Mapping[str, float] | Iterable[tuple[str, float]] | None) -> None:
        """The worker has told the seconds of its attempt so far by kind of work; None or nothing when it has not.

        Records that it wrote before what it told last are no news.
        """
        worker, now = dict(times_s or ()), self._clock()
        if not worker or sum(worker.values()) < sum(self._worker.values()):
            return
        if self._told is None:
            # Until it began, as seen from here. The way of one report is in it, which is milliseconds.
            self._waited = max(0.0, now - self._handed_out - sum(worker.values()))
        self._worker, self._told = worker, now

    def so_far(self) -> dict[str, float]:
        """Seconds by kind of work up to the last report; up to now before the first."""
        if self._told is None:
            return self._before(self._clock())
        return self._split(self._told)

    def at_end(self, *, lost: bool = False) -> dict[str, float]:
        """Seconds by kind of work, now that the trial lets go of its slot.

        Args:
            lost: the worker died without a word, so what it did since it last reported is not known and is left out.
        """
        if self._told is not None:
            return self._split(self._told if lost else self._clock())
        return self._before(self._started if lost and self._started is not None else self._clock())

    def _before(self, until: float) -> dict[str, float]:
        """Of a worker that has not reported."""
        return _rounded({DRIVER: self._handed_out - self._asked, START_UP: until - self._handed_out})

    def _split(self, until: float) -> dict[str, float]:
        parts = {**self._worker, START_UP: self._worker.get(START_UP, 0.0) + self._waited}
        return _rounded({DRIVER: max(0.0, until - self._asked - sum(parts.values())), **parts})


def _rounded(times_s: Mapping[str, float]) -> dict[str, float]:
    return {name: round(seconds, 3) for name, seconds in times_s.items()}
