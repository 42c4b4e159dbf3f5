"""What it would take to show a difference: patients, or training seeds, for 80 % power of the signed-rank test.

The plan takes the observed differences as the truth. That is the best guess there is and a poor one when there are few
patients: a sentence that quotes a plan must say so.

Power for n patients is that of the normal approximation to W₊ with the moments it has when differences come from the
observed ones, not from their null distribution: with D, D′, D″ independent differences, p₁ = P(D > 0), p₂ = P(D + D′ >
0), p₁₂ = P(D > 0, D + D′ > 0) and p₃ = P(D + D′ > 0, D + D″ > 0),

    E W₊ = n·p₁ + n(n−1)/2·p₂
    Var W₊ = n·p₁(1−p₁) + n(n−1)/2·p₂(1−p₂) + 2n(n−1)·(p₁₂ − p₁p₂) + n(n−1)(n−2)·(p₃ − p₂²)

estimated by U-statistics, a zero counting one half (which leaves the variance a little too large). E. Lehmann,
Nonparametrics (1975), section 4.2; G. Noether's formula, JASA 82 (1987), keeps only p₂ and the null variance. A formula
in means and standard deviations would let one outlying patient, which the test hardly notices, multiply the number of
patients.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from results.statistics.resampling import Floats
from results.statistics.scores import mean_over_seeds
from results.statistics.seeds import SeedSpread, seed_noise

ALPHA = 0.05
POWER = 0.8
MOST_PATIENTS = 1000
"""A plan that needs more patients than this is no plan."""
MOST_SEEDS = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """What would show a difference, were the true differences those observed.

    Attributes:
        patients: patients in all; None when `MOST_PATIENTS` would not do.
        with_seeds: more seeds for each model that are needed together with those patients, lest the difference stay
            within what seeds vary; 0 also where that is not known.
        seeds: more seeds for each model that would do on the same patients; None when `MOST_SEEDS` would not, or when
            it is not known.
        seeds_known: whether both models have the two seeds it takes to tell.
    """

    patients: int | None
    with_seeds: int = 0
    seeds: int | None = None
    seeds_known: bool = False


def signed_rank_power(differences: Floats, patients: Floats, alpha: float) -> Floats:
    """Power of the two-sided test at level `alpha` for each number of patients, if differences are spread like these.

    Args:
        differences: float `(n,)`, no NaN, at least 2.
        patients: numbers of patients, of any shape.
        alpha: level.

    0 where so few patients cannot give a p-value as small as `alpha`.
    """
    p1, p2, p12, p3 = _chances(differences)
    n = patients
    pairs = n * (n - 1) / 2
    null_sd = np.sqrt(n * (n + 1) * (2 * n + 1) / 24)
    shift = np.abs(n * p1 + pairs * p2 - n * (n + 1) / 4)
    variance = n * p1 * (1 - p1) + pairs * p2 * (1 - p2) + 4 * pairs * (p12 - p1 * p2)
    variance += 2 * pairs * (n - 2) * (p3 - p2**2)
    spread = np.sqrt(np.maximum(variance, 1e-9))
    critical = -special.ndtri(alpha / 2) * null_sd
    power: Floats = special.ndtr((shift - critical) / spread) + special.ndtr((-shift - critical) / spread)
    return np.where(n >= fewest_patients(alpha), power, 0.0)


def _chances(differences: Floats) -> tuple[float, float, float, float]:
    """p₁, p₂, p₁₂ and p₃ of the differences, over distinct patients."""
    n = len(differences)
    single = (np.sign(differences) + 1) / 2
    double = (np.sign(differences[:, None] + differences[None]) + 1) / 2
    np.fill_diagonal(double, 0.0)
    rows = double.sum(axis=1)
    p2 = float(rows.sum() / (n * (n - 1)))
    p12 = float((single * rows).sum() / (n * (n - 1)))
    if n < 3:
        return float(single.mean()), p2, p12, p2**2
    triples = (rows**2 - (double**2).sum(axis=1)).sum()
    return float(single.mean()), p2, p12, float(triples / (n * (n - 1) * (n - 2)))


def fewest_patients(alpha: float) -> int:
    """The number of patients below which no differences whatever give p ≤ `alpha`: 2 / 2ⁿ ≤ α."""
    return math.ceil(1 - math.log2(alpha))


def needed_patients(differences: Floats, alpha: float, *, power: float = POWER) -> int | None:
    """Patients in all for that power, more than there are now; None when `MOST_PATIENTS` would not do.

    Args:
        differences: float `(n,)`, no NaN, at least 2.
        alpha: level of the test, after dividing by the number of tests.
        power: chance to find the difference.
    """
    numbers = np.arange(len(differences) + 1, MOST_PATIENTS + 1, dtype=np.float64)
    enough = signed_rank_power(differences, numbers, alpha) >= power
    return int(numbers[enough.argmax()]) if enough.any() else None


def needed_seeds(
    differences: Floats, noise: Sequence[tuple[float, int]], alpha: float, *, power: float = POWER
) -> int | None:
    """More seeds for each model that would give that power on the same patients; None when `MOST_SEEDS` would not do.

    More seeds average out what is chance of training in each patient's difference, and nothing else: the observed
    differences are drawn towards their mean as much as their variance would shrink.

    Args:
        differences: float `(n,)`, averaged over the seeds there are; no NaN, at least 2.
        noise: for each model the variance between seeds within a patient (`seed_noise`), and the number of seeds.
        alpha: level of the test, after dividing by the number of tests.
        power: chance to find the difference.
    """
    lowest, highest = 1, MOST_SEEDS
    if _power_with(differences, noise, highest, alpha) < power:
        return None
    while lowest < highest:
        middle = (lowest + highest) // 2
        if _power_with(differences, noise, middle, alpha) >= power:
            highest = middle
        else:
            lowest = middle + 1
    return lowest


def _power_with(differences: Floats, noise: Sequence[tuple[float, int]], more: int, alpha: float) -> float:
    total = float(differences.var(ddof=1))
    gone = sum(variance / seeds - variance / (seeds + more) for variance, seeds in noise)
    kept = math.sqrt(max(1 - gone / total, 0.0)) if total > 0 else 1.0
    centre = differences.mean()
    shrunk = centre + kept * (differences - centre)
    return float(signed_rank_power(shrunk, np.array(float(len(differences))), alpha))


def plan(first: Floats, second: Floats, alpha: float, spread: SeedSpread) -> Plan | None:
    """The plan for two models, each `(its seeds, patients)` on the same patients; None with fewer than two pairs.

    Args:
        first: Dice, NaN where there is none.
        second: likewise.
        alpha: level of each test, after dividing by the number of tests.
        spread: between seeds.
    """
    differences = mean_over_seeds(first) - mean_over_seeds(second)
    differences = differences[~np.isnan(differences)]
    if len(differences) < 2:
        return None
    patients = needed_patients(differences, alpha)
    noise = [(seed_noise(values), len(values)) for values in (first, second)]
    if any(math.isnan(variance) for variance, _ in noise):
        return Plan(patients)
    settling = settling_seeds(float(differences.mean()), (len(first), len(second)), alpha, spread)
    if settling is None:
        return Plan(None, seeds_known=True)
    seeds = needed_seeds(differences, noise, alpha)
    return Plan(patients, settling, None if seeds is None else max(seeds, settling), seeds_known=True)


def settling_seeds(mean: float, seeds: tuple[int, int], alpha: float, spread: SeedSpread) -> int | None:
    """More seeds for each model that would lift a mean difference above chance of training, with the planned power."""
    return spread.settling(mean, seeds, alpha, power=POWER, most=MOST_SEEDS)
