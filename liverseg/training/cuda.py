"""The memory of the GPUs that this process may use, from NVIDIA's driver library alone.

TensorFlow tells a card's name but not its memory. The driver's own library, which TensorFlow loads too, does; it respects
`CUDA_VISIBLE_DEVICES`, its order and parts of cards (MIG), needs no program on the PATH, and takes a millisecond. Asking for
the size makes no context, so nothing is taken from the card.
"""

from __future__ import annotations

import ctypes
from typing import Any

from liverseg.errors import DeviceError

LIBRARY = "libcuda.so.1"
_MIB = 1024**2


def visible_cards_mib(library: str = LIBRARY) -> tuple[int, ...]:
    """Total memory of each visible card in the order in which this process counts them, MiB, rounded down.

    Args:
        library: file of the driver's library.

    Returns:
        Nothing where no driver is installed.

    Raises:
        DeviceError: the driver is there and refuses.
    """
    try:
        cuda = ctypes.CDLL(library)
    except OSError:
        return ()
    _ask(cuda, "cuInit", ctypes.c_uint(0))
    count = ctypes.c_int()
    _ask(cuda, "cuDeviceGetCount", ctypes.byref(count))
    return tuple(_total_bytes(cuda, number) // _MIB for number in range(count.value))


def _total_bytes(cuda: Any, number: int) -> int:
    device, size = ctypes.c_int(), ctypes.c_size_t()
    _ask(cuda, "cuDeviceGet", ctypes.byref(device), ctypes.c_int(number))
    _ask(cuda, "cuDeviceTotalMem_v2", ctypes.byref(size), device)
    return size.value


def _ask(cuda: Any, name: str, *arguments: Any) -> None:
    status = getattr(cuda, name)(*arguments)
    if status:
        raise DeviceError(
            "the GPU's driver does not answer",
            where=name,
            got=f"status {status}",
            next_step="run nvidia-smi on that machine",
        )
