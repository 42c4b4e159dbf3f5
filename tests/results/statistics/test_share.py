"""The interval of a share."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.statistics.share import wilson_interval


def test_wilsons_interval() -> None:
    """Ten of ten and five of ten, as in tables of it."""
    assert wilson_interval(1.0, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)
    assert wilson_interval(0.5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_it_holds_the_share_and_stays_between_0_and_1(counts: tuple[int, int]) -> None:
    share = counts[0] / counts[1]
    low, high = wilson_interval(share, counts[1])
    assert 0 <= low <= share <= high <= 1 and low < high
