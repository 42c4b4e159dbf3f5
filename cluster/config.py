"""Where Ray runs and with how much, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalConfig:
    """Ray on this machine, started for one sweep and ended with it.

    Attributes:
        cpus: CPU slots; None takes every CPU this process may use.
        gpus: GPUs; None takes what Ray finds.
        object_store_bytes: shared memory for prepared data; None lets Ray choose (30 % of memory).
        temp_root: folder for Ray's sockets and logs; short, because socket paths end at 107 bytes.
    """

    cpus: int | None = None
    gpus: int | None = None
    object_store_bytes: int | None = None
    temp_root: str = "/tmp"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedConfig:
    """A Ray cluster that runs already, of which this machine is a part. It is left running.

    Attributes:
        address: `host:port` of its head; None takes RAY_ADDRESS, or else the Ray on this machine.
        insecure: whether a cluster that lets in whoever calls, without a token, is accepted.
    """

    address: str | None = None
    insecure: bool = False


Config = LocalConfig | AttachedConfig


@dataclass(frozen=True, slots=True)
class Slots:
    """How many trials run at once, and what each gets."""

    count: int
    cpus: int
    gpus: float
