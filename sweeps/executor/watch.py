"""The driver's eye on workers that can no longer speak for themselves: frozen, swapped out, stuck inside a system call.

A worker ends its own trial when it runs late or stands still (see `guard`). This is for the worker that cannot even do
that. It is told by its heartbeat file, and ended by its pid on the machine where it runs.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweeps import trial_files

MARGIN_S = 2.5
"""What a worker gets on top of its own limits before the driver steps in."""
PAUSE_S = 0.5

Kill = Callable[[dict[str, Any]], None]


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
        kill: ends the process that a `worker.json` describes.
        clock: seconds that only go forward.
    """

    def __init__(
        self,
        trials: Path,
        deadline_s: float | None,
        stall_s: float | None,
        *,
        kill: Kill | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._trials, self._deadline, self._stall = trials, deadline_s, stall_s
        self._kill, self._clock = kill or kill_worker, clock
        self._seen: dict[str, _Seen] = {}
        self._looked = -1e9

    def look(self, running: Mapping[str, int]) -> tuple[str, ...]:
        """End what is over its limit; the trials that were ended. Does nothing when it was called a moment ago.

        Args:
            running: trials that were handed out, and in which attempt they are. What an earlier attempt left is no sign.
        """
        now = self._clock()
        if now - self._looked < PAUSE_S or (self._deadline is None and self._stall is None):
            return ()
        self._looked = now
        return tuple(uid for uid, attempt in running.items() if self._check(uid, attempt, now))

    def _check(self, uid: str, attempt: int, now: float) -> bool:
        folder = self._trials / uid
        worker = trial_files.read_record(folder, trial_files.WORKER)
        if worker is None or worker.get("attempt") != attempt:
            return False
        seen = self._observe(uid, folder, attempt, now)
        reason = self._reason(now - seen.began, now - seen.moved)
        if reason is None or trial_files.read_record(folder, trial_files.FINAL) is not None:
            return False
        if trial_files.read_record(folder, trial_files.FAILED) is None:
            trial_files.write_failure(folder, "timeout", reason, epochs=0, seconds=now - seen.began)
        self._kill(worker)
        self._seen.pop(uid)
        return True

    def _observe(self, uid: str, folder: Path, attempt: int, now: float) -> _Seen:
        beat = _beat(folder)
        seen = self._seen.get(uid)
        if seen is None or seen.attempt != attempt:
            seen = self._seen[uid] = _Seen(attempt, now, beat, now)
        if seen.beat != beat:
            seen.beat, seen.moved = beat, now
        return seen

    def _reason(self, running_s: float, silent_s: float) -> str | None:
        if self._deadline is not None and running_s > self._deadline + MARGIN_S:
            return (
                f"the worker stood still past the deadline; allowed: {self._deadline:g} s; raise trial.deadline, or "
                "lower epochs, size or the network's width"
            )
        if self._stall is not None and silent_s > self._stall + MARGIN_S:
            return (
                f"the worker gave no sign of life for {silent_s:.0f} s; allowed: {self._stall:g} s; look at its log, or "
                "raise trial.stall"
            )
        return None


def _beat(folder: Path) -> int:
    try:
        return (folder / trial_files.HEARTBEAT).stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def kill_worker(worker: dict[str, Any]) -> None:
    """SIGKILL the process that a `worker.json` describes, wherever it runs."""
    pid, node = int(worker["pid"]), worker.get("node_id")
    if worker.get("host") == socket.gethostname():
        _kill(pid)
    elif node:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        there = NodeAffinitySchedulingStrategy(node_id=node, soft=False)
        ray.remote(num_cpus=0)(_kill).options(scheduling_strategy=there).remote(pid)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
