"""The memory that a process has for itself. What it shares, such as prepared slices, is not its own."""

from __future__ import annotations

import ctypes
import os
import sys

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class MemoryGauge:
    """Reads this process's private memory, a few microseconds a time."""

    def __init__(self) -> None:
        # Kept open: opening it anew costs as much as ten readings.
        self._statm = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC) if sys.platform == "linux" else -1

    def read_bytes(self) -> int:
        """Resident memory less that of files and of shared memory."""
        if self._statm < 0:
            import psutil

            return int(psutil.Process().memory_full_info().uss)
        fields = os.pread(self._statm, 128, 0).split()
        return (int(fields[1]) - int(fields[2])) * _PAGE_BYTES

    def close(self) -> None:
        """Let go of the file; the gauge cannot be read any more."""
        if self._statm >= 0:
            os.close(self._statm)
            self._statm = -1


def private_memory_bytes() -> int:
    """This process's private memory now."""
    gauge = MemoryGauge()
    try:
        return gauge.read_bytes()
    finally:
        gauge.close()


def return_free_memory() -> None:
    """Give memory that was freed back to the system, where the C library can; it keeps it for later otherwise."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
