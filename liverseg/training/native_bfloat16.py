"""Whether this machine computes bfloat16 itself; where it does not, `mixed_precision` gains nothing but memory."""

from __future__ import annotations

from pathlib import Path

CPU_FLAGS = frozenset({"amx_bf16", "avx512_bf16", "bf16"})
"""Names in /proc/cpuinfo of x86's tiles and vectors, and of Arm's."""
GPU_CAPABILITY = (8, 0)
"""NVIDIA's Ampere, the first with bfloat16."""
_CPU_INFO = Path("/proc/cpuinfo")


def cpu_computes_bfloat16(info: Path = _CPU_INFO) -> bool | None:
    """Whether the processor has instructions for it; None where the system does not tell."""
    try:
        text = info.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    lines = [line.partition(":") for line in text.splitlines()]
    words = {
        word for name, _, value in lines if name.strip().lower() in ("flags", "features") for word in value.split()
    }
    return bool(words & CPU_FLAGS) if words else None


def gpus_compute_bfloat16() -> bool | None:
    """Whether every GPU that the backend sees does; None without one, and where it does not tell. Imports TensorFlow."""
    import keras

    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    details = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")]
    known = [one["compute_capability"] for one in details if one.get("compute_capability")]
    return all(capability >= GPU_CAPABILITY for capability in known) if known else None


def emulated(computes: bool | None) -> str | None:
    """What to tell somebody who asked for `mixed_precision`; None where there is nothing to say."""
    if computes is not False:
        return None
    return "mixed_precision gains no speed here: this machine has no instructions for bfloat16 and emulates it"
