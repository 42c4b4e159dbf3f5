"""The fleet that a command's options ask for, and the variables of its workers."""

from __future__ import annotations

from collections.abc import Callable

from cluster.config import AttachedConfig, Config, LocalConfig
from sweeps.errors import UsageError
from sweeps.fleet import Fleet

_ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "1", "KERAS_BACKEND": "tensorflow"}


def fleet_of(
    *,
    workers: int | None = None,
    cpus: int = 1,
    gpus: float = 0.0,
    address: str | None = None,
    insecure: bool = False,
    memory_bytes: int = 0,
    say: Callable[[str], None] = lambda text: None,
) -> Fleet:
    """Workers on this machine, or on a Ray cluster that runs.

    Args:
        workers: at most so many at once; None as many as there is room for.
        cpus: of each.
        gpus: of each.
        address: `host:port` of a cluster's head.
        insecure: accept a cluster without a token.
        memory_bytes: what a worker takes, about.
        say: tells the user one line about machines that are lost or waited for.

    Raises:
        UsageError: an impossible number.
    """
    for name, value in (("--workers", workers), ("--cpus", cpus)):
        if value is not None and value < 1:
            raise UsageError("impossible number", where=name, got=value, allowed="1 or more")
    if gpus < 0:
        raise UsageError("impossible number", where="--gpus", got=gpus, allowed="0 or more")
    cards = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"} if gpus else {"CUDA_VISIBLE_DEVICES": "-1"}
    where: Config = LocalConfig(gpus=None if gpus else 0)
    if address is not None or insecure:
        where = AttachedConfig(address=address, insecure=insecure)
    return Fleet(
        workers=workers,
        cpus=cpus,
        gpus=gpus,
        memory_bytes=memory_bytes,
        where=where,
        environment={**_ENVIRONMENT, **cards, "OMP_NUM_THREADS": str(cpus)},
        say=say,
    )
