"""Stopping a sweep from another terminal, or another machine that sees its folder."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from results.lock import Holder
from sweeps.errors import SweepError, UsageError
from sweeps.folder import SweepFolder

PATIENCE_S = 30.0
_PAUSE_S = 0.05


@dataclass(frozen=True, slots=True)
class Stopped:
    """How long the driver took to leave."""

    seconds: float


def stop_sweep(
    folder: SweepFolder, *, patience_s: float = PATIENCE_S, clock: Callable[[], float] = time.monotonic
) -> Stopped:
    """Ask the sweep's driver to let every trial save its state and to end; waits until it has.

    A driver on this machine gets SIGTERM; one elsewhere finds the file `stop` in the sweep's folder. Never both: a driver
    that had seen the file would take the signal for a second one, and leave at once. Nor twice, for the same reason.

    Raises:
        UsageError: nobody is at work on the sweep.
        SweepError: the driver is still there after `patience_s`.
    """
    if not folder.is_driven():
        raise UsageError(
            "the sweep is not running", where=folder.name, next_step=f"go on with: liversweep resume {folder.call}"
        )
    began = clock()
    who = folder.driver()
    # Whoever drives a sweep in a store is told there: a process of that number may be another one's, in another container.
    here = None if folder.ferry.uri else who
    if not folder.ferry.stop_asked(folder.path) and not (here is not None and _terminated(here)):
        folder.ask_to_stop()
    while folder.is_driven():
        if clock() - began > patience_s:
            raise SweepError(
                "the driver is still at work",
                where=folder.name,
                got=who,
                allowed=f"{patience_s:g} s",
                next_step="end the process; nothing that is finished is lost",
            )
        time.sleep(max(_PAUSE_S, folder.ferry.pause_s))
    folder.withdraw_stop()
    return Stopped(clock() - began)


def _terminated(who: Holder) -> bool:
    """Whether the driver is a process here that could be told."""
    if who.host != socket.gethostname():
        return False
    try:
        os.kill(who.pid, signal.SIGTERM)
    except (ProcessLookupError, PermissionError):
        return False  # of another container, or another person: the file tells it
    return True
