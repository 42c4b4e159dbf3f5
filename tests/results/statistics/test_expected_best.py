"""The expected best of n trials: against every draw there is, and what must hold of it whatever the values."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.statistics.expected_best import expected_best

VALUES = st.lists(st.floats(-1, 1, allow_nan=False), min_size=1, max_size=5)


@given(VALUES, st.integers(1, 5))
def test_it_is_the_mean_over_every_draw_with_replacement(values: list[float], n: int) -> None:
    (found,) = expected_best(values, [n])
    if n > len(values):
        assert math.isnan(found)
    else:
        draws = [max(draw) for draw in product(values, repeat=n)]
        assert found == pytest.approx(sum(draws) / len(draws), abs=1e-12)


@given(VALUES)
def test_it_begins_at_the_mean_rises_and_never_passes_the_best(values: list[float]) -> None:
    found = expected_best(values, range(1, len(values) + 1))
    assert found[0] == pytest.approx(np.mean(values), abs=1e-12)
    assert (np.diff(found) >= -1e-12).all()
    assert found[-1] <= max(values) + 1e-12


@given(VALUES, st.randoms())
def test_the_order_does_not_matter(values: list[float], random: object) -> None:
    shuffled = list(values)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert expected_best(values, [1, 2]).tolist() == pytest.approx(
        expected_best(shuffled, [1, 2]).tolist(), nan_ok=True
    )


def test_by_hand() -> None:
    """Of 0.2 and 0.6, the best of two draws is 0.6 in three of four."""
    assert expected_best([0.6, 0.2], [1, 2]).tolist() == pytest.approx([0.4, 0.5])


def test_what_is_no_number_is_no_trial() -> None:
    assert expected_best([0.5, math.nan, math.inf], [1, 2]).tolist() == pytest.approx([0.5, math.nan], nan_ok=True)
    assert np.isnan(expected_best([], [0, 1])).all()
