"""Chance of training: how much a model's scores differ from seed to seed, and what that leaves of a difference.

A paired test over patients takes the networks as they were trained. A lucky seed lifts all its patients together, so
with many patients two runs of the very same setting differ "significantly". Where there are replicate seeds, a
difference is therefore also held against the spread between seeds; where there are none, that cannot be done, and is
said.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy import special

from results.statistics.resampling import DECIMALS, Floats
from results.statistics.scores import Scores


@dataclass(frozen=True, slots=True)
class SeedSpread:
    """Variance between seeds of a model's mean over patients, pooled over models.

    Attributes:
        variance: assumed to be the same for every model; NaN when none has two seeds.
        freedom: degrees of freedom, the sum of seeds − 1.
    """

    variance: float
    freedom: int

    def margin(self, first: int, second: int, alpha: float) -> float:
        """How far apart chance of training alone puts two models with so many seeds, exceeded with probability `alpha`.

        Student's t; NaN when the variance is not known.
        """
        if not self.freedom:
            return math.nan
        reach = float(special.stdtrit(self.freedom, 1 - alpha / 2))
        return reach * math.sqrt(self.variance * (1 / first + 1 / second))

    def settling(self, mean: float, seeds: tuple[int, int], alpha: float, *, power: float, most: int) -> int | None:
        """More seeds for each of two models with which a difference would exceed the margin, with that power; None
        above `most`.

        None also when the variance is not known.
        """
        for more in range(most + 1) if self.freedom else ():
            freedom = self.freedom + 2 * more
            reach = float(special.stdtrit(freedom, 1 - alpha / 2) + special.stdtrit(freedom, power))
            error = math.sqrt(self.variance * sum(1 / (count + more) for count in seeds))
            if abs(mean) >= reach * error:
                return more
        return None


def seed_means(values: Floats) -> Floats:
    """Mean of each seed over the patients that every seed scored: `(seeds, patients)` → `(seeds,)`, or empty."""
    complete = values[:, ~np.isnan(values).any(axis=0)]
    return np.round(complete.mean(axis=1), DECIMALS) if complete.size else np.empty(0)


def seed_sd(values: Floats) -> float:
    """SD between seeds of the mean over patients, with seeds − 1 in the denominator; NaN with fewer than two seeds."""
    means = seed_means(values)
    return float(means.std(ddof=1)) if means.size > 1 else math.nan


def seed_spread(scores: Scores, label: str) -> SeedSpread:
    """The spread between seeds on one label, pooled over the models that have several."""
    means: Iterable[Floats] = (seed_means(scores.of(label, model)) for model in scores.models)
    several = [found for found in means if found.size > 1]
    freedom = sum(found.size - 1 for found in several)
    if not freedom:
        return SeedSpread(math.nan, 0)
    return SeedSpread(sum(float(((found - found.mean()) ** 2).sum()) for found in several) / freedom, freedom)


def seed_noise(values: Floats) -> float:
    """Variance between seeds within a patient, without what all patients of a seed share: float `(seeds, patients)`.

    The residual mean square of the two-way analysis of variance without replication, over the patients that every seed
    scored; NaN with fewer than two seeds or patients.
    """
    grid = values[:, ~np.isnan(values).any(axis=0)]
    seeds, patients = grid.shape
    if seeds < 2 or patients < 2:
        return math.nan
    residuals = grid - grid.mean(axis=0) - grid.mean(axis=1, keepdims=True) + grid.mean()
    return float((residuals**2).sum() / ((seeds - 1) * (patients - 1)))
