"""The bootstrap over patients: the patient is the unit, not the slice and not the voxel.

Intervals are *expanded percentile* intervals: quantiles of the resampled means, at levels a little further out than
2.5 and 97.5 %, so that for symmetric data they agree with Student's t. Plain percentile and BCa intervals are too
narrow by √((n−1)/n) and by z against t, which matters exactly where there are few patients. Coverage of 95 % intervals,
simulated (1500 samples each, `mean` of n scores like those of livers, a skewed beta distribution with mean 0.94):

| n | percentile | BCa | expanded percentile |
|---|---|---|---|
| 6 | 0.85 | 0.85 | 0.91 |
| 9 | 0.88 | 0.89 | 0.93 |
| 15 | 0.90 | 0.91 | 0.94 |
| 50 | 0.93 | 0.94 | 0.94 |

BCa on top of the expansion gains under one point and costs a jackknife. No method saves a small sample that missed a
rare catastrophe: with one failure in twenty patients, 15 patients cover the mean in 70 % of samples.

Source: T. Hesterberg, What Teachers Should Know About the Bootstrap, The American Statistician 69 (2015).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]

RESAMPLES = 2000
CONFIDENCE = 0.95
DECIMALS = 12
"""Means and differences are rounded to so many: equal scores must stay equal however they were added up."""


def resamples(patients: int, *, count: int = RESAMPLES, seed: int = 0) -> npt.NDArray[np.int64]:
    """Indices `(count, patients)` of patients drawn with replacement; the same for every model that is compared."""
    return np.random.default_rng(seed).integers(0, max(patients, 1), (count, patients))


def resample_weights(patients: int, *, count: int = RESAMPLES, seed: int = 0) -> Floats:
    """How often each patient is in each of `resamples`: float `(count, patients)`."""
    drawn = resamples(patients, count=count, seed=seed) + np.arange(count)[:, None] * patients
    counted = np.bincount(drawn.ravel(), minlength=count * patients)
    return counted.reshape(count, patients).astype(np.float64)


def weighted_means(weights: Floats, values: Floats) -> Floats:
    """Means over patients: float `(count, rows)` of weights `(count, patients)` and values `(rows, patients)`.

    NaN patients are left out of each mean; a mean of none is NaN.
    """
    known = ~np.isnan(values)
    sums = weights @ np.where(known, values, 0.0).T
    sizes = weights @ known.T.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.round(sums / sizes, DECIMALS)


def interval(means: Floats, n: int) -> tuple[float, float]:
    """Expanded percentile interval (95 %) from resampled means `(count,)` of `n` patients.

    NaN means are left out. `(nan, nan)` with fewer than two patients.
    """
    known = means[~np.isnan(means)]
    if n < 2 or not known.size:
        return float("nan"), float("nan")
    low, high = np.quantile(known, [tail(n), 1 - tail(n)])
    return float(low), float(high)


def tail(n: int) -> float:
    """Level of the lower end: Φ(−√(n/(n−1))·t), t the 97.5 % point of Student's t with n − 1 degrees of freedom."""
    reach = np.sqrt(n / (n - 1)) * special.stdtrit(n - 1, (1 + CONFIDENCE) / 2)
    return float(special.ndtr(-reach))


def mean_interval(values: Sequence[float] | Floats, *, seed: int = 0) -> tuple[float, float]:
    """Bootstrap interval (95 %) of the mean over patients, one value a patient; NaN patients are left out.

    `(nan, nan)` with fewer than two numbers.
    """
    scores = np.asarray(values, np.float64)
    n = int(np.count_nonzero(~np.isnan(scores)))
    if n < 2:
        return float("nan"), float("nan")
    return interval(weighted_means(resample_weights(scores.size, seed=seed), scores[None])[:, 0], n)
