"""What this process and the backend's allocator hold: the numbers behind an estimate of memory."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Allocated:
    """Bytes that TensorFlow's allocator of one device has given out: arrays, and nothing else of the process.

    Attributes:
        current: now.
        peak: at most since the last `forget_peak`.
    """

    current: int
    peak: int


def allocated(device: str) -> Allocated | None:
    """What an allocator has given out, `CPU:0` or `GPU:0`; None where it keeps no count (CPUs without oneDNN)."""
    import tensorflow as tf

    try:
        found = tf.config.experimental.get_memory_info(device)
    except (ValueError, tf.errors.OpError):
        return None
    return Allocated(int(found["current"]), int(found["peak"]))


def forget_peak(device: str) -> None:
    """Let the peak be what is given out now; only where `allocated` answers."""
    import tensorflow as tf

    tf.config.experimental.reset_memory_stats(device)


def private_peak_bytes() -> int:
    """Resident memory of this process at most since it began, less that of files and shared memory now.

    What the guard of a trial compares with its limit is the same difference at each moment.
    """
    if sys.platform == "linux":
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        found = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
        kib = {name: int(found[name][0]) for name in ("VmHWM", "RssFile", "RssShmem") if found.get(name)}
        if len(kib) == 3:
            return 1024 * (kib["VmHWM"] - kib["RssFile"] - kib["RssShmem"])
    from liverseg.training.device import peak_memory_mb

    return int(1e6 * peak_memory_mb())
