"""The fleet's workers on Ray: one actor a slot, kept warm, given the next job when it is free, replaced when it dies.

Jobs are handed only to actors that have loaded what they need: on a busy cluster some may wait for room until all is done by
the others. What a worker reports on the way is fetched from it, by a second thread of its process, a few times a second.

A job whose worker dies alone has failed; one whose worker went with its machine is done again by another, before all that
were not begun. When no machine is left that has room for a worker, this ends with an error.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from cluster.config import AttachedConfig, Config, LocalConfig
from cluster.errors import ClusterError
from cluster.nodes import head_answers
from cluster.select import connect
from sweeps.fleet import Answer, Fleet, Tell, room_here
from sweeps.hand import Hand, Reply
from sweeps.interrupt import Interrupts
from sweeps.readiness.admission import Admission, label_of
from sweeps.room import room_on_ray, seats_on_ray, waiting_text
from sweeps.worker_death import death_of, is_blameless, lost_machines

PAUSE_S = 0.2
STARTS_LOST = 3
"""So many workers may be killed while they load, one after the other, before we give up."""
LOSSES = 3
"""So many times a job may lose its worker along with the machine, before it counts as what takes machines down."""
LOOK_S = 1.0
"""Between two looks at which machines there are, and who waits for room on them."""
WAIT_S = 8.0
"""After so long without room for a worker it is said what is waited for."""
_STORE_BYTES = 128 * 1024**2
"""Jobs and answers are small; what a Ray of our own keeps for them."""


@dataclass(slots=True)
class Seat:
    """One actor and what it is at.

    Attributes:
        actor: the handle.
        placed: reference to the id of its machine.
        doing: reference to its answer: of its loading, or of its job.
        index: of the job; None while it loads.
        news: reference to its messages, when they were asked for.
        machine: Ray's id of its machine; empty while it waits for room on one.
        hired: when it was asked for, by the monotonic clock.
    """

    actor: Any
    placed: Any
    doing: Any
    index: int | None = None
    news: Any = None
    machine: str = ""
    hired: float = field(default_factory=time.monotonic)


class Crew:
    """The actors of one call of `work_through`.

    Args:
        jobs, worker, argument, fleet, tell: as there.
        seats: how many actors at once.
        admission: of machines.
    """

    def __init__(
        self,
        jobs: Sequence[Any],
        worker: str,
        argument: Any,
        fleet: Fleet,
        tell: Tell,
        *,
        seats: int,
        admission: Admission,
    ) -> None:
        import ray

        self._jobs, self._worker, self._fleet, self._tell = jobs, worker, fleet, tell
        self._admission = admission
        self._argument = ray.put(argument)
        self._waiting = deque(range(len(jobs)))
        self._seats: list[Seat] = []
        self._starts_lost = 0
        self._losses: Counter[int] = Counter()
        self._looked, self._told_of_wait, self._told_of_head = time.monotonic(), False, False
        for _ in range(seats):
            self._hire()

    def answers(self) -> Iterator[Answer]:
        """Every job's answer, as they come.

        Raises:
            ClusterError: no machine is left that has room for a worker, or one that came later cannot do the jobs.
        """
        left = len(self._jobs)
        while left:
            for seat in self._ready():
                if seat.index is None:
                    self._begun(seat)
                elif (answer := self._done(seat)) is not None:
                    yield answer
                    left -= 1
            self._hear()
            if left and time.monotonic() - self._looked >= LOOK_S:
                self._look(left)
                self._looked = time.monotonic()

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
        placed = actor.place.remote()
        self._seats.append(Seat(actor, placed, actor.begin.remote(self._worker, self._argument)))

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
            self._settle(seat)
            error: Any = ray.get(seat.doing)
        except RayError as death:
            if not is_blameless(death, seat.machine):
                self._starts_lost += 1
            if self._starts_lost >= STARTS_LOST:
                raise death_of(death, "workers die while they load what they need") from death
            self._replace(seat)
            return
        if error is not None:
            raise self._admission.named(error, seat.machine)
        self._starts_lost = 0
        self._hand(seat)

    def _settle(self, seat: Seat) -> None:
        """Note the machine of an actor that has begun, once it may do jobs there.

        Raises:
            ClusterError: it may not.
            RayError: it is gone.
        """
        import ray

        if not seat.machine:
            seat.machine = ray.get(seat.placed)
            self._admission.admit(seat.machine)

    def _hand(self, seat: Seat) -> None:
        """Give the next job to an actor, or let it go when there is none."""
        if not self._waiting:
            self._seats.remove(seat)
            _end(seat.actor)
            return
        seat.index = self._waiting.popleft()
        seat.doing = seat.actor.work.remote(seat.index, self._jobs[seat.index])

    def _done(self, seat: Seat) -> Answer | None:
        """The answer of an actor; None where its machine was lost and the job is to be done again."""
        import ray
        from ray.exceptions import RayError

        assert seat.index is not None
        try:
            with suppress(RayError):
                self._fetch(seat)
            reply: Reply = ray.get(seat.doing)
        except RayError as death:
            answer = self._lost(seat, death)
            self._replace(seat)
            return answer
        self._pass_on(seat, reply.messages)
        self._hand(seat)
        return reply.answer

    def _lost(self, seat: Seat, death: Exception) -> Answer | None:
        """The answer of a job whose worker is gone, unless it goes back to the front of the queue."""
        assert seat.index is not None
        name = getattr(self._jobs[seat.index], "name", None)
        if not is_blameless(death, seat.machine):
            return Answer(seat.index, error=death_of(death, "the worker process of this job is gone", name))
        self._losses[seat.index] += 1
        times = self._losses[seat.index]
        if times >= LOSSES:
            return Answer(seat.index, error=lost_machines(times, name))
        self._waiting.appendleft(seat.index)
        lost = f"the machine {label_of(seat.machine)} was lost, or the connection to it"
        self._fleet.say(f"{lost}; done again by another worker: {name or f'number {seat.index + 1}'}")
        return None

    def _replace(self, seat: Seat) -> None:
        """Another actor for one that is gone, if there is something left to begin."""
        self._seats.remove(seat)
        _end(seat.actor)
        if self._waiting:
            self._hire()

    def _look(self, left: int) -> None:
        """Whether there are machines at all, and who waits for room on them.

        Raises:
            ClusterError: no machine has room for a worker, even if nothing else ran on it.
        """
        import ray
        from ray.exceptions import RayError

        if not self._head_answers():
            return
        if not room_on_ray(self._fleet):
            raise ClusterError(
                f"all machines with room for a worker are lost; {left} of {len(self._jobs)} scans were not done; start "
                "machines again, or leave --address out, and give the same command again"
            )
        there = [seat for seat in self._seats if not seat.machine and seat.index is None]
        found = ray.wait([seat.placed for seat in there], num_returns=len(there), timeout=0)[0] if there else []
        for seat in there:
            if seat.placed in found:
                with suppress(RayError):  # whoever waits for it to begin finds out
                    self._settle(seat)
        self._tell_of_wait()

    def _head_answers(self) -> bool:
        """Whether there is anybody to ask; says it once when there is not, for Ray gives no reason when it ends this process."""
        if head_answers():
            self._told_of_head = False
        elif not self._told_of_head:
            self._told_of_head = True
            self._fleet.say(
                "Ray's head does not answer; Ray ends this command about a minute after it was lost, if it is not done before; "
                "then start the cluster again and give the same command again"
            )
        return not self._told_of_head

    def _tell_of_wait(self) -> None:
        """Say it once for as long as workers wait for room."""
        import ray

        now = time.monotonic()
        waiting = [seat for seat in self._seats if not seat.machine and now - seat.hired >= WAIT_S]
        if waiting and not self._told_of_wait:
            free: Any = ray.available_resources()  # type: ignore[no-untyped-call]
            others = len(self._seats) - len(waiting)
            self._fleet.say(waiting_text(len(waiting), others, self._fleet, free))
        self._told_of_wait = bool(waiting)

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
        seats = seats_on_ray(fleet, len(jobs))
        admission = Admission(fleet)
        admission.admit_all()
        crew = Crew(jobs, worker, argument, fleet, tell, seats=seats, admission=admission)
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


def _end(actor: Any) -> None:
    import ray
    from ray.exceptions import RayError

    with suppress(RayError, RuntimeError, ValueError):
        ray.kill(actor, no_restart=True)
