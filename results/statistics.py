"""Figures over patients: the patient is the unit, not the slice and not the voxel.

With few patients little can be said, and the figures say so: below `FEWEST` patients a summary is marked
`underpowered`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

FEWEST = 6
RESAMPLES = 2000
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Summary:
    """One score over patients. Every figure is NaN where it is not defined.

    Attributes:
        n: patients with a number.
        missing: patients without one (NaN: the score is not defined for them).
        sd: between patients, with n − 1 in the denominator; NaN for one patient.
        ci_low, ci_high: percentile bootstrap of the mean, 95 %; NaN for one patient.
    """

    n: int
    missing: int
    mean: float
    sd: float
    median: float
    q1: float
    q3: float
    ci_low: float
    ci_high: float

    @property
    def underpowered(self) -> bool:
        """Too few patients to conclude anything from."""
        return self.n < FEWEST


def resamples(patients: int, *, count: int = RESAMPLES, seed: int = 0) -> npt.NDArray[np.int64]:
    """Indices `(count, patients)` of patients drawn with replacement; the same for every model that is compared."""
    return np.random.default_rng(seed).integers(0, patients, (count, patients))


def summarise(values: Sequence[float] | Floats, *, seed: int = 0) -> Summary:
    """The summary of one score, one value a patient; NaN means that it is not defined for that patient."""
    scores = np.asarray(values, np.float64)
    known = scores[~np.isnan(scores)]
    missing = scores.size - known.size
    if known.size == 0:
        return Summary(0, missing, *[float("nan")] * 7)
    low, high = mean_interval(scores, seed=seed)
    q1, median, q3 = np.quantile(known, [0.25, 0.5, 0.75])
    sd = float(known.std(ddof=1)) if known.size > 1 else float("nan")
    return Summary(known.size, missing, float(known.mean()), sd, float(median), float(q1), float(q3), low, high)


def mean_interval(values: Sequence[float] | Floats, *, seed: int = 0) -> tuple[float, float]:
    """Bootstrap interval (95 %, percentiles) of the mean over patients; NaN patients are left out of each resample.

    `(nan, nan)` with fewer than two numbers. Efron & Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.
    """
    scores = np.asarray(values, np.float64)
    if np.count_nonzero(~np.isnan(scores)) < 2:
        return float("nan"), float("nan")
    drawn = scores[resamples(scores.size, seed=seed)]
    counts = np.count_nonzero(~np.isnan(drawn), axis=1)
    sums = np.nansum(drawn, axis=1)
    means = sums[counts > 0] / counts[counts > 0]
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


@dataclass(frozen=True, slots=True)
class Difference:
    """Mean difference between two models on the same patients, with its bootstrap interval."""

    n: int
    mean: float
    ci_low: float
    ci_high: float

    @property
    def underpowered(self) -> bool:
        """Too few patients to conclude anything from."""
        return self.n < FEWEST


def paired_difference(first: Sequence[float], second: Sequence[float], *, seed: int = 0) -> Difference:
    """`first` − `second`, one value a patient each, in the same order of patients; pairs with a NaN are left out."""
    pairs = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    known = pairs[~np.isnan(pairs)]
    mean = float(known.mean()) if known.size else float("nan")
    return Difference(known.size, mean, *mean_interval(pairs, seed=seed))
