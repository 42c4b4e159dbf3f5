"""The paired test against SciPy, and Holm against a worked example and its own promises."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from results.statistics import holm, signed_rank
from results.statistics.signed_rank import smallest_p

CHANCES = st.lists(st.floats(0, 1), min_size=1, max_size=12)
DIFFERENCES = st.lists(st.integers(-8, 8).map(lambda value: value / 8), min_size=1, max_size=10)


@pytest.mark.parametrize("n", [6, 9, 20, 50])
@pytest.mark.parametrize("shift", [0.0, 0.4])
def test_without_ties_the_p_value_is_scipys_exact_one(n: int, shift: float) -> None:
    values = np.random.default_rng(n).normal(shift, 1, n)
    assert signed_rank(values).p == pytest.approx(stats.wilcoxon(values, method="exact").pvalue, rel=1e-9)


@pytest.mark.parametrize("n", [51, 120, 300])
def test_many_patients_get_scipys_normal_approximation_with_ties_and_zeros(n: int) -> None:
    values = np.round(np.random.default_rng(n).normal(0.15, 1, n), 1)
    assert (values == 0).any()
    reference = stats.wilcoxon(values, zero_method="pratt", method="asymptotic", correction=False)
    assert signed_rank(values).p == pytest.approx(reference.pvalue, rel=1e-9)


@given(DIFFERENCES)
def test_ties_and_zeros_are_counted_out_in_full(values: list[float]) -> None:
    """Against every sign pattern, one by one: the statistic is the sum of signed mid-ranks, zeros ranked and then dropped."""
    found = signed_rank(values)
    ranks = stats.rankdata(np.abs(values))
    differ = np.array(values) != 0
    observed = abs((np.sign(values) * ranks).sum())
    patterns = np.array(list(product([-1, 1], repeat=int(differ.sum()))))
    sums = np.abs((patterns * ranks[differ]).sum(axis=1))
    assert found.p == pytest.approx((sums >= observed - 1e-9).mean())
    assert found.zeros == (~differ).sum()


def test_the_effect_size_is_the_share_of_ranks_for_less_that_against() -> None:
    assert signed_rank([1, 2, 3]).rank_biserial == 1
    assert signed_rank([-1, -2, -3]).rank_biserial == -1
    assert signed_rank([1, 2, -3, 4]).rank_biserial == pytest.approx((7 - 3) / 10)
    assert signed_rank([0, 0, 1, -2]).rank_biserial == pytest.approx((3 - 4) / 7)


def test_no_pair_has_no_p_value_and_equal_pairs_have_no_difference() -> None:
    assert math.isnan(signed_rank([math.nan]).p)
    found = signed_rank([0.0, 0.1 + 0.2 - 0.3, math.nan])
    assert (found.n, found.zeros, found.p, found.rank_biserial) == (2, 2, 1.0, 0.0)


@given(DIFFERENCES)
def test_turning_the_pair_turns_the_effect_and_not_the_p_value(values: list[float]) -> None:
    found, turned = signed_rank(values), signed_rank([-value for value in values])
    assert turned.p == pytest.approx(found.p)
    assert turned.rank_biserial == pytest.approx(-found.rank_biserial)
    assert signed_rank(values[::-1]) == found


@pytest.mark.parametrize("n", [1, 5, 6, 10])
def test_the_smallest_p_value_is_that_of_a_clean_sweep(n: int) -> None:
    assert signed_rank(np.arange(1, n + 1)).p == smallest_p(n)
    assert (smallest_p(n) < 0.05) == (n >= 6)


def test_holm_on_a_worked_example() -> None:
    """Four tests: 0.005·4, 0.01·3, then 0.03·2 = 0.06, which the last, 0.04·1, may not fall below."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_does_not_count_tests_that_were_not_made() -> None:
    found = holm([0.02, math.nan, 0.5])
    assert found[0] == pytest.approx(0.04)
    assert math.isnan(found[1])
    assert found[2] == 0.5
    assert holm([]).size == 0
    assert np.isnan(holm([math.nan])).all()


@given(CHANCES)
def test_holm_keeps_the_order_and_lies_between_the_raw_value_and_bonferroni(raw: list[float]) -> None:
    adjusted = holm(raw)
    assert (adjusted <= 1).all()
    assert (adjusted >= np.array(raw)).all()
    assert (adjusted <= np.minimum(np.array(raw) * len(raw), 1) + 1e-12).all()
    order = np.argsort(raw, kind="stable")
    assert (np.diff(adjusted[order]) >= 0).all()


@given(CHANCES, st.randoms(use_true_random=False))
def test_holm_does_not_depend_on_the_order_of_the_tests(raw: list[float], random: np.random.Generator) -> None:
    order = list(range(len(raw)))
    random.shuffle(order)
    assert holm([raw[i] for i in order]) == pytest.approx(holm(raw)[order])
