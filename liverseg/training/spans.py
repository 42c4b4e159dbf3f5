"""Where time goes: seconds by kind of work, measured where the work is done.

Whoever wants to know makes a `Stopwatch` and lets it run; whoever does the work names it with `span`. A training without a
stopwatch runs as it does with one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar

START_UP, TRACING, TRAINING, VALIDATION, CHECKPOINTING = (
    "start_up",
    "tracing",
    "training",
    "validation",
    "checkpointing",
)
"""Kinds of work in a trial: until there is a network to build, building and compiling it, and what the words say."""

_RUNNING: ContextVar[Stopwatch | None] = ContextVar("stopwatch", default=None)


class Stopwatch:
    """Seconds by name. Time in a span within another counts for the inner one alone, so that all spans add up to the whole.

    For one thread: in any other no stopwatch runs, and `span` does nothing there.

    Args:
        clock: seconds that only go forward.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seconds: dict[str, float] = {}
        self._names: list[str] = []
        self._since = 0.0

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds by name so far, those of an open span included."""
        self._book()
        return dict(self._seconds)

    @property
    def rounded(self) -> dict[str, float]:
        """The same in whole milliseconds."""
        return {name: round(seconds, 3) for name, seconds in self.seconds.items()}

    @contextmanager
    def running(self, name: str) -> Iterator[None]:
        """A block in which `span` books here; what no span names is `name`."""
        token = _RUNNING.set(self)
        try:
            with self.span(name):
                yield
        finally:
            _RUNNING.reset(token)

    @contextmanager
    def span(self, name: str) -> Iterator[None]:
        """A block whose time is `name`."""
        self._book()
        self._names.append(name)
        try:
            yield
        finally:
            self._book()
            self._names.pop()

    def _book(self) -> None:
        now = self._clock()
        if self._names:
            name = self._names[-1]
            self._seconds[name] = self._seconds.get(name, 0.0) + now - self._since
        self._since = now


def span(name: str) -> AbstractContextManager[None]:
    """A block whose time is `name` to the stopwatch that runs, if one does."""
    stopwatch = _RUNNING.get()
    return nullcontext() if stopwatch is None else stopwatch.span(name)


def running_stopwatch() -> Stopwatch | None:
    """The stopwatch that runs, if one does."""
    return _RUNNING.get()
