"""One place of a fleet's crew: an actor on Ray, as the process that hands out jobs knows it."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from sweeps.fleet import Fleet
from sweeps.hand import Hand


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

    def leave(self) -> None:
        """End the actor at once, whatever it is at."""
        import ray
        from ray.exceptions import RayError

        with suppress(RayError, RuntimeError, ValueError):
            ray.kill(self.actor, no_restart=True)


def taken(fleet: Fleet, worker: str, argument: Any) -> Seat:
    """Ask Ray for an actor, which begins to load what it needs as soon as there is room for it.

    Args:
        fleet: what it takes.
        worker: import path of what it is to make, see `sweeps.fleet.work_through`.
        argument: of that; a reference to it.
    """
    import ray

    room: dict[str, Any] = {"num_cpus": fleet.cpus, "num_gpus": fleet.gpus}
    if fleet.memory_bytes:
        room["memory"] = fleet.memory_bytes
    # Messages have a thread of their own, so that they can be fetched while a job is at work.
    remote: Any = ray.remote
    actor = remote(max_restarts=0, concurrency_groups={"news": 1}, **room)(Hand).remote()
    return Seat(actor, actor.place.remote(), actor.begin.remote(worker, argument))
