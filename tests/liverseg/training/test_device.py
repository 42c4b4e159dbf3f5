from __future__ import annotations

import os
import subprocess
import sys

import pytest

from liverseg.errors import MemoryExceeded
from liverseg.training.device import memory_errors, peak_memory_mb


class ResourceExhaustedError(Exception):
    """Named like the backend's."""


class Derived(ResourceExhaustedError):
    """A subclass counts too."""


@pytest.mark.parametrize(
    "error", [MemoryError(), ResourceExhaustedError("x"), Derived("x"), RuntimeError("RESOURCE_EXHAUSTED: 8 GiB")]
)
def test_every_backends_memory_error_becomes_ours(error):
    with (
        pytest.raises(MemoryExceeded, match="training step: the training ran out of memory") as caught,
        memory_errors("training step"),
    ):
        raise error
    assert caught.value.kind == "oom" and caught.value.__cause__ is error


def test_other_errors_pass():
    with pytest.raises(KeyError), memory_errors("training step"):
        raise KeyError("other")


def test_peak_memory_holds_what_was_touched():
    before = peak_memory_mb()
    block = bytearray(os.urandom(1)) * 60_000_000
    assert len(block) and peak_memory_mb() > before - 1
    assert 10 < peak_memory_mb() < 1e6


SCRIPT = """
from liverseg.training.device import pin_threads
import tensorflow as tf
assert pin_threads(1) and pin_threads(1)
tf.constant(1.0) + 1.0
assert pin_threads(1)
assert not pin_threads(2)
assert tf.config.threading.get_intra_op_parallelism_threads() == 1
"""


def test_threads_are_pinned_before_the_backend_starts_and_only_then():
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
