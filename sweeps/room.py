"""How many workers of a fleet the Ray that this process is connected to has room for, and what is said when it has none."""

from __future__ import annotations

from collections.abc import Mapping

from cluster.errors import ClusterError
from cluster.nodes import machines, slots_on
from cluster.sizes import size_text
from sweeps.fleet import Fleet


def seats_on_ray(fleet: Fleet, jobs: int) -> int:
    """How many actors at once: as many as the machines have room for, as jobs, and as were asked for.

    Raises:
        ClusterError: there is no room for one.
    """
    room = room_on_ray(fleet)
    if room < 1:
        raise ClusterError(
            f"Ray has no machine with room for one worker of {fleet.cpus} CPUs, {fleet.gpus:g} GPUs and "
            f"{fleet.memory_bytes:,} bytes; lower --cpus, or leave --address out to work on this machine"
        )
    return min(room, jobs, fleet.workers or jobs)


def room_on_ray(fleet: Fleet) -> int:
    """How many workers all living machines have room for, if nothing else runs on them."""
    memory = fleet.memory_bytes or None
    return sum(slots_on(node, cpus=fleet.cpus, gpus=fleet.gpus, memory_bytes=memory) for node in machines())


def waiting_text(waiting: int, others: int, fleet: Fleet, free: Mapping[str, float]) -> str:
    """What is said of workers for which there is no room yet.

    Args:
        waiting: how many.
        others: workers that have room.
        fleet: what each asks for.
        free: what is free on the whole cluster, as Ray counts it.
    """
    asked = [f"{fleet.cpus} CPU{'s' * (fleet.cpus > 1)} ({free.get('CPU', 0):g} free)"]
    if fleet.gpus:
        asked.append(f"{fleet.gpus:g} GPUs ({free.get('GPU', 0):g} free)")
    if fleet.memory_bytes:
        asked.append(f"{size_text(fleet.memory_bytes)} of memory ({size_text(free.get('memory', 0))} free)")
    who = f"{waiting} worker{'s wait' if waiting > 1 else ' waits'}"
    rest = f"; {others} at work go on" if others else "; nothing is done until then, Ctrl-C ends this command"
    return f"{who} for room on the cluster, each for {', '.join(asked)} on one machine{rest}"
