"""Figures over patients: against NumPy and SciPy, and honest when there are few."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from results.statistics import mean_interval, paired_difference, resamples, summarise

SCORES = [0.61, 0.83, 0.9, 0.72, 0.55, 0.88, 0.79]


def test_the_figures_are_those_of_numpy() -> None:
    found = summarise([*SCORES, math.nan])
    assert (found.n, found.missing) == (7, 1)
    assert found.mean == pytest.approx(np.mean(SCORES))
    assert found.sd == pytest.approx(np.std(SCORES, ddof=1))
    assert (found.q1, found.median, found.q3) == pytest.approx(tuple(np.percentile(SCORES, [25, 50, 75])))
    assert not found.underpowered


def test_the_interval_agrees_with_scipy() -> None:
    reference = stats.bootstrap((SCORES,), np.mean, n_resamples=20_000, method="percentile", rng=1)
    found = mean_interval(SCORES)
    assert found == pytest.approx((reference.confidence_interval.low, reference.confidence_interval.high), abs=0.01)


@pytest.mark.parametrize("values", [[], [math.nan, math.nan]])
def test_no_patient_gives_no_figure(values: list[float]) -> None:
    found = summarise(values)
    assert found.n == 0
    assert found.underpowered
    assert all(math.isnan(value) for value in (found.mean, found.sd, found.median, found.ci_low, found.ci_high))


def test_one_patient_has_a_mean_and_no_spread() -> None:
    found = summarise([0.4, math.nan])
    assert found.mean == 0.4
    assert all(math.isnan(value) for value in (found.sd, found.ci_low, found.ci_high))


@pytest.mark.parametrize(("n", "expected"), [(5, True), (6, False)])
def test_below_six_patients_is_underpowered(n: int, expected: bool) -> None:
    assert summarise(SCORES[:n]).underpowered is expected
    assert paired_difference(SCORES[:n], SCORES[:n]).underpowered is expected


def test_every_model_gets_the_same_resamples() -> None:
    assert (resamples(5) == resamples(5)).all()
    assert resamples(5).shape == (2000, 5)
    assert (resamples(5, seed=1) != resamples(5)).any()
    low, high = mean_interval(SCORES)
    assert mean_interval([value + 1 for value in SCORES]) == pytest.approx((low + 1, high + 1))


def test_a_paired_difference_leaves_incomplete_pairs_out() -> None:
    found = paired_difference([0.5, 0.7, math.nan, 0.9], [0.4, 0.6, 0.1, math.nan])
    assert found.n == 2
    assert found.mean == pytest.approx(0.1)
    assert (found.ci_low, found.ci_high) == pytest.approx((0.1, 0.1))


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(4)
    hits = [low <= 0.7 <= high for low, high in (mean_interval(rng.normal(0.7, 0.1, 25)) for _ in range(200))]
    assert 0.86 <= np.mean(hits) <= 0.99
