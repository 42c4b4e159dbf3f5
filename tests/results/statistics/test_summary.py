"""Figures over patients: against NumPy and SciPy, honest when there are few, seeds apart from patients."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from results.statistics import (
    mean_interval,
    paired_difference,
    resample_weights,
    resamples,
    seed_noise,
    seed_sd,
    summaries,
    summarise,
)
from results.statistics.resampling import interval, tail, weighted_means
from tests.results.statistics.simulated import scores_of, simulate

SCORES = [0.61, 0.83, 0.9, 0.72, 0.55, 0.88, 0.79]


def test_the_figures_are_those_of_numpy() -> None:
    found = summarise([*SCORES, math.nan])
    assert (found.n, found.missing) == (7, 1)
    assert found.mean == pytest.approx(np.mean(SCORES))
    assert found.sd == pytest.approx(np.std(SCORES, ddof=1))
    assert (found.q1, found.median, found.q3) == pytest.approx(tuple(np.percentile(SCORES, [25, 50, 75])))
    assert not found.underpowered


def test_the_interval_agrees_with_scipy() -> None:
    """The same percentile bootstrap, at the wider level that few patients need."""
    level = 1 - 2 * tail(len(SCORES))
    assert 0.98 < level < 0.995
    reference = stats.bootstrap(
        (SCORES,), np.mean, n_resamples=20_000, method="percentile", confidence_level=level, rng=1
    )
    found = mean_interval(SCORES)
    assert found == pytest.approx((reference.confidence_interval.low, reference.confidence_interval.high), abs=0.01)


@pytest.mark.parametrize("n", [6, 12, 40])
def test_the_interval_of_symmetric_scores_is_students(n: int) -> None:
    values = stats.norm.ppf((np.arange(n) + 0.5) / n)
    reach = stats.t.ppf(0.975, n - 1) * values.std(ddof=1) / math.sqrt(n)
    assert mean_interval(values) == pytest.approx((-reach, reach), rel=0.12)


def test_the_level_grows_towards_the_plain_percentile_with_many_patients() -> None:
    assert tail(6) < tail(20) < tail(1000) < 0.025
    assert tail(100_000) == pytest.approx(0.025, abs=1e-5)


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


def test_resamples_as_weights_are_the_same_resamples() -> None:
    values = np.array([SCORES, [*SCORES[:-1], math.nan]])
    drawn = values[:, resamples(7, count=50)]
    assert pytest.approx(np.nanmean(drawn, axis=2)) == weighted_means(resample_weights(7, count=50), values).T
    assert resample_weights(0, count=3).shape == (3, 0)


def skewed(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Dice as of livers: near its upper end, with a tail to the left; mean 30/32."""
    return rng.beta(30, 2, shape)


@pytest.mark.parametrize(("n", "least"), [(6, 0.89), (9, 0.91), (25, 0.925), (60, 0.93)], ids=lambda value: str(value))
@pytest.mark.parametrize("draw", ["normal", "skewed"])
def test_the_interval_covers_the_truth_about_as_often_as_it_says(n: int, least: float, draw: str) -> None:
    """2000 samples: the binomial standard error is 0.005. With very few patients and skew it falls a little short of 0.95."""
    rng = np.random.default_rng(4)
    samples, truth = (rng.normal(0.7, 0.1, (2000, n)), 0.7) if draw == "normal" else (skewed(rng, (2000, n)), 30 / 32)
    means = weighted_means(resample_weights(n), samples)
    bounds = np.array([interval(means[:, i], n) for i in range(len(samples))])
    coverage = ((bounds[:, 0] <= truth) & (truth <= bounds[:, 1])).mean()
    assert least <= coverage <= 0.97


def test_seeds_are_averaged_before_patients_and_their_spread_is_told_apart() -> None:
    grid = np.array([[0.8, 0.6, 0.4], [0.9, 0.7, 0.2]])
    found = summarise(grid)
    assert (found.n, found.seeds) == (3, 2)
    assert found.mean == pytest.approx(0.6)
    assert found.sd == pytest.approx(np.std([0.85, 0.65, 0.3], ddof=1))
    assert found.seed_sd == pytest.approx(np.std([0.6, 0.6], ddof=1))
    assert math.isnan(summarise(grid[:1]).seed_sd)


def test_the_spread_between_seeds_is_over_patients_that_every_seed_scored() -> None:
    """Else a seed that lacks a hard patient would seem to be a better one."""
    assert seed_sd(np.array([[0.8, 0.1], [0.8, math.nan]])) == 0
    found = summarise([[0.8, 0.1], [0.8, math.nan]])
    assert (found.n, found.missing) == (2, 0)
    assert found.mean == pytest.approx(0.45)


def test_seed_noise_is_what_seeds_do_to_single_patients() -> None:
    rng = np.random.default_rng(0)
    shared = rng.normal(0, 0.5, (4, 1)) + rng.normal(0, 0.5, (1, 3000))
    assert seed_noise(shared) == pytest.approx(0, abs=1e-20)
    assert seed_noise(shared + rng.normal(0, 0.1, (4, 3000))) == pytest.approx(0.01, rel=0.05)
    assert math.isnan(seed_noise(np.array([[0.1, 0.2]])))


def test_missing_patients_and_those_in_which_nothing_was_found_are_counted() -> None:
    found = summarise([0.0, 0.5, math.nan, 0.7])
    assert (found.n, found.missing, found.failures) == (3, 1, 1)
    assert summarise([[0.0, 0.5], [0.1, 0.5]]).failures == 1


def test_patients_without_tumour_are_not_missing_from_its_summary() -> None:
    scores = simulate(np.random.default_rng(0), patients=8)
    found = summaries(scores)
    assert (found["model0", "liver"].n, found["model0", "tumour"].n) == (8, 6)
    assert found["model0", "tumour"].missing == 0


def test_every_summary_has_the_interval_that_its_scores_alone_have() -> None:
    scores = scores_of("liver", a=SCORES, b=[math.nan, *SCORES[1:]])
    found = summaries(scores)
    assert (found["a", "liver"].ci_low, found["a", "liver"].ci_high) == mean_interval(SCORES)
    assert found["b", "liver"].missing == 1
