"""How fast a device convolves: the best of a few large bare convolutions, by TensorFlow, JAX or PyTorch.

What each library does best is asked for directly and not through Keras, whose layers keep channels last and leave PyTorch to
turn every map around: the rate is the device's, and not the network's.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

CALLS = 8
SIDES_AND_CHANNELS = ((128, 64), (64, 128), (32, 256), (16, 512))
"""Side and channels of the 3 x 3 convolutions: what the networks do most of at 128 x 128."""

Call = Callable[[], Any]
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Bare:
    """A chain of convolutions: one call does `gflop` and returns when the device has done it."""

    gflop: float
    call: Call


def bare_convolutions(backend: str, precision: str, batch: int) -> list[Bare]:
    """Warmed chains of `CALLS` convolutions, forward only.

    Args:
        backend: `tensorflow`, `jax` or `torch`.
        precision: `float32` or `bfloat16`.
        batch: maps at a time.

    Raises:
        KeyError: another backend.
    """
    make = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[backend]
    found = []
    for side, channels in SIDES_AND_CHANNELS:
        generator = np.random.default_rng(0)
        maps = generator.standard_normal((batch, side, side, channels), np.float32)
        # Scaled so that values stay of one size through the chain: zeros and infinities are faster on some devices.
        kernel = generator.standard_normal((3, 3, channels, channels), np.float32) / math.sqrt(9 * channels)
        call = make(maps, kernel.astype(np.float32), precision)
        call()
        found.append(Bare(CALLS * 2 * 9 * channels**2 * side**2 * batch / 1e9, call))
    return found


def best_rate(chains: list[Bare], clock: Clock, least_s: float) -> float:
    """GFLOP a second of the fastest chain, now."""
    return max(chain.gflop / seconds_of(chain.call, clock, least_s) for chain in chains)


def seconds_of(call: Call, clock: Clock = time.perf_counter, least_s: float = 0.3) -> float:
    """Mean seconds of a call, repeated until `least_s` have passed, at least once."""
    began, calls = clock(), 0
    while True:
        call()
        calls += 1
        if (passed := clock() - began) >= least_s:
            return passed / calls


def _tensorflow(maps: Any, kernel: Any, precision: str) -> Call:
    import tensorflow as tf

    def chain(x: Any, k: Any) -> Any:
        for _ in range(CALLS):
            x = tf.nn.conv2d(x, k, 1, "SAME")
        return x

    x, k = tf.cast(maps, precision), tf.cast(kernel, precision)
    compiled = tf.function(chain).get_concrete_function(x, k)
    return lambda: compiled(x, k)[0, 0, 0, 0].numpy()  # a single number waits for all of it


def _jax(maps: Any, kernel: Any, precision: str) -> Call:
    import jax
    from jax import lax

    def chain(x: Any, k: Any) -> Any:
        for _ in range(CALLS):
            x = lax.conv_general_dilated(x, k, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
        return x

    x, k = jax.numpy.asarray(maps, precision), jax.numpy.asarray(kernel, precision)
    compiled = jax.jit(chain)
    return lambda: compiled(x, k).block_until_ready()


def _torch(maps: Any, kernel: Any, precision: str) -> Call:
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    to = {"device": device, "dtype": getattr(torch, precision), "memory_format": torch.channels_last}
    x = torch.from_numpy(maps).permute(0, 3, 1, 2).to(**to)
    k = torch.from_numpy(kernel).permute(3, 2, 0, 1).to(**to)

    def chain() -> Any:
        with torch.no_grad():
            out = x
            for _ in range(CALLS):
                out = torch.nn.functional.conv2d(out, k, padding=1)
            return out[0, 0, 0, 0].item()

    return chain
