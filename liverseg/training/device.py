"""The compute backend's threads, its memory errors and this process's memory."""

from __future__ import annotations

import gc
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from liverseg.errors import MemoryExceeded
from liverseg.training.out_of_memory import is_out_of_memory, of_gpu, what_was_said


def pin_threads(threads: int) -> bool:
    """Limit TensorFlow to `threads` threads within an operation and one operation at a time.

    Must be called before TensorFlow runs its first operation; later calls cannot change anything.

    Returns:
        True when the limits hold (also when they already did, and with other Keras backends, which have none to set);
        False when TensorFlow was already started with others.
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        return True
    import tensorflow as tf

    limits = tf.config.threading
    wanted = (threads, 1)
    if (limits.get_intra_op_parallelism_threads(), limits.get_inter_op_parallelism_threads()) == wanted:
        return True
    try:
        limits.set_intra_op_parallelism_threads(wanted[0])
        limits.set_inter_op_parallelism_threads(wanted[1])
    except RuntimeError:
        return False
    return True


@contextmanager
def memory_errors(where: str) -> Iterator[None]:
    """Turn any backend's out-of-memory error into `MemoryExceeded`; all other errors pass."""
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        memory = "the GPU's memory" if of_gpu(error) else "memory"
        raise MemoryExceeded(
            f"the training ran out of {memory}",
            where=where,
            got=what_was_said(error),
            next_step="lower batch_size or size, or choose a smaller network",
        ) from error


def peak_memory_mb() -> float:
    """Largest resident memory of this process since it began, MB (10^6 bytes); earlier trainings in it count too."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def release_models() -> None:
    """Free the graphs of models that nothing refers to any more: for processes that train one model after another."""
    import keras

    keras.utils.clear_session(free_memory=False)
    gc.collect()
