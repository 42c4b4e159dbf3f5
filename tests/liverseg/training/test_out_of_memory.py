"""What backends, libraries and the system wrote when memory ran out, word for word, and what is made of it."""

from __future__ import annotations

import errno
import os

import pytest

from liverseg.errors import MemoryExceeded
from liverseg.training.device import memory_errors
from liverseg.training.out_of_memory import is_out_of_memory, of_gpu, what_was_said

ResourceExhaustedError = type("ResourceExhaustedError", (Exception,), {})
NotFoundError = type("NotFoundError", (Exception,), {})
InternalError = type("InternalError", (Exception,), {})
XlaRuntimeError = type("XlaRuntimeError", (RuntimeError,), {})
TorchOutOfMemoryError = type("OutOfMemoryError", (RuntimeError,), {})
ArrayMemoryError = type("_ArrayMemoryError", (MemoryError,), {})

KERNEL = ResourceExhaustedError(
    "Graph execution error:\n\nDetected at node model/conv2d/Conv2D defined at (most recent call last):\nOOM when allocating "
    "tensor with shape[1,32,368,368,368] and type float on /job:localhost/replica:0/task:0/device:GPU:0 by allocator "
    "GPU_0_bfc\n\t [[{{node model/conv2d/Conv2D}}]]\nHint: If you want to see a list of allocated tensors when OOM happens, "
    "add report_tensor_allocations_upon_oom to RunOptions for current allocation info."
)
XLA = XlaRuntimeError(
    "RESOURCE_EXHAUSTED: Out of memory while trying to allocate 4770354232 bytes.\nBufferAssignment OOM Debugging.\n"
    "BufferAssignment stats:\n             parameter allocation:  372.76MiB\n" + "  Buffer\n" * 500
)
CUDNN = NotFoundError(
    "No algorithm worked!  Error messages:\n  Profiling failure on CUDNN engine eng11{}: UNKNOWN: "
    "CUDNN_STATUS_ALLOC_FAILED\nin tensorflow/compiler/xla/stream_executor/cuda/cuda_dnn.cc(5333): 'status'"
)
WORKSPACE = NotFoundError(
    "No algorithm worked!  Error messages:\n  Profiling failure on CUDNN engine 1#TC: RESOURCE_EXHAUSTED: Allocating "
    "11811160096 bytes exceeds the memory limit of 4294967296 bytes."
)
DRIVER = InternalError(
    "failed initializing StreamExecutor for CUDA device ordinal 0: Internal: failed call to cuDevicePrimaryCtxRetain: "
    "CUDA_ERROR_OUT_OF_MEMORY: out of memory; total memory reported: 8361672704"
)
TAKING_UP = InternalError("cudaSetDevice() on GPU:0 failed. Status: out of memory")
TORCH = TorchOutOfMemoryError(
    "CUDA out of memory. Tried to allocate 22.00 MiB. GPU 0 has a total capacity of 23.65 GiB of which 11.06 MiB is free. "
    "Including non-PyTorch memory, this process has 23.60 GiB memory in use."
)
TORCH_BEFORE = RuntimeError("CUDA out of memory. Tried to allocate 1.70 GiB (GPU 0; 11.17 GiB total capacity)")
NUMPY = ArrayMemoryError("Unable to allocate 16.0 GiB for an array with shape (2048, 1024, 1024) and data type float64")
SYSTEM = OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))


@pytest.mark.parametrize("error", [KERNEL, CUDNN, DRIVER, TAKING_UP, TORCH, TORCH_BEFORE])
def test_texts_that_name_a_gpu(error: Exception) -> None:
    assert is_out_of_memory(error) and of_gpu(error)
    with pytest.raises(MemoryExceeded, match="ran out of the GPU's memory"), memory_errors("training step"):
        raise error


@pytest.mark.parametrize("error", [XLA, WORKSPACE, NUMPY, SYSTEM, MemoryError()])
def test_texts_of_any_memory(error: Exception) -> None:
    assert is_out_of_memory(error)
    with pytest.raises(MemoryExceeded) as caught, memory_errors("training step"):
        raise error
    assert len(str(caught.value)) < 400 and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        InternalError("CUDNN_STATUS_EXECUTION_FAILED"),
        InternalError("CUDA_ERROR_ILLEGAL_ADDRESS: an illegal memory access was encountered"),
        RuntimeError("cuDNN error: CUDNN_STATUS_NOT_INITIALIZED"),
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        ValueError("the memory of the fallen"),
    ],
)
def test_other_errors_of_a_gpu_are_not_want_of_memory(error: Exception) -> None:
    assert not is_out_of_memory(error)


def test_the_cause_counts_and_what_was_merely_being_handled_does_not() -> None:
    outer, other = RuntimeError("the trainer gave up"), ValueError("no such key")
    outer.__cause__, other.__context__ = XLA, XLA
    assert is_out_of_memory(outer) and not is_out_of_memory(other)
    outer.__cause__ = outer
    assert not is_out_of_memory(outer)


def test_what_was_asked_for_is_quoted_in_one_short_line() -> None:
    assert what_was_said(XLA) == "Out of memory while trying to allocate 4770354232 bytes."
    assert what_was_said(TORCH) == "CUDA out of memory. Tried to allocate 22.00 MiB"
    assert str(what_was_said(KERNEL)).startswith("OOM when allocating tensor with shape[1,32,368,368,368]")
    assert len(str(what_was_said(KERNEL))) <= 160 and what_was_said(MemoryError()) is None
