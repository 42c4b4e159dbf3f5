"""Batch normalisation's running statistics, freed of what they began with.

Running statistics are exponential averages that begin at mean 0 and variance 1. After t updates with momentum m
they still hold a share m^t of that beginning: two thirds after 40 updates at 0.99. A short training then validates
with statistics of data it never saw, and a network with batch normalisation looks worse than one without, for no
reason of its own. Dividing the beginning out, as Adam does with its moments (Kingma and Ba 2015, section 3), leaves
the weighted average of the batches that were really seen. After a thousand updates nothing is left to correct.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from liverseg.training.variables import Values, read

NEGLIGIBLE = 1e-6
"""Share of the beginning below which statistics are left as they are: float32 would not show the difference."""


def corrected(average: npt.NDArray[np.float32], beginning: float, share: float) -> npt.NDArray[np.float32]:
    """An exponential average without the share (0 <= share < 1) of the value that it began with, float32."""
    value = (average.astype(np.float64) - beginning * share) / (1.0 - share)
    return value.astype(np.float32)


@contextmanager
def settled_statistics(model: Any, updates: int) -> Iterator[Mapping[int, Values]]:
    """Give a model corrected running statistics for the length of a block; afterwards the running ones are back.

    Args:
        model: a Keras model trained from statistics of mean 0 and variance 1.
        updates: gradient updates so far; with 0 there is nothing to correct.

    Yields:
        The running statistics that the corrected ones stand for, by the variable's `id`.
    """
    running = [(variable, read(variable), share, begun) for variable, share, begun in _statistics(model, updates)]
    try:
        for variable, value, share, begun in running:
            variable.assign(corrected(value, begun, share))
        yield {id(variable): value for variable, value, _, _ in running}
    finally:
        for variable, value, _, _ in running:
            variable.assign(value)


def _statistics(model: Any, updates: int) -> Iterator[tuple[Any, float, float]]:
    """Variables to correct, with the share of their beginning that is left and what they began with."""
    for layer in model.layers:
        share = float(getattr(layer, "momentum", 0.0)) ** updates
        if updates and share > NEGLIGIBLE and hasattr(layer, "moving_variance"):
            yield layer.moving_mean, share, 0.0
            yield layer.moving_variance, share, 1.0
