"""The end of a fleet's worker: whether the job that it was at has brought it about, and what is said of it.

A worker that dies alone was killed for want of memory, most often, or crashed: its job would do the same to the next one. A
worker that goes with its machine says nothing about its job. `sweeps.executor.death` tells what Ray says of either, and when.
"""

from __future__ import annotations

from cluster.nodes import is_lost
from sweeps.executor.death import MEMORY_MARKS, NODE_MARK
from sweeps.fleet import WorkerDied

_FEWER = "give fewer workers: --workers 1"


def is_blameless(death: Exception, machine: str) -> bool:
    """Whether a worker's machine was lost, or the connection to it, rather than the worker alone.

    Args:
        death: what Ray said.
        machine: Ray's id of the worker's machine; empty when it had come to none yet.
    """
    from ray.exceptions import ActorUnavailableError

    if _of_memory(death):
        return False
    if NODE_MARK in str(death) or isinstance(death, ActorUnavailableError):
        return True
    return bool(machine) and is_lost(machine)


def death_of(death: Exception, what: str, where: str | None = None) -> WorkerDied:
    """The error of a job whose worker died alone; `where` is the job's name, if it has one."""
    if _of_memory(death):
        return WorkerDied(f"{what}: the machine ran out of memory", where=where, next_step=_FEWER)
    what = f"{what}: it was killed, as a system without free memory does, or it crashed"
    return WorkerDied(what, where=where, next_step=f"if it was memory, {_FEWER}")


def lost_machines(times: int, where: str | None = None) -> WorkerDied:
    """The error of a job that lost its worker along with its machine so many times."""
    what = f"the machine that worked on it was lost {times} times, and it may be what takes them down"
    return WorkerDied(
        what, where=where, next_step="look into the machines' memory, or do it on this one without --address"
    )


def _of_memory(death: Exception) -> bool:
    from ray.exceptions import OutOfMemoryError

    return isinstance(death, OutOfMemoryError) or any(mark in str(death) for mark in MEMORY_MARKS)
