"""All pairs of models on the same patients: difference, paired test, effect size, and what is to be said of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import numpy as np

from results.statistics.planning import ALPHA, Plan, plan, settling_seeds
from results.statistics.resampling import Floats, interval, resample_weights, weighted_means
from results.statistics.scores import Scores
from results.statistics.seeds import SeedSpread, seed_spread
from results.statistics.signed_rank import SignedRank, holm, signed_rank, smallest_p
from results.statistics.summary import FEWEST

Outcome = Literal["underpowered", "not told apart", "within seeds", "first better", "second better", "mixed"]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two models compared on one label, over the patients that both scored, averaged over seeds first.

    Attributes:
        first, second: the models; differences are `first` − `second`.
        label: of the Dice.
        n: patients that both scored.
        zeros: how many of them do not differ.
        mean: difference; NaN without a patient.
        ci_low, ci_high: its bootstrap interval (95 %), not adjusted for the number of tests; NaN below two patients.
        rank_biserial: matched-pairs rank-biserial correlation, −1 … 1; NaN without a patient.
        p: two-sided Wilcoxon signed-rank test; NaN below `FEWEST` patients, where it is not made.
        p_holm: after Holm over all tests that were made; NaN likewise.
        tests: pairs × labels, the number of tests that the plan reckons with.
        hopeless: so few patients that with this many tests no differences whatever could have been shown.
        seeds: of `first` and of `second`.
        seed_margin: how far apart chance of training alone may put the two, at level 0.05 over all tests (Student's t
            from the spread between seeds, pooled over models; Bonferroni); NaN when no model has two seeds.
        plan: what would show the difference; None when it was shown, or below two patients.
    """

    first: str
    second: str
    label: str
    n: int
    zeros: int
    mean: float
    ci_low: float
    ci_high: float
    rank_biserial: float
    p: float
    p_holm: float
    tests: int
    hopeless: bool
    seeds: tuple[int, int]
    seed_margin: float
    plan: Plan | None

    @property
    def outcome(self) -> Outcome:
        """What the pair shows.

        `mixed`: the test finds a difference, but the mean points the other way, or its interval contains 0. A few
            patients with
        large differences do that; neither model is then called better. `within seeds`: the networks as trained differ,
        but not by more than chance of training explains.
        """
        if math.isnan(self.p_holm):
            return "underpowered"
        if self.p_holm > ALPHA:
            return "not told apart"
        above = self.rank_biserial > 0 and self.ci_low > 0
        if not above and not (self.rank_biserial < 0 and self.ci_high < 0):
            return "mixed"
        if abs(self.mean) <= self.seed_margin:
            return "within seeds"
        return "first better" if above else "second better"

    @property
    def turned(self) -> Pair:
        """The same with first and second exchanged."""
        return replace(
            self,
            first=self.second,
            second=self.first,
            mean=-self.mean,
            ci_low=-self.ci_high,
            ci_high=-self.ci_low,
            rank_biserial=-self.rank_biserial,
            seeds=(self.seeds[1], self.seeds[0]),
        )


def paired_tests(scores: Scores) -> list[tuple[str, str, str, SignedRank, float]]:
    """`(label, first, second, test, p after Holm)` for all pairs and labels: labels in order, then pairs in order.

    Holm is taken over pairs × labels, without the tests that are not made because fewer than `FEWEST` patients are in
    them. That depends on how many patients there are and not on their scores, so the family-wise error stays below α.
    """
    found = []
    for label in scores.labels:
        values = scores.by_patient(label)
        for i, j in combinations(range(len(scores.models)), 2):
            found.append((label, scores.models[i], scores.models[j], signed_rank(values[i] - values[j])))
    adjusted = holm([test.p if test.n >= FEWEST else math.nan for *_, test in found])
    return [(*row, float(p)) for row, p in zip(found, adjusted, strict=True)]


def compare_pairs(scores: Scores, weights: Floats | None = None) -> tuple[Pair, ...]:
    """Every pair of models on every label, in the order of `paired_tests`.

    Args:
        scores: of at least two models; otherwise there is no pair.
        weights: of the resamples `(count, patients)`; None draws them.
    """
    drawn = resample_weights(len(scores.patients)) if weights is None else weights
    rows = paired_tests(scores)
    made = [test.n for *_, test, p in rows if not math.isnan(p)]
    intervals = _intervals(scores, [row[:3] for row in rows], drawn)
    spreads = {label: seed_spread(scores, label) for label in scores.labels}
    return tuple(
        _pair(scores, row, bounds, _Family(len(rows), _hopeless(row[3].n, made), spreads[row[0]]))
        for row, bounds in zip(rows, intervals, strict=True)
    )


@dataclass(frozen=True, slots=True)
class _Family:
    """What a pair has to know of the others: how many tests, whether it stands no chance, the spread between seeds."""

    tests: int
    hopeless: bool
    spread: SeedSpread

    @property
    def alpha(self) -> float:
        """Level of one test."""
        return ALPHA / self.tests


def _intervals(scores: Scores, rows: Sequence[tuple[str, str, str]], weights: Floats) -> list[tuple[float, float]]:
    differences = np.array([_difference(scores, *row) for row in rows]).reshape(len(rows), len(scores.patients))
    means = weighted_means(weights, differences)
    sizes = np.count_nonzero(~np.isnan(differences), axis=1)
    return [interval(means[:, i], int(n)) for i, n in enumerate(sizes)]


def _difference(scores: Scores, label: str, first: str, second: str) -> Floats:
    values = scores.by_patient(label)
    difference: Floats = values[scores.models.index(first)] - values[scores.models.index(second)]
    return difference


def _hopeless(n: int, made: Sequence[int]) -> bool:
    """Whether no test with at most `n` pairs can survive Holm.

    Even when all larger tests are rejected first, the first of these has its p-value multiplied by their number.
    """
    return sum(size <= n for size in made) * smallest_p(n) > ALPHA


def _pair(
    scores: Scores,
    row: tuple[str, str, str, SignedRank, float],
    bounds: tuple[float, float],
    family: _Family,
) -> Pair:
    label, first, second, test, adjusted = row
    difference = _difference(scores, label, first, second)
    known = difference[~np.isnan(difference)]
    grids = (scores.of(label, first), scores.of(label, second))
    seeds = (len(grids[0]), len(grids[1]))
    pair = Pair(
        first=first,
        second=second,
        label=label,
        n=test.n,
        zeros=test.zeros,
        mean=float(known.mean()) if known.size else math.nan,
        ci_low=bounds[0],
        ci_high=bounds[1],
        rank_biserial=test.rank_biserial,
        p=test.p if test.n >= FEWEST else math.nan,
        p_holm=adjusted,
        tests=family.tests,
        hopeless=family.hopeless,
        seeds=seeds,
        seed_margin=family.spread.margin(*seeds, family.alpha) if all(seeds) else math.nan,
        plan=None if adjusted <= ALPHA else plan(*grids, family.alpha, family.spread),
    )
    if pair.outcome != "within seeds":
        return pair
    more = settling_seeds(pair.mean, seeds, family.alpha, family.spread)
    return replace(pair, plan=Plan(None, seeds=more, seeds_known=True))
