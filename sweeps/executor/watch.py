"""The driver's eye on workers that can no longer speak for themselves: frozen, swapped out, stuck inside a system call.

A worker ends its own trial when it runs late or stands still (see `guard`). This is for the worker that cannot even do
that. It is told by its heartbeat file, and ended by its pid, on the machine where it runs and by that machine: if that one
does not answer, then the trial does not hang, its machine is lost, and Ray will say so.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sweeps import trial_files
from sweeps.executor.desk import records_of

MARGIN_S = 2.5
"""What a worker gets on top of its own limits before the driver steps in."""
PAUSE_S = 0.5


@dataclass(frozen=True, slots=True)
class Sentence:
    """That a worker is to be ended.

    Attributes:
        trial: the trial's folder.
        worker: what the worker wrote of itself.
        reason: one line for `failed.json`.
        seconds: how long the attempt has lasted.
        store: URI of the sweep, when it lies in a store; the driver's folder is then not known where the worker runs.
    """

    trial: Path
    worker: dict[str, Any]
    reason: str
    seconds: float
    store: str = ""

    def carry_out(self) -> None:
        """Say why and end the process, on its own machine. Nothing when another attempt has begun since.

        A trial that has written its final record stays finished: only its process did not find its end.
        """
        with records_of(self.trial, self.store) as trial:
            if trial_files.read_record(trial, trial_files.WORKER) != self.worker:
                return
            if not any((trial / name).exists() for name in (trial_files.FINAL, trial_files.FAILED)):
                trial_files.write_failure(trial, "timeout", self.reason, epochs=0, seconds=self.seconds)
        kill(int(self.worker["pid"]))


End = Callable[[Sentence], None]


@dataclass(slots=True)
class _Seen:
    attempt: int
    began: float
    beat: int
    moved: float


class Watch:
    """Looks at running trials and ends those that are over a limit.

    Args:
        trials: folder of the trials.
        deadline_s: a trial's time in one attempt; None for no limit.
        stall_s: time without a heartbeat; None for no limit.
        end: has a sentence carried out; once more after the same time when nothing came of it.
        clock: seconds that only go forward.
        store: see `Sentence`.
        lag_s: how old what is seen of a worker may be.

    Attributes:
        sees: whether workers can be seen now; while they cannot, none is held to its limits.
    """

    def __init__(
        self,
        trials: Path,
        deadline_s: float | None,
        stall_s: float | None,
        *,
        end: End | None = None,
        clock: Callable[[], float] = time.monotonic,
        store: str = "",
        lag_s: float = 0.0,
    ) -> None:
        self._trials, self._deadline, self._stall = trials, deadline_s, stall_s
        self._store, self._margin = store, MARGIN_S + lag_s
        self.sees: Callable[[], bool] = lambda: True
        self._end, self._clock = end or end_worker, clock
        self._seen: dict[str, _Seen] = {}
        self._looked = -1e9

    def look(self, running: Mapping[str, int]) -> tuple[str, ...]:
        """End what is over its limit; the trials that were ended. Does nothing when it was called a moment ago.

        Args:
            running: trials that were handed out, and in which attempt they are. What an earlier attempt left is no sign.
        """
        now = self._clock()
        if now - self._looked < PAUSE_S or (self._deadline is None and self._stall is None) or not self.sees():
            return ()
        self._looked = now
        for uid in self._seen.keys() - running.keys():
            del self._seen[uid]
        return tuple(uid for uid, attempt in running.items() if self._check(uid, attempt, now))

    def _check(self, uid: str, attempt: int, now: float) -> bool:
        folder = self._trials / uid
        seen = self._observe(uid, folder, attempt, now)
        if seen is None or (reason := self._reason(folder, seen, now)) is None:
            return False
        worker = _signed(folder, attempt)
        if worker is None:
            return False
        self._end(Sentence(folder, worker, reason, now - seen.began, self._store))
        self._seen.pop(uid)
        return True

    def _observe(self, uid: str, folder: Path, attempt: int, now: float) -> _Seen | None:
        """What is known of a worker's attempt; None before it has signed, which it does once."""
        seen = self._seen.get(uid)
        if (seen is None or seen.attempt != attempt) and _signed(folder, attempt) is None:
            return None
        beat = _beat(folder)
        if seen is None or seen.attempt != attempt:
            seen = self._seen[uid] = _Seen(attempt, now, beat, now)
        if seen.beat != beat:
            seen.beat, seen.moved = beat, now
        return seen

    def _reason(self, folder: Path, seen: _Seen, now: float) -> str | None:
        running_s, silent_s = now - seen.began, now - seen.moved
        if self._deadline is not None and running_s > self._deadline + self._margin:
            # One that is done needs no more than the time to say so.
            done = silent_s <= self._deadline + self._margin and (folder / trial_files.FINAL).exists()
            if not done:
                return (
                    f"the worker stood still past the deadline; allowed: {self._deadline:g} s; raise trial.deadline, or "
                    "lower epochs, size or the network's width"
                )
        if self._stall is not None and silent_s > self._stall + self._margin:
            return (
                f"the worker gave no sign of life for {silent_s:.0f} s; allowed: {self._stall:g} s; look at its log, or "
                "raise trial.stall"
            )
        return None


def _signed(folder: Path, attempt: int) -> dict[str, Any] | None:
    """What the worker of an attempt wrote of itself."""
    worker = trial_files.read_record(folder, trial_files.WORKER)
    return worker if worker is not None and worker.get("attempt") == attempt else None


def _beat(folder: Path) -> int:
    try:
        return (folder / trial_files.HEARTBEAT).stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def end_worker(sentence: Sentence) -> None:
    """Have a sentence carried out; does not wait for it."""
    if _is_here(sentence.worker):
        sentence.carry_out()
    else:
        _there(sentence.worker, sentence.carry_out)


def kill_worker(worker: dict[str, Any]) -> None:
    """SIGKILL the process that a `worker.json` describes, wherever it runs; does not wait for it."""
    pid = int(worker["pid"])
    if _is_here(worker):
        kill(pid)
    else:
        _there(worker, partial(kill, pid))


def kill(pid: int) -> None:
    """SIGKILL a process of this machine, if there is one."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _is_here(worker: dict[str, Any]) -> bool:
    """Ray's name of a machine is its own; two may well have the same host name."""
    import ray

    name = worker.get("node_id")
    if name and ray.is_initialized():
        return bool(name == ray.get_runtime_context().get_node_id())
    return bool(worker.get("host") == socket.gethostname())


def _there(worker: dict[str, Any], deed: Callable[[], None]) -> None:
    """A task on the worker's machine, or nowhere."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    there = NodeAffinitySchedulingStrategy(node_id=worker["node_id"], soft=False)
    ray.remote(num_cpus=0, max_retries=0)(_do).options(scheduling_strategy=there).remote(deed)


def _do(deed: Callable[[], None]) -> None:
    deed()
