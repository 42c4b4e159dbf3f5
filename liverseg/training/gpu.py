"""What a training may take of a GPU: a part of one card's memory, capped and read back, or a whole card.

`share` is what Ray calls the number of GPUs: 0.25 is a quarter of one card, 1 is a whole one.

- With a part the backend gets a hard limit before its first operation, so that trainings beside each other cannot take each
  other's memory: the part of the card's memory, less what the process takes that no limit sees (`CONTEXT_MIB`).
  TensorFlow takes all of it at once, so that a card which somebody else has filled shows at the start.
- With a whole card nothing of ours is on it, and a limit could only do harm. TensorFlow's memory grows as it is needed, so
  that a card with a screen or another user's program on it can be used too.
- One training uses one card. What further cards it is given stand idle.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from liverseg.errors import DeviceError
from liverseg.training.cuda import visible_cards_mib

CONTEXT_MIB = 1024
"""What a process takes of a card besides the backend's own memory: the CUDA context, and the kernels and workspaces of
cuDNN and cuBLAS. 0.3 to 1.4 GiB are reported for TensorFlow, the less the newer CUDA is. Not measured by us."""
LEAST_MIB = 256
"""With less than this nothing can be trained."""

Cards = Callable[[], Sequence[int]]


def cap_mib(total_mib: int, share: float) -> int:
    """Memory that a backend may take of a card of `total_mib`, MiB, when a process has a share of it, 0 < share < 1.

    All processes that fit on the card by their shares, contexts included, take no more than there is.

    Raises:
        DeviceError: what is left is too little for any training.
    """
    cap = math.floor(total_mib * share) - CONTEXT_MIB
    if cap < LEAST_MIB:
        raise DeviceError(
            "the share of the GPU is too small",
            where="trial.gpus",
            got=f"{share:g} of {total_mib:,} MiB",
            allowed=f"at least {CONTEXT_MIB + LEAST_MIB:,} MiB, of which {CONTEXT_MIB:,} MiB are for CUDA itself",
            next_step=f"give at least {math.ceil(100 * (CONTEXT_MIB + LEAST_MIB) / total_mib) / 100:g}",
        )
    return cap


def limit_gpu(share: float, cards: Cards = visible_cards_mib) -> int | None:
    """Hold this process to its share of the GPU. Call it before the backend's first operation; once more changes nothing.

    Args:
        share: 0 where no GPU was given: nothing is done.
        cards: total memory of each visible card, MiB.

    Returns:
        The cap in MiB, as the backend told it back; None without one.

    Raises:
        DeviceError: no GPU is visible, the share is too small, the backend had begun already, or the cap does not hold.
    """
    if share <= 0:
        return None
    import keras

    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return _limit_tensorflow(tf.config, share, cards)
    if share >= 1:
        return None
    total = _first(cards(), share)
    cap = cap_mib(total, share)
    if backend == "torch":
        _limit_torch(cap / total)
    elif backend == "jax":
        _limit_jax(cap / total)
    else:
        raise DeviceError("this Keras backend takes no limit", where="trial.gpus", got=backend, allowed="1, or 0")
    return cap


def grow_if_any() -> bool:
    """Let TensorFlow's memory grow on every visible GPU; False with none, or with another backend."""
    import keras

    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        _grow(tf.config, gpus)
    return bool(gpus)


def _limit_tensorflow(config: Any, share: float, cards: Cards) -> int | None:
    """`config` is `tf.config`."""
    gpus = config.list_physical_devices("GPU")
    if not gpus:
        raise DeviceError(
            f"the trial was given {share:g} of a GPU, and TensorFlow sees none",
            where="trial.gpus",
            next_step="install tensorflow[and-cuda] there and see what nvidia-smi says, or set trial.gpus: 0",
        )
    if share >= 1:
        _grow(config, gpus)
        return None
    cap = cap_mib(_first(cards(), share), share)
    wanted = [cap]
    if read_caps(config, gpus[0]) != wanted:
        limited = config.LogicalDeviceConfiguration(memory_limit=cap)
        try:
            config.set_logical_device_configuration(gpus[0], [limited])
        except RuntimeError as error:
            raise _began_already(cap, read_caps(config, gpus[0])) from error
    _check_held(config, gpus[0], wanted)
    return cap


def read_caps(config: Any, device: Any) -> list[int | None]:
    """Limits, MiB, of the logical devices that `tf.config` makes of a physical one; empty where nothing was set."""
    parts = config.get_logical_device_configuration(device) or []
    return [None if part.memory_limit is None else int(part.memory_limit) for part in parts]


def _check_held(config: Any, gpu: Any, wanted: list[int]) -> None:
    """Start TensorFlow, after which nothing can be changed any more, and read back what it has."""
    logical = config.list_logical_devices("GPU")
    found = read_caps(config, gpu)
    if found != wanted or not logical:
        raise DeviceError(
            "the limit of the GPU's memory does not hold",
            where="trial.gpus",
            got=f"{found} MiB on {len(logical)} logical GPUs",
            allowed=f"{wanted[0]} MiB",
            next_step="give trial.gpus: 1",
        )


def _began_already(cap: int, found: list[int | None]) -> DeviceError:
    return DeviceError(
        "TensorFlow runs in this process already with another limit of the GPU's memory",
        where="trial.gpus",
        got=f"{found[0]} MiB" if found else "no limit",
        allowed=f"{cap} MiB",
        next_step="begin a fresh process",
    )


def _grow(config: Any, gpus: Sequence[Any]) -> None:
    for gpu in gpus:
        if not config.experimental.get_memory_growth(gpu):
            try:
                config.experimental.set_memory_growth(gpu, True)
            except (RuntimeError, ValueError) as error:
                raise DeviceError(
                    "TensorFlow runs in this process already with a limit of the GPU's memory",
                    where="trial.gpus",
                    got=read_caps(config, gpu) or "all memory at once",
                    next_step="begin a fresh process",
                ) from error


def _limit_torch(part: float) -> None:
    import torch

    torch.cuda.set_per_process_memory_fraction(part, 0)
    found = torch.cuda.get_per_process_memory_fraction(0)
    if abs(found - part) > 1e-6:
        raise DeviceError("the limit of the GPU's memory does not hold", where="trial.gpus", got=found, allowed=part)


def _limit_jax(part: float) -> None:
    """JAX reads its part from the environment when it first uses a device. That may be long after its import."""
    wanted = f"{part:.6f}"
    if os.environ.get("XLA_PYTHON_CLIENT_MEM_FRACTION") == wanted:
        return
    bridge = sys.modules.get("jax._src.xla_bridge")
    if getattr(bridge, "_backends", None):
        raise DeviceError(
            "JAX runs in this process already with another limit of the GPU's memory",
            where="trial.gpus",
            got=os.environ.get("XLA_PYTHON_CLIENT_MEM_FRACTION", "no limit"),
            allowed=wanted,
            next_step="begin a fresh process",
        )
    os.environ["XLA_PYTHON_CLIENT_MEM_FRACTION"] = wanted


def _first(totals_mib: Sequence[int], share: float) -> int:
    if not totals_mib:
        raise DeviceError(
            f"the trial was given {share:g} of a GPU, and no driver tells how large it is",
            where="trial.gpus",
            next_step="see what nvidia-smi says there, or set trial.gpus: 1",
        )
    return totals_mib[0]
