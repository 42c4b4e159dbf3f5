"""Stopping a sweep from another terminal, or another machine that sees its folder."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from results.lock import holder, is_locked
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

    A driver on this machine gets SIGTERM; one elsewhere finds the file `stop` in the sweep's folder.

    Raises:
        UsageError: nobody is at work on the sweep.
        SweepError: the driver is still there after `patience_s`.
    """
    if not is_locked(folder.lock):
        raise UsageError(
            "the sweep is not running", where=folder.name, next_step=f"go on with: liversweep resume {folder.name}"
        )
    began = clock()
    folder.stop.touch()
    who = holder(folder.lock)
    if who is not None and who.host == socket.gethostname():
        _terminate(who.pid)
    while is_locked(folder.lock):
        if clock() - began > patience_s:
            raise SweepError(
                "the driver is still at work",
                where=folder.name,
                got=who,
                allowed=f"{patience_s:g} s",
                next_step="ask again, or end the process; nothing that is finished is lost",
            )
        time.sleep(_PAUSE_S)
    folder.stop.unlink(missing_ok=True)
    return Stopped(clock() - began)


def _terminate(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise SweepError("the driver belongs to somebody else", got=f"process {pid}") from error
