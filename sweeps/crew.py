"""The fleet's workers on Ray: one actor a slot, kept warm, given the next job when it is free, replaced when it dies.

Jobs are handed only to actors that have loaded what they need: on a busy cluster some may wait for room until all is done by
the others. What a worker reports on the way is fetched from it, by a second thread of its process, a few times a second.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from cluster.config import AttachedConfig, Config, LocalConfig
from cluster.errors import ClusterError
from cluster.nodes import machines, slots_on
from cluster.select import connect
from sweeps.fleet import Answer, Fleet, Tell, WorkerDied, answered, make_worker, portable, room_here
from sweeps.interrupt import Interrupts

PAUSE_S = 0.2
STARTS_LOST = 3
"""So many workers may be killed while they load, one after the other, before we give up."""
_STORE_BYTES = 128 * 1024**2
"""Jobs and answers are small; what a Ray of our own keeps for them."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What an actor sends back: the answer, and what it had to tell that was not fetched yet."""

    answer: Answer
    messages: tuple[Any, ...]


class Hand:
    """The actor: a worker in a process of its own."""

    def __init__(self) -> None:
        self._worker: Any = None
        self._messages: list[Any] = []
        self._lock = threading.Lock()

    def begin(self, worker: str, argument: Any) -> Exception | None:
        """Make the worker; the error where it cannot be made."""
        from sweeps.imports import quick_imports

        try:
            with quick_imports("matplotlib"):
                self._worker = make_worker(worker, argument)
        except Exception as error:
            return portable(error)
        return None

    def work(self, index: int, job: Any) -> Reply:
        """Do one job."""
        answer = answered(self._worker, index, job, self._tell)
        if answer.error is not None:
            answer = Answer(index, error=portable(answer.error))
        return Reply(answer, self.messages())

    def messages(self) -> tuple[Any, ...]:
        """What was told since the last call."""
        with self._lock:
            found, self._messages = tuple(self._messages), []
        return found

    def _tell(self, message: Any) -> None:
        with self._lock:
            self._messages.append(message)


@dataclass(slots=True)
class Seat:
    """One actor and what it is at.

    Attributes:
        actor: the handle.
        doing: reference to its answer: of its loading, or of its job.
        index: of the job; None while it loads.
        news: reference to its messages, when they were asked for.
    """

    actor: Any
    doing: Any
    index: int | None = None
    news: Any = None


class Crew:
    """The actors of one call of `work_through`.

    Args:
        jobs, worker, argument, fleet, tell: as there.
        seats: how many actors at once.
    """

    def __init__(self, jobs: Sequence[Any], worker: str, argument: Any, fleet: Fleet, tell: Tell, seats: int) -> None:
        import ray

        self._jobs, self._worker, self._fleet, self._tell = jobs, worker, fleet, tell
        self._argument = ray.put(argument)
        self._waiting = deque(range(len(jobs)))
        self._seats: list[Seat] = []
        self._lost = 0
        for _ in range(seats):
            self._hire()

    def answers(self) -> Iterator[Answer]:
        """Every job's answer, as they come."""
        left = len(self._jobs)
        while left:
            for seat in self._ready():
                if seat.index is None:
                    self._begun(seat)
                else:
                    yield self._done(seat)
                    left -= 1
            self._hear()

    def dismiss(self) -> None:
        """End every actor at once, whatever it is at."""
        for seat in self._seats:
            _end(seat.actor)
        self._seats.clear()

    def _hire(self) -> None:
        import ray

        fleet = self._fleet
        room: dict[str, Any] = {"num_cpus": fleet.cpus, "num_gpus": fleet.gpus}
        if fleet.memory_bytes:
            room["memory"] = fleet.memory_bytes
        # Messages have a thread of their own, so that they can be fetched while a job is at work.
        remote: Any = ray.remote
        actor = remote(max_restarts=0, concurrency_groups={"news": 1}, **room)(Hand).remote()
        self._seats.append(Seat(actor, actor.begin.remote(self._worker, self._argument)))

    def _ready(self) -> list[Seat]:
        import ray

        done, _ = ray.wait([seat.doing for seat in self._seats], num_returns=1, timeout=PAUSE_S)
        return [seat for seat in self._seats if seat.doing in done]

    def _begun(self, seat: Seat) -> None:
        """An actor has loaded what it needs, or cannot.

        Raises:
            Exception: it cannot, and so could no other.
            WorkerDied: several in succession were killed before they could say.
        """
        import ray
        from ray.exceptions import RayError

        try:
            error: Any = ray.get(seat.doing)
        except RayError as death:
            self._lost += 1
            if self._lost >= STARTS_LOST:
                raise _death(death, "workers die while they load what they need") from death
            self._replace(seat)
            return
        if error is not None:
            raise error
        self._lost = 0
        self._hand(seat)

    def _hand(self, seat: Seat) -> None:
        """Give the next job to an actor, or let it go when there is none."""
        if not self._waiting:
            self._seats.remove(seat)
            _end(seat.actor)
            return
        seat.index = self._waiting.popleft()
        seat.doing = seat.actor.work.remote(seat.index, self._jobs[seat.index])

    def _done(self, seat: Seat) -> Answer:
        import ray
        from ray.exceptions import RayError

        assert seat.index is not None
        try:
            with suppress(RayError):
                self._fetch(seat)
            reply: Reply = ray.get(seat.doing)
        except RayError as death:
            name = getattr(self._jobs[seat.index], "name", None)
            answer = Answer(seat.index, error=_death(death, "the worker process of this job is gone", name))
            self._replace(seat)
            return answer
        self._pass_on(seat, reply.messages)
        self._hand(seat)
        return reply.answer

    def _replace(self, seat: Seat) -> None:
        """Another actor for one that is gone, if there is something left to begin."""
        self._seats.remove(seat)
        _end(seat.actor)
        if self._waiting:
            self._hire()

    def _hear(self) -> None:
        """Pass on what workers have to tell, and ask them again."""
        import ray
        from ray.exceptions import RayError

        asked = {seat.news: seat for seat in self._seats if seat.news is not None}
        for ref in ray.wait(list(asked), num_returns=len(asked), timeout=0)[0] if asked else []:
            with suppress(RayError):
                self._fetch(asked[ref])
        for seat in self._seats:
            if seat.index is not None and seat.news is None:
                seat.news = seat.actor.messages.options(concurrency_group="news").remote()

    def _fetch(self, seat: Seat) -> None:
        """Messages that were asked for, before anything that was told later."""
        import ray

        if seat.news is not None:
            ref, seat.news = seat.news, None
            self._pass_on(seat, ray.get(ref))

    def _pass_on(self, seat: Seat, messages: Sequence[Any]) -> None:
        assert seat.index is not None
        for message in messages:
            self._tell(seat.index, message)


