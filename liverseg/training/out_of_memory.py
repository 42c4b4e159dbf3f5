"""Telling want of memory from all other errors, whatever backend, library or operating system reports it.

Most backends have a class of error for it. Where memory of a GPU ends inside a library (cuDNN, cuBLAS, the driver), the
class is that of any error, and only the text tells. Backends are told by names and texts, so that none has to be imported.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator

_CLASSES = frozenset({"ResourceExhaustedError", "OutOfMemoryError", "MemoryError", "MemoryExceeded"})
_TEXTS = (
    "RESOURCE_EXHAUSTED",  # TensorFlow and XLA, also as JAX' XlaRuntimeError and inside "No algorithm worked!"
    "OOM when allocating",  # TensorFlow's kernels
    "Out of memory while trying to allocate",  # XLA
    "Out of memory allocating",  # XLA on CPUs
    "CUDA_ERROR_OUT_OF_MEMORY",  # the driver
    "CUDA out of memory",  # PyTorch
    "CUDA error: out of memory",  # PyTorch, from the driver
    "Status: out of memory",  # TensorFlow, when it takes up the card
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUSOLVER_STATUS_ALLOC_FAILED",
    "DefaultCPUAllocator: can't allocate memory",  # PyTorch on CPUs
    "DefaultCPUAllocator: not enough memory",
)
_GPU_TEXTS = ("GPU_", "GPU:", "CUDA", "CUDNN", "CUBLAS", "CUSOLVER", "Status: out of memory")
_SAID = re.compile(
    r"OOM when allocating[^\n]*|(?:CUDA )?[Oo]ut of memory (?:while|allocating)[^\n]*|CUDA out of memory[^\n]*?MiB|"
    r"CUDA out of memory[^\n]*?GiB|Unable to allocate[^\n]*|failed to allocate[^\n]*"
)
_SAID_LIMIT = 160


def is_out_of_memory(error: BaseException) -> bool:
    """Whether want of memory, of the machine or of a GPU, is what an error or its cause tells."""
    return any(_tells(item) for item in _causes(error))


def of_gpu(error: BaseException) -> bool:
    """Whether the error or its cause names a GPU."""
    return any(mark in str(item) for item in _causes(error) for mark in _GPU_TEXTS)


def what_was_said(error: BaseException) -> str | None:
    """The part of an error's text that says how much was asked for, at most 160 characters; None where there is none.

    XLA's texts go on with pages about its buffers.
    """
    found = _SAID.search(str(error))
    return " ".join(found.group().split())[:_SAID_LIMIT].rstrip() if found else None


def _tells(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    names = {kind.__name__ for kind in type(error).__mro__}
    return not names.isdisjoint(_CLASSES) or any(mark in str(error) for mark in _TEXTS)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, what it was raised from on purpose, and so on; not what was merely being handled at the time."""
    seen: set[int] = set()
    item: BaseException | None = error
    while item is not None and id(item) not in seen:
        seen.add(id(item))
        yield item
        item = item.__cause__
