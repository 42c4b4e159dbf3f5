"""Figures of one model over patients, with the spread between patients and that between seeds kept apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from results.statistics.resampling import Floats, interval, mean_interval, resample_weights, weighted_means
from results.statistics.scores import Scores, mean_over_seeds
from results.statistics.seeds import seed_sd

FEWEST = 6
"""Below so many patients nothing is concluded: a two-sided signed-rank test cannot even reach p = 0.05."""


@dataclass(frozen=True, slots=True)
class Summary:
    """One score of one model over patients, averaged over seeds first. Every figure is NaN where it is not defined.

    Attributes:
        n: patients with a number.
        missing: patients without one (NaN: the score is not defined for them, or was not measured).
        failures: patients with a score of 0 in some seed: the label is there, and nothing of it was found.
        mean: over patients.
        sd: between patients, with n − 1 in the denominator; NaN for one patient.
        median, q1, q3: quartiles over patients.
        ci_low, ci_high: bootstrap interval (95 %) of the mean over patients; NaN for one patient. It holds for the
            networks as they were trained: chance of training is in `seed_sd`, not in here.
        seeds: training seeds with a number.
        seed_sd: between seeds, of the mean over the patients that every seed scored, with seeds − 1 in the denominator;
            NaN for one seed.
    """

    n: int
    missing: int
    failures: int
    mean: float
    sd: float
    median: float
    q1: float
    q3: float
    ci_low: float
    ci_high: float
    seeds: int = 1
    seed_sd: float = float("nan")

    @property
    def underpowered(self) -> bool:
        """Too few patients to conclude anything from."""
        return self.n < FEWEST


def summarise(values: Sequence[float] | Floats, *, seed: int = 0, weights: Floats | None = None) -> Summary:
    """The summary of one score.

    Args:
        values: one a patient, or `(seeds, patients)`; NaN where there is none.
        seed: of the resamples.
        weights: of the resamples `(count, patients)`, to spare drawing them again; then `seed` is not used.
    """
    grid = np.atleast_2d(np.asarray(values, np.float64))
    grid = grid[~np.isnan(grid).all(axis=1)]
    scores = mean_over_seeds(grid)
    known = scores[~np.isnan(scores)]
    missing, nan = scores.size - known.size, float("nan")
    if known.size == 0:
        return Summary(0, missing, 0, nan, nan, nan, nan, nan, nan, nan, seeds=0)
    low, high = _interval(scores, known.size, seed, weights)
    q1, median, q3 = (float(value) for value in np.quantile(known, [0.25, 0.5, 0.75]))
    sd = float(known.std(ddof=1)) if known.size > 1 else nan
    failures = int((grid == 0).any(axis=0).sum())
    spread = seed_sd(grid)
    return Summary(known.size, missing, failures, float(known.mean()), sd, median, q1, q3, low, high, len(grid), spread)


def _interval(scores: Floats, n: int, seed: int, weights: Floats | None) -> tuple[float, float]:
    drawn = resample_weights(scores.size, seed=seed) if weights is None else weights
    return interval(weighted_means(drawn, scores[None])[:, 0], n)


def summaries(scores: Scores, weights: Floats | None = None) -> dict[tuple[str, str], Summary]:
    """A summary for each `(model, label)`, over the same resamples.

    For tumour, patients without tumour are not counted as missing: there is nothing to score.
    """
    drawn = resample_weights(len(scores.patients)) if weights is None else weights
    found = {}
    for model in scores.models:
        for label in scores.labels:
            there = scores.has_tumour if label == "tumour" else np.ones(len(scores.patients), bool)
            values = scores.of(label, model)
            found[model, label] = summarise(values[:, there], weights=drawn[:, there])
    return found


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
