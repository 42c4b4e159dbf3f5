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
from contextlib import suppress
from typing import Any

from cluster.config import AttachedConfig, Config, LocalConfig
from cluster.quiet import keep_stdout_for_data
from cluster.select import connect
from sweeps.fleet import Answer, Fleet, Tell, room_here
from sweeps.hand import Reply
from sweeps.interrupt import Interrupts
from sweeps.lookout import WAIT_S, Lookout
from sweeps.readiness.admission import Admission, label_of
from sweeps.room import seats_on_ray
from sweeps.seat import Seat, taken
from sweeps.worker_death import death_of, is_blameless, lost_machines

PAUSE_S = 0.2
STARTS_LOST = 3
"""So many workers may be killed while they load, one after the other, before we give up."""
LOSSES = 3
"""So many times a job may lose its worker along with the machine, before it counts as what takes machines down."""
_STORE_BYTES = 128 * 1024**2
"""Jobs and answers are small; what a Ray of our own keeps for them."""


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
        self._lookout = Lookout(fleet, len(jobs))
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
            if left and self._lookout.due:
                self._look(left)

    def dismiss(self) -> None:
        """End every actor at once, whatever it is at."""
        for seat in self._seats:
            seat.leave()
        self._seats.clear()

    def _hire(self) -> None:
        self._seats.append(taken(self._fleet, self._worker, self._argument))

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
            seat.leave()
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
        seat.leave()
        if self._waiting:
            self._hire()

    def _look(self, left: int) -> None:
        """Whether there are machines at all, and who waits for room on them.

        Raises:
            ClusterError: no machine has room for a worker, even if nothing else ran on it.
        """
        import ray
        from ray.exceptions import RayError

        if not self._lookout.look(left):
            return
        there = [seat for seat in self._seats if not seat.machine and seat.index is None]
        found = ray.wait([seat.placed for seat in there], num_returns=len(there), timeout=0)[0] if there else []
        for seat in there:
            if seat.placed in found:
                with suppress(RayError):  # whoever waits for it to begin finds out
                    self._settle(seat)
        now = time.monotonic()
        # A Ray of our own has room for its workers; what they wait for is their own start.
        shared = isinstance(self._fleet.where, AttachedConfig)
        waiting = sum(shared and not seat.machine and now - seat.hired >= WAIT_S for seat in self._seats)
        self._lookout.tell_of_wait(waiting, len(self._seats) - waiting)

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
    keep_stdout_for_data()
    with connect(_config(fleet, len(jobs)), environment=worker_environment(fleet)):
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
