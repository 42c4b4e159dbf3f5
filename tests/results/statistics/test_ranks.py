"""How firm rankings are: against SciPy, and on scores whose ranking is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from results.statistics import ALL_LABELS, compare, kendall_tau, rankings
from results.statistics.ranks import rank_chances
from tests.results.statistics.simulated import scores_of, simulate

MEANS = st.lists(st.lists(st.integers(0, 4), min_size=4, max_size=4), min_size=2, max_size=6)


@given(MEANS)
def test_kendalls_tau_is_scipys(rows: list[list[int]]) -> None:
    values = np.array(rows, float)
    expected = [stats.kendalltau(row, values[0]).statistic for row in values]
    assert kendall_tau(values, values[0]) == pytest.approx(expected, nan_ok=True)


@given(MEANS)
def test_every_rank_is_given_out_once(rows: list[list[int]]) -> None:
    chances = rank_chances(np.array(rows, float))
    assert chances.sum(axis=0) == pytest.approx(1)
    assert chances.sum(axis=1) == pytest.approx(1)


def test_ties_share_their_ranks() -> None:
    chances = rank_chances(np.array([[0.5, 0.5, 0.1]]))
    assert chances == pytest.approx(np.array([[0.5, 0.5, 0], [0.5, 0.5, 0], [0, 0, 1]]))
    (found,) = rankings(scores_of("liver", a=[0.5, 0.6], b=[0.6, 0.5], c=[0.1, 0.1]))
    assert found.ranks == pytest.approx([1.5, 1.5, 3])


def test_a_ranking_that_every_patient_confirms_is_certain() -> None:
    scores = scores_of("liver", low=[0.1, 0.5, 0.3], high=[0.3, 0.7, 0.5], mid=[0.2, 0.6, 0.4])
    (found,) = rankings(scores)
    assert found.ranks.tolist() == [3, 1, 2]
    assert (found.leader, found.first("high"), found.tau, found.tau_low) == ("high", 1, 1, 1)


def test_equal_models_are_first_about_equally_often() -> None:
    first = np.zeros(3)
    for seed in range(60):
        scores = simulate(np.random.default_rng(seed), models=3, patients=12, labels=("liver",))
        first += rankings(scores)[0].chances[:, 0]
    assert first / 60 == pytest.approx(1 / 3, abs=0.12)


def test_the_chance_to_be_first_is_that_of_counting_resamples() -> None:
    scores = simulate(np.random.default_rng(1), models=3, patients=8, labels=("liver",))
    found = compare(scores, count=500).rankings[0]
    drawn = np.random.default_rng(0).integers(0, 8, (500, 8))
    means = scores.by_patient("liver")[:, drawn].mean(axis=2)
    assert found.chances[:, 0] == pytest.approx(np.bincount(means.argmax(axis=0), minlength=3) / 500)


def test_only_patients_that_all_models_scored_count() -> None:
    (found,) = rankings(scores_of("liver", a=[0.9, 0.2, 0.3], b=[np.nan, 0.3, 0.4]))
    assert (found.n, found.leader) == (2, "b")


def test_several_labels_are_ranked_together_by_the_mean_of_their_means() -> None:
    scores = simulate(np.random.default_rng(2), models=4, patients=20)
    liver, tumour, both = rankings(scores)
    assert both.label == ALL_LABELS
    assert both.means == pytest.approx((liver.means + tumour.means) / 2)
    assert both.n == tumour.n == 15


def test_labels_that_rank_alike_agree_and_those_that_do_not_disagree() -> None:
    scores = simulate(np.random.default_rng(3), models=4, patients=40, effects=(0, 0.1, 0.2, 0.3))
    (found,) = compare(scores).agreements
    assert (found.first, found.second, found.tau) == ("liver", "tumour", 1)
    assert found.low <= found.tau <= found.high


def test_without_a_common_patient_there_is_no_ranking() -> None:
    (found,) = rankings(scores_of("liver", a=[0.5, np.nan], b=[np.nan, 0.5]))
    assert found.leader == ""
    assert np.isnan(found.first("a"))
    assert np.isnan(found.tau)