def work_on_ray(
    jobs: Sequence[Any], worker: str, argument: Any, fleet: Fleet, tell: Tell, interrupts: Interrupts | None
) -> Iterator[Answer]:
    """As `work_through`, on the fleet's Ray; what was started of it is ended on leaving."""
    with _not_on_stdout(), connect(_config(fleet, len(jobs)), environment=worker_environment(fleet)):
        if interrupts is not None:
            interrupts.install()
            interrupts.check()
        crew = Crew(jobs, worker, argument, fleet, tell, _seats(fleet, len(jobs)))
        try:
            yield from crew.answers()
        finally:
            crew.dismiss()


@contextmanager
def _not_on_stdout() -> Iterator[None]:
    """Ray prints on stdout that a worker died, whatever it was told of logs; answers say so, and stdout is for data."""
    from ray._private import worker

    before = worker.print_to_stdstream
    worker.print_to_stdstream = lambda data, ignore_prefix: None
    try:
        yield
    finally:
        worker.print_to_stdstream = before


def worker_environment(fleet: Fleet) -> dict[str, str]:
    """Variables that every worker gets: its threads, and which GPUs it sees."""
    from sweeps.workplace import WORKER_ENVIRONMENT

    threads = {"OMP_NUM_THREADS": str(fleet.cpus), "TF_NUM_INTRAOP_THREADS": str(fleet.cpus)}
    cards = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"} if fleet.gpus else {"CUDA_VISIBLE_DEVICES": "-1"}
    return {**WORKER_ENVIRONMENT, **threads, "TF_NUM_INTEROP_THREADS": "1", **cards, **fleet.environment}


def _config(fleet: Fleet, jobs: int) -> Config:
    """A Ray of our own has as many CPUs as its workers take."""
    if isinstance(fleet.where, AttachedConfig):
        return fleet.where
    return LocalConfig(
        cpus=room_here(jobs, fleet) * fleet.cpus,
        gpus=fleet.where.gpus if fleet.gpus else 0,
        object_store_bytes=fleet.where.object_store_bytes or _STORE_BYTES,
        temp_root=fleet.where.temp_root,
    )


def _seats(fleet: Fleet, jobs: int) -> int:
    """How many actors at once: as many as the machines have room for, as jobs, and as were asked for.

    Raises:
        ClusterError: there is no room for one.
    """
    memory = fleet.memory_bytes or None
    room = sum(slots_on(node, cpus=fleet.cpus, gpus=fleet.gpus, memory_bytes=memory) for node in machines())
    if room < 1:
        raise ClusterError(
            f"Ray has no machine with room for one worker of {fleet.cpus} CPUs, {fleet.gpus:g} GPUs and "
            f"{fleet.memory_bytes:,} bytes; lower --cpus, or leave --address out to work on this machine"
        )
    return min(room, jobs, fleet.workers or jobs)


def _death(death: Exception, what: str, where: str | None = None) -> WorkerDied:
    """The error of a job whose process is gone; `where` is the job's name, if it has one."""
    from ray.exceptions import OutOfMemoryError

    fewer = "give fewer workers: --workers 1"
    if isinstance(death, OutOfMemoryError) or "running low on memory" in str(death):
        return WorkerDied(f"{what}: the machine ran out of memory", where=where, next_step=fewer)
    what = f"{what}: it was killed, as a system without free memory does, or it crashed"
    return WorkerDied(what, where=where, next_step=f"if it was memory, {fewer}")


def _end(actor: Any) -> None:
    import ray
    from ray.exceptions import RayError

    with suppress(RayError, RuntimeError, ValueError):
        ray.kill(actor, no_restart=True)
