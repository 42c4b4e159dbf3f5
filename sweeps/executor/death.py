"""Why a worker died that left no word: its machine was lost, memory ran out, or something killed it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sweeps import trial_files

DIED = "the worker process died without a word: killed by the system, most often for want of memory"
MEMORY = (
    "Ray ended the worker because the machine ran out of memory; lower batch_size or size, run fewer trials at once, or "
    "give trial.memory"
)
HUNG = "the worker hung inside a call that let no thread run; its log shows where"
_MEMORY_MARKS = ("OutOfMemoryError", "memory pressure", "MemoryError")
_NODE_MARKS = (
    "node has died",
    "node died",
    "node was terminated",
    "NodeDied",
    "node is dead",
    "nodes have been terminated",
)


@dataclass(frozen=True, slots=True)
class Death:
    """What is known of it.

    Attributes:
        kind: kind of failure, unless the machine was lost.
        message: one line.
        blameless: why the trial is to go to another worker; empty when it counts as failed.
    """

    kind: str
    message: str
    blameless: str = ""


def cause_of_death(trial: Path, attempt: int, error_file: str | None) -> Death:
    """What Ray and the worker's own record say; asks Ray whether the worker's machine is alive.

    Args:
        trial: the trial's folder.
        attempt: which attempt died.
        error_file: Tune's text about the error, when it wrote one.
    """
    if any((trial / name).exists() for name in (trial_files.FAILED, trial_files.FINAL)):
        return Death("crash", DIED)
    if trial_files.hung(trial):
        return Death("timeout", HUNG)
    unstarted = trial_files.read_record(trial, trial_files.UNSTARTED)
    if unstarted is not None and unstarted.get("attempt") == attempt:
        return Death("crash", DIED, "its worker was used up")
    text = _text(error_file)
    if any(mark in text for mark in _MEMORY_MARKS):
        return Death("oom", MEMORY)
    worker = trial_files.read_record(trial, trial_files.WORKER)
    node = str(worker.get("node_id") or "") if worker and worker.get("attempt") == attempt else ""
    if any(mark in text for mark in _NODE_MARKS) or (node and _is_lost(node)):
        return Death("crash", DIED, "node lost")
    return Death("crash", DIED)


def _is_lost(node: str) -> bool:
    import ray

    return node not in {item["NodeID"] for item in ray.nodes() if item["Alive"]}


def _text(error_file: str | None) -> str:
    try:
        return Path(error_file).read_text(encoding="utf-8", errors="replace") if error_file else ""
    except OSError:
        return ""
