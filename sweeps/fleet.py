"""Many equal jobs, such as scans to segment, done by few processes that keep warm what they have loaded.

One job is done in this process, without Ray, which would take longer to start than most jobs. Several are handed to actors
of a Ray, one a slot, each of which loads what it needs once and is given the next job as soon as it is free (`sweeps.crew`).
A job that fails, or whose worker is killed, is answered with its error, and the others are done all the same. A job whose worker
is lost with its whole machine is done again by another.
"""

from __future__ import annotations

import copy
import importlib
import threading
import traceback
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cluster.config import AttachedConfig, Config, LocalConfig
from sweeps.errors import SweepError
from sweeps.interrupt import Interrupts

MEMORY_SHARE = 0.9
"""Of this machine's free memory that workers may plan with."""

Tell = Callable[[int, Any], None]


class WorkerDied(SweepError):
    """The process that did a job is gone: killed, out of memory, or crashed."""


class JobFailed(SweepError):
    """A job raised something that cannot be sent between processes; its text is kept."""


@dataclass(frozen=True, slots=True)
class Places:
    """What workers need on whatever machine they are.

    Attributes:
        reads: files and folders, absolute.
        writes: folders, absolute.
    """

    reads: tuple[Path, ...] = ()
    writes: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Where jobs are done, and how many at once.

    Attributes:
        workers: at most so many at once; None as many as there is room for.
        cpus: CPUs, that is threads, of each worker.
        gpus: of each worker; 0 keeps GPUs out of its sight.
        memory_bytes: private memory that a worker takes at most, about; 0 where it does not matter.
        where: the Ray: one of our own on this machine, or one that runs.
        local: do everything in this process, however many jobs there are.
        environment: further variables of every worker process.
        places: what every machine of a cluster must see.
        say: tells the user one line about machines that are lost or waited for.
    """

    workers: int | None = None
    cpus: int = 1
    gpus: float = 0.0
    memory_bytes: int = 0
    where: Config = field(default_factory=LocalConfig)
    local: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    places: Places = Places()
    say: Callable[[str], None] = lambda text: None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one job.

    Attributes:
        index: of the job.
        value: what the worker returned; None where it failed.
        error: why it failed. `WorkerDied` when its process is gone. Of an error that is none of ours, that is of a bug, the
            worker's traceback is among the notes.
    """

    index: int
    value: Any = None
    error: Exception | None = None

    def get(self) -> Any:
        """The value.

        Raises:
            Exception: the job failed.
        """
        if self.error is not None:
            raise self.error
        return self.value


def work_through(
    jobs: Sequence[Any],
    worker: str,
    argument: Any,
    fleet: Fleet,
    *,
    tell: Tell = lambda index, message: None,
) -> Generator[Answer]:
    """Do every job once; yields answers as they come, in whatever order. No jobs, no answers, and nothing is started.

    Close it (`contextlib.closing`) where it may not be read to its end: Ray ends with it. SIGINT and SIGTERM raise
    KeyboardInterrupt while it is open; a second one ends the process and all it has started at once.

    Args:
        jobs: what can be pickled; small, for they travel by value.
        worker: import path `module:Class`. The class is called once a process with the argument, and what it makes is called
            as `worker(job, tell)` for one job after another; `tell(message)` reports on the way.
        argument: of the class.
        fleet: where and how many at once.
        tell: given the index of a job and a message from its worker, before the job's answer.

    Raises:
        Exception: the worker cannot be made, whatever its class raises: no job can be done.
        WorkerDied: workers are killed again and again before they are made.
        ClusterError: Ray cannot be started or joined, has no room for a single worker, or has lost all machines that had; or
            its machines differ in what they have and see.
        KeyboardInterrupt: a signal came.
    """
    if not jobs:
        return
    with _interruptible() as interrupts:
        if in_this_process(len(jobs), fleet):
            yield from _here(jobs, worker, argument, tell)
            return
        from sweeps.crew import work_on_ray

        yield from work_on_ray(jobs, worker, argument, fleet, tell, interrupts)


def in_this_process(jobs: int, fleet: Fleet) -> bool:
    """Whether jobs are done without Ray: one job, or room for one worker only on this machine."""
    if fleet.local or jobs <= 1:
        return True
    return not isinstance(fleet.where, AttachedConfig) and room_here(jobs, fleet) <= 1


def room_here(jobs: int, fleet: Fleet) -> int:
    """How many workers a Ray of our own on this machine is to have, at least 1."""
    from cluster.local import usable_cpus

    assert not isinstance(fleet.where, AttachedConfig)
    counts = [jobs, (fleet.where.cpus or usable_cpus()) // fleet.cpus]
    if fleet.workers is not None:
        counts.append(fleet.workers)
    if fleet.memory_bytes:
        counts.append(int(MEMORY_SHARE * _free_bytes() / fleet.memory_bytes))
    return max(1, min(counts))


def _free_bytes() -> int:
    import psutil

    return int(psutil.virtual_memory().available)


def _here(jobs: Sequence[Any], worker: str, argument: Any, tell: Tell) -> Iterator[Answer]:
    made = make_worker(worker, argument)
    for index, job in enumerate(jobs):
        yield answered(made, index, job, lambda message, index=index: tell(index, message))  # type: ignore[misc]


def make_worker(worker: str, argument: Any) -> Callable[[Any, Callable[[Any], None]], Any]:
    """Import the class `module:Class` and make one."""
    module, _, name = worker.partition(":")
    made: Callable[[Any, Callable[[Any], None]], Any] = getattr(importlib.import_module(module), name)(argument)
    return made


def answered(
    made: Callable[[Any, Callable[[Any], None]], Any], index: int, job: Any, tell: Callable[[Any], None]
) -> Answer:
    """Do one job, whatever happens to it; what is no `Exception` passes."""
    try:
        return Answer(index, made(job, tell))
    except Exception as error:
        return Answer(index, error=error)


def portable(error: Exception) -> Exception:
    """An error that can be sent to another process and is the same there, with its traceback as a note where it is a bug."""
    if not _is_ours(error):
        error.add_note("in the worker: " + "".join(traceback.format_exception(error)).strip())
    try:
        again = copy.deepcopy(error)  # by the same protocol as the way to another process
    except Exception:
        again = None
    if type(again) is type(error) and str(again) == str(error):
        return error
    return JobFailed(f"{type(error).__name__}: {error}")


def _is_ours(error: Exception) -> bool:
    from cluster.errors import ClusterError
    from liverseg.errors import LiversegError
    from results.errors import ResultsError

    return isinstance(error, (SweepError, LiversegError, ResultsError, ClusterError, OSError))


@contextmanager
def _interruptible() -> Iterator[Interrupts | None]:
    """The handlers of both signals, where this is the thread that may set them."""
    if threading.current_thread() is not threading.main_thread():
        with nullcontext():
            yield None
        return
    from cluster.local import abandon

    with Interrupts(abandon) as interrupts:
        yield interrupts
