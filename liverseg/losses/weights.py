"""Class weights from how often each class occurs."""

from __future__ import annotations

from collections.abc import Sequence

from liverseg.errors import ConfigError

CAP = 50.0
"""Largest ratio between two class weights. Liver tumours are some 0.4 % of the pixels of liver slices; uncapped they
would weigh over 200 times the background and a few mislabelled pixels would steer the training."""


def inverse_frequency_weights(pixel_counts: Sequence[int], *, cap: float = CAP) -> tuple[float, ...]:
    """One weight a class, inversely proportional to its share of the training pixels (King and Zeng 2001).

    The ratio of the largest to the smallest weight is limited to `cap`, then all are scaled so that the mean weight
    of a training pixel is 1: the loss keeps the scale of plain cross-entropy, and a learning rate means the same for
    both. A class without pixels gets the largest weight allowed, which no training pixel will use.

    Args:
        pixel_counts: training pixels of each class, from class 0 up.
        cap: largest ratio of two weights, at least 1.

    Raises:
        ConfigError: no pixels at all, a negative count, or a cap below 1.
    """
    counts = [int(count) for count in pixel_counts]
    if not counts or min(counts) < 0 or sum(counts) == 0:
        raise ConfigError(
            "class weights need pixels to count",
            where="weighted_ce",
            got=counts,
            allowed="counts from 0, not all 0",
            next_step="check that the training split has slices",
        )
    if not cap >= 1:
        raise ConfigError("impossible cap on class weights", where="cap", got=cap, allowed="number from 1")
    raw = [min(max(counts) / count, cap) if count else cap for count in counts]
    mean = sum(weight * count for weight, count in zip(raw, counts, strict=True)) / sum(counts)
    return tuple(weight / mean for weight in raw)
