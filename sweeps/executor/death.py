"""Why a worker died that left no word: its machine was lost, memory ran out, or something killed it.

What Ray 2.60 says, and when, was found by killing real processes of a real cluster:

- A worker alone is killed: "its worker process has died", at once.
- All of a machine is killed: "is unavailable … Socket closed", after one second, while Ray still counts the machine among
  the living. It gives the machine up after about 15 s (five health checks), and until then only the port of the machine's
  raylet tells: nobody listens there.
- A machine is shut down, and its raylet has time to say so: "its node has died", at once.
- A machine does not answer any more, without a word: "its node has died", after about 65 s.
- Ray's memory monitor ends a worker: "killed due to the node running low on memory", at once.
- A machine is lost while a trial waits for a worker on it: nothing. Ray starts that worker on another machine.
"""

from __future__ import annotations

import errno
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.nodes import is_lost
from sweeps import trial_files
from sweeps.disk import free_bytes

DIED = "the worker process died without a word: killed by the system, most often for want of memory"
MEMORY = (
    "Ray ended the worker because the machine ran out of memory; lower batch_size or size, run fewer trials at once, or "
    "give trial.memory"
)
HUNG = (
    "the worker hung inside a call that let no thread run; its log shows where; raise trial.stall or trial.deadline if "
    "such a call may take that long"
)
LOST = "the worker's machine was lost; if trials use up its memory, lower batch_size or size, or give trial.memory"

NODE_LOST = "node lost"
UNREACHED = "connection lost"
UNBEGUN = "its worker died before it began"
USED_UP = "its worker was used up"

LOSSES = 3
"""So often in a row a trial may lose its worker without having come any further."""
NO_ROOM_BYTES = 16384
"""With less free disk a worker may not have been able to say what was wrong."""

MEMORY_MARKS = ("running low on memory", "OutOfMemoryError", "MemoryError")
_DISK_MARKS = tuple(os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
NODE_MARK = "its node has died"
_UNREACHED_MARK = "is unavailable: "
_DIED_MARK = "its worker process has died"


@dataclass(frozen=True, slots=True)
class Death:
    """What is known of it.

    Attributes:
        kind: kind of failure, unless it is blameless.
        message: one line.
        blameless: why the trial is to go to another worker; empty when it counts as failed.
        disk: what the system said when it was for want of room on a disk, which is no trial's fault; else empty.
    """

    kind: str
    message: str
    blameless: str = ""
    disk: str = ""


def cause_of_death(trial: Path, attempt: int, text: str) -> Death:
    """What Ray and the worker's own record say; asks whether the worker's machine is alive.

    Args:
        trial: the trial's folder.
        attempt: which attempt died.
        text: what Ray or Tune said of the error; may be empty.
    """
    if any((trial / name).exists() for name in (trial_files.FAILED, trial_files.FINAL)):
        return Death("crash", DIED)
    if trial_files.hung(trial):
        return Death("timeout", HUNG)
    unstarted = trial_files.read_record(trial, trial_files.UNSTARTED)
    if unstarted is not None and unstarted.get("attempt") == attempt:
        return Death("crash", DIED, USED_UP)
    full = next((mark for mark in _DISK_MARKS if mark in text), "") or _unsaid(trial, text)
    if full:
        return Death("crash", DIED, disk=full)
    return _judge(text, signed_worker(trial, attempt))


def _unsaid(trial: Path, text: str) -> str:
    """A full disk as the cause of a death without a word: what the worker had to say found no room."""
    try:
        full = (not text or _DIED_MARK in text) and free_bytes(trial) < NO_ROOM_BYTES
    except OSError:
        return ""
    return os.strerror(errno.ENOSPC) if full else ""


def _judge(text: str, worker: dict[str, Any] | None) -> Death:
    """By Ray's text and the worker's signature, if it has begun."""
    if NODE_MARK in text or _is_lost(worker):
        return Death("crash", LOST, NODE_LOST)
    if _UNREACHED_MARK in text:
        return Death("crash", DIED, UNREACHED)
    unbegun = "" if worker else UNBEGUN
    if any(mark in text for mark in MEMORY_MARKS):
        return Death("oom", MEMORY, unbegun)
    if _DIED_MARK in text or not text:
        return Death("crash", DIED, unbegun)
    return Death("crash", f"the worker could not go on: {text.splitlines()[-1].strip()}")


class Losses:
    """Ends what could go on for ever: a trial that takes its worker down each time it comes to the same epoch."""

    def __init__(self) -> None:
        self._furthest: dict[str, int] = {}
        self._count: dict[str, int] = {}

    def judge(self, uid: str, death: Death, epochs: int) -> Death:
        """The same death; one to be blamed when the worker was lost `LOSSES` times in a row without progress.

        Args:
            uid: the trial.
            death: what is known.
            epochs: how far the trial has come in any of its attempts.
        """
        if not death.blameless or death.blameless == USED_UP:
            return death
        further = epochs > self._furthest.get(uid, -1)
        self._furthest[uid] = max(epochs, self._furthest.get(uid, -1))
        self._count[uid] = 1 if further else self._count[uid] + 1
        if self._count[uid] < LOSSES:
            return death
        return Death(death.kind, f"{death.message} ({LOSSES} times in a row in epoch {epochs + 1})")


def signed_worker(trial: Path, attempt: int) -> dict[str, Any] | None:
    """What the worker of an attempt wrote of itself; None when none has begun it."""
    worker = trial_files.read_record(trial, trial_files.WORKER)
    return worker if worker is not None and worker.get("attempt") == attempt else None


def seconds_in_attempt(trial: Path, attempt: int) -> float:
    """How long a trial's worker had it, by the two machines' clocks; 0 when no worker has signed for the attempt."""
    worker = signed_worker(trial, attempt)
    return 0.0 if worker is None else max(0.0, time.time() - float(worker["began"]))


def _is_lost(worker: dict[str, Any] | None) -> bool:
    """Whether the worker signed on a machine that is lost."""
    name = worker and worker.get("node_id")
    return bool(name) and is_lost(str(name))
