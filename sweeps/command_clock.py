"""How long the command has been at work that drives a sweep, and with what, until its first trial may be handed out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol

from liverseg.training.spans import Stopwatch

START, CHECKS, CLUSTER, SCANS, FOLDER = "start", "checks", "cluster", "scans", "folder"
"""What goes before the first trial: the program itself and the spec, checking scans, Ray, preparing scans, the sweep's folder."""

_COMMAND: ContextVar[CommandClock | None] = ContextVar("command", default=None)


class AnyLedger(Protocol):
    """A ledger to append to."""

    def append(self, event: str, /, **payload: object) -> object:
        """Add one event."""


@dataclass(slots=True)
class CommandClock:
    """Since when this process is at work on its one command.

    Attributes:
        stopwatch: runs from the command's first line on.
        run: which run of the sweep it drives; 0 while it drives none.
        closed: seconds of the process after which the ledger was closed; None before.
    """

    stopwatch: Stopwatch = field(default_factory=Stopwatch)
    run: int = 0
    closed: float | None = None

    def parts_s(self) -> dict[str, float]:
        """Seconds since the process began by what they went into; what came before our first line is `start` too."""
        parts = self.stopwatch.seconds
        parts[START] = parts.get(START, 0.0) + max(0.0, process_age_s() - sum(parts.values()))
        return {name: round(seconds, 3) for name, seconds in parts.items()}


@contextmanager
def whole_process() -> Iterator[None]:
    """A block that is all that this process does."""
    clock = CommandClock()
    token = _COMMAND.set(clock)
    try:
        with clock.stopwatch.running(START):
            yield
    finally:
        _COMMAND.reset(token)


def command_clock() -> CommandClock | None:
    """The clock of this process's command; None where the process is not there for one command."""
    return _COMMAND.get()


def process_age_s() -> float:
    """Seconds since this process was started, its interpreter's start included."""
    import psutil

    return time.time() - float(psutil.Process().create_time())


def note_ready(ledger: AnyLedger, run: int, slots: int) -> None:
    """Write down that trials may be handed out, and what came before.

    Args:
        ledger: of the sweep.
        run: which run of the sweep this is, from 1.
        slots: trials at once; 0 when none will be run.

    Raises:
        LedgerError: the event could not be written.
    """
    clock = _COMMAND.get()
    parts = {} if clock is None else clock.parts_s()
    seconds = round(sum(parts.values()), 3) if parts else None
    ledger.append("ready", run=run, slots=slots, seconds=seconds, parts_s=parts)
    if clock is not None:
        clock.run = run


def note_closed() -> None:
    """The ledger has its last line of this run."""
    clock = _COMMAND.get()
    if clock is not None and clock.run:
        clock.closed = process_age_s()
