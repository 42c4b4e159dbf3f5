from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from liverseg.metrics import nearest
from liverseg.metrics.nearest import nearest_mm, through_slices

positions = hnp.arrays(np.int32, st.tuples(st.integers(1, 30), st.just(3)), elements=st.integers(0, 12))
spacings = st.tuples(*[st.floats(0.1, 20.0)] * 3)


def by_hand(points, sites, spacing):
    steps = (points[:, None, :] - sites[None, :, :]) * np.asarray(spacing)
    return np.sqrt((steps**2).sum(axis=2)).min(axis=1)


@given(positions, positions, spacings)
def test_both_ways_give_the_distances_of_the_definition(points, sites, spacing):
    expected = by_hand(points, sites, spacing)
    np.testing.assert_allclose(nearest_mm(points, sites, spacing), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(through_slices(points, sites, spacing), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("limits", [{"NEAR_VOXELS": 1}, {"NEAR_VOXELS": 1, "MANY_FAR": 0}, {"MANY": 0}])
def test_every_way_through_gives_the_same(monkeypatch, limits):
    rng = np.random.default_rng(3)
    points, sites = (rng.integers(0, 40, (400, 3), np.int32) for _ in range(2))
    sites = sites[sites[:, 1] < 8]
    expected = by_hand(points, sites, (3.0, 0.7, 0.8))
    for name, value in limits.items():
        monkeypatch.setattr(nearest, name, value)
    np.testing.assert_allclose(nearest_mm(points, sites, (3.0, 0.7, 0.8)), expected, rtol=1e-12)


def test_slices_are_taken_for_what_is_far_and_much(monkeypatch):
    asked = []
    monkeypatch.setattr(nearest, "MANY_FAR", 5)
    monkeypatch.setattr(
        nearest, "through_slices", lambda points, *rest: asked.append(len(points)) or np.ones(len(points))
    )
    near_and_far = np.array([[0, 0, 0], *([[0, 0, 200]] * 7)], np.int32)
    found = nearest_mm(near_and_far, np.zeros((1, 3), np.int32), (1.0, 1.0, 1.0))
    assert asked == [7] and found.tolist() == [0.0, *([1.0] * 7)]


def test_nothing_is_infinitely_far_from_nothing():
    nothing, one = np.zeros((0, 3), np.int32), np.zeros((1, 3), np.int32)
    assert nearest_mm(one, nothing, (1.0, 1.0, 1.0)).tolist() == [np.inf]
    assert nearest_mm(nothing, one, (1.0, 1.0, 1.0)).size == 0
