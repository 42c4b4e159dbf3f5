"""The machines of the Ray that this process is connected to, and how many trials fit on them."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence

from cluster.config import Slots
from cluster.errors import ClusterError

CONNECT_S = 1.0
"""Patience with a machine's port. The caller does nothing else meanwhile."""

_ALMOST = 1e-9  # ten tenths are a whole


def machines() -> list[dict[str, float]]:
    """What each living machine has, as Ray counts it: `CPU`, `GPU`, and `memory` and `object_store_memory` in bytes."""
    import ray

    found = ray.nodes()  # type: ignore[no-untyped-call]
    return [dict(node["Resources"]) for node in found if node["Alive"]]


def slots_for(
    nodes: Sequence[Mapping[str, float]], *, cpus: int, gpus: float, memory_bytes: int | None = None
) -> Slots:
    """How many trials of `cpus`, `gpus` and `memory_bytes` fit at once: each lies on one machine, and a fraction on one GPU.

    Raises:
        ClusterError: not even one fits.
    """
    count = sum(slots_on(node, cpus=cpus, gpus=gpus, memory_bytes=memory_bytes) for node in nodes)
    if count < 1:
        has = "; ".join(
            f"{node.get('CPU', 0):g} CPUs, {node.get('GPU', 0):g} GPUs and {int(node.get('memory', 0)):,} bytes"
            for node in nodes
        )
        raise ClusterError(
            f"not even one trial fits: a trial asks for {cpus} CPUs, {gpus:g} GPUs and {memory_bytes or 0:,} bytes, Ray has "
            f"{has or 'no machine'}; lower trial.cpus, trial.gpus or trial.memory in the spec, or give Ray more"
        )
    return Slots(count, cpus, gpus)


def slots_on(node: Mapping[str, float], *, cpus: int, gpus: float, memory_bytes: int | None = None) -> int:
    """How many fit on one machine, 0 if none does."""
    count = int(node.get("CPU", 0)) // cpus
    if gpus:
        whole = int(node.get("GPU", 0) + _ALMOST)
        count = min(count, whole * int(1 / gpus + _ALMOST) if gpus < 1 else int(whole / gpus + _ALMOST))
    if memory_bytes:
        count = min(count, int(node.get("memory", 0) // memory_bytes))
    return count


def is_lost(name: str) -> bool:
    """Whether Ray has given a machine up, or nobody listens where its raylet did.

    Ray counts a machine that was switched off among the living for about 15 s more (2.60), and its port tells at once.

    Args:
        name: Ray's id of the machine, hex.
    """
    import ray

    found = ray.nodes()  # type: ignore[no-untyped-call]
    node = next((item for item in found if item["NodeID"] == name), None)
    return node is None or not node["Alive"] or not _listens(node["NodeManagerAddress"], node["NodeManagerPort"])


def head_answers() -> bool:
    """Whether somebody listens where the head of the Ray that this process is connected to did.

    When nobody does, most calls of Ray wait for the head, and after 60 s Ray (2.60) ends this process.
    """
    import ray

    address, _, port = str(ray.get_runtime_context().gcs_address).rpartition(":")
    return _listens(address.strip("[]"), int(port))


def _listens(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=CONNECT_S):
            return True
    except OSError:
        return False
