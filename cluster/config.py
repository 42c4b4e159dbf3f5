"""Where Ray runs and with how much, as a frozen value."""

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


@dataclass(frozen=True, slots=True)
class Slots:
    """How many trials run at once, and what each gets."""

    count: int
    cpus: int
    gpus: float
