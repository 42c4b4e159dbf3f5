"""The ways in which a trial may fail, each by its name, and what the process does that is to fail so.

Environment `FAKE_ALLOCATE_MB` says how much the fault `memory` takes at most (default 400).
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

FAULTS = (
    "raise",
    "exit",  # SystemExit
    "interrupt",  # KeyboardInterrupt
    "os_exit",
    "kill",  # SIGKILL to itself
    "freeze",  # SIGSTOP to itself
    "hang",  # waits for an event that never comes
    "busy",  # an endless loop in Python
    "stuck",  # a C call that never lets go of the interpreter's lock
    "slow",  # goes on, a hundred times as slow as FAKE_PAUSE_S or 0.2 s a batch
    "memory",  # takes memory and keeps it
    "memory_error",
    "disk",  # OSError ENOSPC behind another error
    "nan",
    "inf",
    "text",
    "missing",
    "nan_loss",
)


def fault_code(name: str) -> float:
    """The `weight_decay` that asks for a fault."""
    return (FAULTS.index(name) + 1) / 100


def fault_parameters(name: str, epoch: int = 0, **others: Any) -> dict[str, Any]:
    """The parameters of a trial that fails in an epoch."""
    return {"weight_decay": fault_code(name), "augment_rotate_deg": float(epoch), **others}


def _raise(kept: list[bytearray]) -> None:
    raise ValueError("a fault\nof two lines")


def _exit(kept: list[bytearray]) -> None:
    sys.exit(3)


def _interrupt(kept: list[bytearray]) -> None:
    raise KeyboardInterrupt


def _memory_error(kept: list[bytearray]) -> None:
    raise MemoryError


def _disk(kept: list[bytearray]) -> None:
    try:
        raise OSError(28, "No space left on device")
    except OSError as error:
        raise RuntimeError("could not write the cache") from error


def _memory(kept: list[bytearray]) -> None:
    """Allocate and touch memory, up to a bound that spares the machine, and keep it."""
    for _ in range(int(os.environ.get("FAKE_ALLOCATE_MB", "400")) // 20):
        kept.append(bytearray(os.urandom(1)) * 20_000_000)
        time.sleep(0.01)
    threading.Event().wait(2.0)


def _busy(kept: list[bytearray]) -> None:
    while True:
        pass


def _stuck(kept: list[bytearray]) -> None:
    ctypes.PyDLL(None).sleep(600)


DEEDS: Mapping[str, Callable[[list[bytearray]], None]] = {
    "raise": _raise,
    "exit": _exit,
    "interrupt": _interrupt,
    "os_exit": lambda kept: os._exit(9),
    "kill": lambda kept: os.kill(os.getpid(), signal.SIGKILL),
    "freeze": lambda kept: os.kill(os.getpid(), signal.SIGSTOP),
    "hang": lambda kept: threading.Event().wait() and None,
    "busy": _busy,
    "stuck": _stuck,
    "memory": _memory,
    "memory_error": _memory_error,
    "disk": _disk,
}
"""Those that strike in the midst of a batch, given a list that lives as long as the training; the others are in the scores."""
