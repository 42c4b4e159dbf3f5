"""Whether two programs compute the same network: logits on fixed slices, and how far rounding alone can drive them apart.

A logit is what is left after layers of sums. In 32 bits a sum of k products is off by about √k·u of the size of its
terms, u = 2⁻²⁴ being the unit roundoff, when its errors are independent (Higham and Mary 2019, "A new approach to
probabilistic rounding error analysis"); over the layers the squares add up, so that two programs that add in different
orders differ by about √(Σ k)·u of the largest logit. `MARGIN` covers that a layer may magnify the error of the one
before, as a normalisation does that subtracts a mean far larger than the spread.

Measured with the five architectures, widths 4 and 16: ONNX Runtime is off by 4·10⁻⁷ to 5·10⁻⁶ of the largest logit,
1/20 of the limit at most, and by 1/5 of it where means and variances of normalisations were drawn wildly. The same
networks in bfloat16 are 25 to 1,400 times beyond the limit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Slices = npt.NDArray[np.float32]
Program = Callable[[Slices], Slices]

BATCHES = (1, 3)
"""Slices at once: a program that was frozen at one of the two fails with the other."""
UNIT_ROUNDOFF = 2.0**-24
MARGIN = 32.0


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far apart two programs are.

    Attributes:
        difference: largest difference between two logits. NaN where either has a NaN or an infinity.
        largest: largest size of a logit of the first program.
        allowed: difference that rounding in 32 bits explains.
    """

    difference: float
    largest: float
    allowed: float

    @property
    def holds(self) -> bool:
        """Whether they compute the same; False with NaN."""
        return self.difference <= self.allowed

    @property
    def share(self) -> float:
        """The difference in units of the largest logit; 0 where all are 0."""
        return self.difference / self.largest if self.largest else 0.0

    def in_words(self) -> str:
        """The difference, and what it is to be compared with."""
        words = "within" if self.holds else "beyond"
        return (
            f"differences up to {self.difference:.2g} with logits up to {self.largest:.3g}, "
            f"{words} the {self.allowed:.2g} that rounding in 32 bits explains"
        )


def fixed_slices(batch: int, shape: Sequence[int]) -> Slices:
    """Slices that are always the same: noise on a slope that tells left from right and top from bottom.

    Args:
        batch: how many; no two of a batch are equal.
        shape: of one, (h, w, 1).

    Returns:
        (batch, h, w, 1) float32, values about as windows give them (-4 to 5).
    """
    height, width = shape[0], shape[1]
    slope = np.linspace(0.0, 0.75, height)[:, None] + np.linspace(0.0, 0.25, width)[None, :]
    noise = np.random.default_rng(batch).standard_normal((batch, *shape))
    return np.asarray(noise + slope[None, :, :, None], np.float32)


def rounding_share(network: Any) -> float:
    """Difference that rounding explains, in units of the largest logit; the formula is that of this file.

    Args:
        network: a Keras model. The number of products in a sum is taken from its kernels, all sizes but the last.
    """
    kernels = [variable.shape for variable in network.variables if len(variable.shape) > 1]
    return MARGIN * math.sqrt(sum(math.prod(shape[:-1]) for shape in kernels)) * UNIT_ROUNDOFF


def agreement(network: Any, other: Program) -> Agreement:
    """Compare a Keras model with another program on fixed slices, in batches of `BATCHES`.

    Args:
        network: one input (h, w, 1), one output. Computed on the CPU, where 32 bits are 32 bits: a GPU may take
            fewer for the factors of its products.
        other: slices (n, h, w, 1) to logits. An error of it passes.
    """
    shape = tuple(network.inputs[0].shape[1:])
    differences, sizes = [0.0], [0.0]
    for batch in BATCHES:
        slices = fixed_slices(batch, shape)
        wanted, got = logits_of(network, slices), other(slices)
        same = wanted.shape == got.shape and got.dtype == np.float32 and bool(np.isfinite([wanted, got]).all())
        differences.append(float(np.abs(wanted - got).max()) if same else math.nan)
        sizes.append(float(np.abs(wanted).max()))
    largest = max(sizes)
    difference = math.nan if any(map(math.isnan, differences)) else max(differences)
    return Agreement(difference, largest, rounding_share(network) * largest)


def logits_of(network: Any, slices: Slices) -> Slices:
    """What a Keras model gives in inference, operation by operation: nothing is compiled, and nothing of XLA."""
    import tensorflow as tf

    with tf.device("CPU:0"):
        return np.asarray(network(slices, training=False), np.float32)
