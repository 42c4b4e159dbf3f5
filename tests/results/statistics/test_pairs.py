"""Pairs of models: what is called better is better, as often as promised and no more often."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from results.statistics import FEWEST, compare, compare_pairs, holm, paired_tests, resample_weights
from results.statistics.pairs import Pair
from tests.results.statistics.simulated import scores_of, simulate

SIMULATIONS = 1000


def most(rate: float, simulations: int) -> float:
    """So many hits a true rate exceeds once in a thousand times."""
    return float(stats.binom.ppf(0.999, simulations, rate)) / simulations


@pytest.mark.parametrize(("models", "patients"), [(4, 12), (3, 40), (2, 70)])
def test_where_nothing_differs_a_difference_is_found_in_at_most_one_of_twenty_comparisons(
    models: int, patients: int
) -> None:
    """All pairs and both labels together: the family-wise error."""
    rng = np.random.default_rng(1)
    wrong = sum(
        any(p <= 0.05 for *_, p in paired_tests(simulate(rng, models=models, patients=patients)))
        for _ in range(SIMULATIONS)
    )
    assert wrong / SIMULATIONS <= most(0.05, SIMULATIONS)
    assert wrong > 0


@pytest.mark.parametrize(("patients", "between"), [(24, 0.02), (100, 0.05)])
def test_a_lucky_seed_makes_no_model_better(patients: int, between: float) -> None:
    """A seed lifts all patients of a model together: the paired test alone takes that for a difference."""
    rng, simulations = np.random.default_rng(2), 200
    weights = resample_weights(patients, count=300)
    tested = called = 0
    for _ in range(simulations):
        scores = simulate(rng, models=4, patients=patients, seeds=3, between_seeds=between)
        pairs = compare_pairs(scores, weights)
        tested += any(pair.p_holm <= 0.05 for pair in pairs)
        called += any(pair.outcome in ("first better", "second better") for pair in pairs)
    assert called / simulations <= most(0.05, simulations)
    assert tested > called


def found_better(patients: int, simulations: int = 120) -> float:
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(simulations):
        scores = simulate(rng, models=2, patients=patients, effects=(0.05, 0), labels=("liver",))
        hits += compare_pairs(scores)[0].outcome == "first better"
    return hits / simulations


def test_the_chance_to_find_a_true_difference_grows_with_patients() -> None:
    rates = [found_better(patients) for patients in (6, 16, 40, 80)]
    assert rates == sorted(rates)
    assert rates[0] < 0.4
    assert rates[-1] > 0.95


def test_the_interval_of_the_difference_covers_the_truth_about_as_often_as_it_says() -> None:
    rng, hits = np.random.default_rng(4), []
    for _ in range(600):
        (pair,) = compare_pairs(simulate(rng, models=2, patients=15, effects=(0.03, 0), labels=("liver",)))
        hits.append(pair.ci_low <= 0.03 <= pair.ci_high)
    assert 0.9 <= np.mean(hits) <= 0.98


def test_figures_of_a_pair_are_those_of_scipy() -> None:
    scores = simulate(np.random.default_rng(5), models=3, patients=20, seeds=2)
    pairs = compare_pairs(scores)
    raw = []
    for pair in pairs:
        values = scores.by_patient(pair.label)
        first, second = (values[scores.models.index(name)] for name in (pair.first, pair.second))
        known = ~np.isnan(first)
        raw.append(stats.wilcoxon(first[known], second[known], method="exact").pvalue)
        assert pair.mean == pytest.approx((first - second)[known].mean())
        assert pair.n == known.sum() == (20 if pair.label == "liver" else 15)
    assert [pair.p for pair in pairs] == pytest.approx(raw)
    assert [pair.p_holm for pair in pairs] == pytest.approx(holm(raw))
    assert {pair.tests for pair in pairs} == {6}


def test_below_six_patients_no_test_is_made_and_none_is_counted() -> None:
    scores = simulate(np.random.default_rng(6), models=2, patients=7)
    liver, tumour = compare_pairs(scores)
    assert tumour.n == 5 == FEWEST - 1
    assert tumour.outcome == "underpowered"
    assert math.isnan(tumour.p)
    assert math.isnan(tumour.p_holm)
    assert liver.p_holm == liver.p


def test_incomplete_patients_are_left_out_of_the_pair_alone() -> None:
    scores = scores_of("liver", a=[0.9, 0.8, 0.7], b=[0.5, math.nan, 0.6], c=[0.1, 0.2, 0.3])
    assert {(pair.first, pair.second): pair.n for pair in compare_pairs(scores)} == {
        ("a", "b"): 2,
        ("a", "c"): 3,
        ("b", "c"): 2,
    }


def test_with_six_patients_and_several_tests_no_difference_can_be_shown_and_it_says_so() -> None:
    best = np.linspace(0.9, 0.95, 6)
    (alone,) = compare_pairs(scores_of("liver", a=best, b=best - np.linspace(0.3, 0.4, 6)))
    assert (alone.p_holm, alone.outcome, alone.hopeless) == (0.03125, "first better", False)
    three = compare_pairs(scores_of("liver", a=best, b=best - np.linspace(0.3, 0.4, 6), c=best - 0.1))
    assert all(pair.hopeless and pair.outcome == "not told apart" for pair in three)


def test_what_a_few_patients_do_to_the_mean_makes_neither_better() -> None:
    base = np.linspace(0.5, 0.9, 20)
    others = base - np.linspace(0.01, 0.03, 20)
    others[:2] = base[:2] + 0.4
    (pair,) = compare_pairs(scores_of("liver", a=base, b=others))
    assert pair.rank_biserial > 0 > pair.mean
    assert pair.p_holm <= 0.05
    assert pair.outcome == "mixed"


def replicates(*levels: Sequence[float]) -> list[list[list[float]]]:
    """For each model a row of 20 patients a seed, at the given levels."""
    wave = np.linspace(-0.05, 0.05, 20)
    return [[list(level + wave + 0.001 * i * wave) for i, level in enumerate(seeds)] for seeds in levels]


def test_a_difference_no_larger_than_that_of_seeds_is_not_called_one() -> None:
    a, b = replicates((0.80, 0.84, 0.82), (0.78, 0.82, 0.80))
    (pair,) = compare_pairs(scores_of("liver", a=a, b=b))
    assert pair.p_holm < 0.001
    assert pair.mean == pytest.approx(0.02)
    reach = stats.t.ppf(0.975, 4) * math.sqrt(0.02**2 * 2 / 3)
    assert pair.seed_margin == pytest.approx(reach, rel=1e-3)
    assert pair.outcome == "within seeds"
    assert pair.plan is not None
    assert pair.plan.seeds is not None
    far, near = replicates((0.90, 0.94, 0.92), (0.79, 0.83, 0.81))
    assert compare_pairs(scores_of("liver", a=far, b=near))[0].outcome == "first better"


def test_a_turned_pair_says_the_same() -> None:
    comparison = compare(simulate(np.random.default_rng(7), models=2, patients=30, effects=(0.1, 0)))
    pair: Pair = comparison.pair("model0", "model1", "liver")
    turned = comparison.pair("model1", "model0", "liver")
    assert (pair.outcome, turned.outcome) == ("first better", "second better")
    assert turned.turned == pair
    with pytest.raises(KeyError):
        comparison.pair("model0", "other", "liver")
