"""Ends a trial that can no longer end itself: too much memory, past its deadline, or standing still.

Three eyes watch a trial, each for what the one before cannot see:

1. A thread in the trial's own process, five to ten times a second. It sees everything but a process that does not let it run. It
   writes `failed.json`, puts the stacks of all threads into the log and ends the process at once. Memory is looked at
   here, because Ray's own monitor ends whichever worker it likes, and because memory that is free again within a tenth of
   a second leaves the other trials alone.
2. Python's own timer (`faulthandler`), in C: it strikes when a call holds the interpreter's lock, so that no thread runs.
   It can write stacks and end the process, and no more: `sweeps.trial_files.hung` tells what it did.
3. The driver's watch: a process that is frozen, swapped out or stuck in the system runs neither. Its heartbeat stops, and
   the driver ends it from outside.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sweeps import trial_files
from sweeps.executor.failure import LESS_MEMORY
from sweeps.executor.memory import MemoryGauge

EXIT_STATUS = 70
SAMPLE_S, RELAXED_S = 0.1, 0.2
"""Between two looks: with more than half of the memory in use, and otherwise. No page can be touched fast enough to fill
the second half within the longer one; it halves what the looking costs."""
GRACE_S = 1.0
"""Over the deadline before the thread strikes: a trial whose batches go by ends itself first."""
BACKSTOP_S = 1.0
"""How much later than the thread the timer strikes."""
REARM_S = 0.5


@dataclass(frozen=True, slots=True)
class Limits:
    """What a trial may use; None sets no limit.

    Attributes:
        memory_bytes: private resident memory of the process.
        deadline_s: seconds of one attempt, from its beginning in the worker.
        stall_s: seconds without a completed batch.
    """

    memory_bytes: int | None = None
    deadline_s: float | None = None
    stall_s: float | None = None


@dataclass(frozen=True, slots=True)
class Stand:
    """How far the trial is, for a failure's record.

    Attributes:
        epochs: whole epochs done.
        conditions: batch size and size in words; may be empty.
    """

    epochs: int
    conditions: str


class Guard:
    """Watches one attempt of one trial, in the process that runs it; one at a time in a process.

    It watches only inside `watching`. Between two steps, and between two trials of a process that is used again, nothing
    counts.

    Args:
        folder: the trial's.
        limits: what it may use.
        stand: how far it is; called from the guard's thread.
        clock: seconds that only go forward.
        tell: called once `failed.json` is written, before the process ends; must return soon, whatever hangs.
        relieve: called before a trial is ended for its memory: frees what the process holds for later trials; True when
            there was something.
    """

    def __init__(
        self,
        folder: Path,
        limits: Limits,
        stand: Callable[[], Stand],
        clock: Callable[[], float] = time.monotonic,
        *,
        tell: Callable[[], None] = lambda: None,
        relieve: Callable[[], bool] = lambda: False,
    ) -> None:
        self._folder, self._limits, self._stand, self._clock = folder, limits, stand, clock
        self._tell, self._relieve = tell, relieve
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._armed = False
        self._began = self._beaten = clock()
        self._timed = -float("inf")
        self._log = -1
        self._pause_s = RELAXED_S
        self._gauge: MemoryGauge | None = None
        self._thread: threading.Thread | None = None

    @property
    def seconds(self) -> float:
        """How long the attempt has lasted."""
        return self._clock() - self._began

    def start(self) -> None:
        """Begin the attempt; the trial's folder exists.

        Raises:
            OSError: the log cannot be opened.
        """
        self._open()
        self._thread = threading.Thread(target=self._watch, name="liversweep-guard", daemon=True)
        self._thread.start()

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """A block in which the limits hold."""
        self._armed = True
        self._timed = -float("inf")
        self.beat()
        try:
            yield
        finally:
            self.settle()
            faulthandler.cancel_dump_traceback_later()

    def beat(self) -> None:
        """A batch was completed, or another part of the work begins."""
        now = self._beaten = self._clock()
        if self._armed and now - self._timed >= REARM_S:
            self._timed = now
            self._set_timer(now)

    def settle(self) -> None:
        """From here the trial's end is its own to write: the thread strikes no more until `watching` is entered again.

        When the thread has struck already, this does not return: the process is about to end.
        """
        with self._lock:
            self._armed = False

    def close(self) -> None:
        """End the thread."""
        self.settle()
        self._closed.set()
        if self._thread is not None:
            self._thread.join()
        if self._gauge is not None:
            self._gauge.close()
        if self._log >= 0:
            os.close(self._log)
            self._log = -1

    def _open(self) -> None:
        self._began = self._beaten = self._clock()
        path = self._folder / trial_files.LOG
        self._log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._gauge = MemoryGauge()

    def _watch(self) -> None:
        while not self._closed.wait(self._pause_s):
            with self._lock:
                if self._armed:
                    self._check()

    def _check(self) -> None:
        """Strike if a limit is passed. The lock is held, also while the process ends."""
        now, limits = self._clock(), self._limits
        if limits.memory_bytes is not None and self._gauge is not None:
            used = self._gauge.read_bytes()
            if used > limits.memory_bytes and self._relieve():
                used = self._gauge.read_bytes()
            self._pause_s = SAMPLE_S if used > limits.memory_bytes / 2 else RELAXED_S
            if used > limits.memory_bytes:
                self._strike("oom", _memory_message(used, limits.memory_bytes, self._stand().conditions))
        if limits.deadline_s is not None and now - self._began > limits.deadline_s + GRACE_S:
            self._strike("timeout", deadline_message(limits.deadline_s, self._stand().epochs))
        if limits.stall_s is not None and now - self._beaten > limits.stall_s:
            self._strike("timeout", _stall_message(now - self._beaten, limits.stall_s, self._stand().epochs))

    def _strike(self, kind: str, message: str) -> None:
        """Say why and end the process, whatever happens on the way.

        Nothing here waits for a lock that the hung thread may hold: the log is written by the system call, not by
        `logging`.
        """
        try:
            os.write(self._log, f"{time.strftime('%Y-%m-%d %H:%M:%S')} ERROR {message}\n".encode())
            if kind == "timeout":
                faulthandler.dump_traceback(file=self._log, all_threads=True)
            epochs, seconds = self._stand().epochs, self.seconds
            trial_files.write_failure(self._folder, kind, message, epochs=epochs, seconds=seconds)
            self._tell()
        finally:
            os._exit(EXIT_STATUS)

    def _set_timer(self, now: float) -> None:
        """Set Python's own timer for the first limit that could pass if the trial stopped here."""
        ends = []
        if self._limits.stall_s is not None:
            ends.append(self._limits.stall_s + REARM_S)
        if self._limits.deadline_s is not None:
            ends.append(self._limits.deadline_s + GRACE_S - (now - self._began))
        if ends:
            faulthandler.dump_traceback_later(max(min(ends), 0.0) + BACKSTOP_S, exit=True, file=self._log)


def deadline_message(deadline_s: float, epochs: int) -> str:
    """That a trial ran past its deadline."""
    return (
        f"epoch {epochs + 1}: the trial ran past its deadline; allowed: {deadline_s:g} s; raise trial.deadline, or lower "
        "epochs, size or the network's width"
    )


def _memory_message(used: int, limit: int, conditions: str) -> str:
    parts = [
        f"the trial's process uses {used / 1e9:.2f} GB of memory of its own; allowed: {limit / 1e9:.2f} GB",
        conditions,
        LESS_MEMORY,
    ]
    return "; ".join(part for part in parts if part)


def _stall_message(silent_s: float, stall_s: float, epochs: int) -> str:
    return (
        f"epoch {epochs + 1}: stall: no batch was completed for {silent_s:.0f} s; allowed: {stall_s:g} s; the log shows "
        "where it stands; raise trial.stall if a batch may take that long"
    )
