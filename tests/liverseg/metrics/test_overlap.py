from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from liverseg.metrics import (
    LabelCounts,
    count_overlap,
    dice,
    false_positive_ml,
    rvd,
    scored_labels,
    slice_confusion,
    slice_dice_smooth1,
    tumour_burden,
    voe,
)
from tests.liverseg.metrics.cases import reference_of

SHAPE = (3, 5, 4)
volumes = hnp.arrays(np.uint8, SHAPE, elements=st.sampled_from([0, 0, 0, 1, 2]))
masks = {"liver": (1, 2), "tumour": (2,), "liver_only": (1,)}


@given(volumes, volumes)
def test_counts_equal_the_definition_on_full_volumes(truth, predicted):
    counted = count_overlap(reference_of(truth), predicted)
    for label, values in masks.items():
        t, p = np.isin(truth, values), np.isin(predicted, values)
        np.testing.assert_array_equal(counted[label].reference, t.sum(axis=(1, 2)))
        np.testing.assert_array_equal(counted[label].prediction, p.sum(axis=(1, 2)))
        np.testing.assert_array_equal(counted[label].intersection, (t & p).sum(axis=(1, 2)))


@given(volumes, volumes, st.integers(0, 2), st.integers(0, 4), st.integers(0, 3))
def test_a_box_counts_like_the_slice_with_background_around_it(truth, predicted, z, row, column):
    full = predicted[z].copy()
    full[:row], full[:, :column] = 0, 0
    reference = reference_of(truth)
    boxed = slice_confusion(reference, z, full[row:, column:], (row, column))
    np.testing.assert_array_equal(boxed, slice_confusion(reference, z, full))
    assert boxed.sum() == SHAPE[1] * SHAPE[2]


@given(volumes, volumes)
def test_scores_keep_their_bounds_and_symmetry(truth, predicted):
    t, p, i = count_overlap(reference_of(truth), predicted)["liver"].totals
    if not t + p:
        assert math.isnan(dice(t, p, i)) and math.isnan(voe(t, p, i))
        return
    assert 0.0 <= dice(t, p, i) <= 1.0
    assert dice(t, p, i) == dice(p, t, i)
    jaccard = 1.0 - voe(t, p, i)
    assert dice(t, p, i) == pytest.approx(2 * jaccard / (1 + jaccard))
    assert (dice(t, p, i) == 1.0) == bool(np.array_equal(truth >= 1, predicted >= 1))


def test_hand_computed_scores():
    assert dice(4, 2, 2) == pytest.approx(4 / 6)
    assert voe(4, 2, 2) == pytest.approx(0.5)
    assert rvd(4, 2) == pytest.approx(-0.5)
    assert rvd(4, 6) == pytest.approx(0.5)
    assert tumour_burden(1, 8) == 0.125


def test_empty_reference_and_prediction_are_told_apart():
    assert math.isnan(dice(0, 0, 0))
    assert dice(0, 5, 0) == 0.0
    assert false_positive_ml(0, 5, 0.002) == pytest.approx(0.01)
    assert math.isnan(false_positive_ml(3, 5, 0.002))
    assert voe(0, 5, 0) == 1.0
    assert math.isnan(rvd(0, 5))
    assert math.isnan(tumour_burden(0, 0))


def test_slice_dice_gives_one_to_an_empty_slice_left_empty():
    counts = LabelCounts(np.array([0, 4, 0]), np.array([0, 2, 3]), np.array([0, 2, 0]))
    np.testing.assert_allclose(slice_dice_smooth1(counts), [1.0, 5 / 7, 1 / 4])


def test_a_liver_network_is_scored_on_the_liver_alone():
    assert scored_labels(("liver",)) == ("liver",)
    assert scored_labels(("liver", "tumour")) == ("liver", "tumour", "liver_only")


def test_a_prediction_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="shape"):
        count_overlap(reference_of(np.zeros(SHAPE)), np.zeros((3, 5, 5), np.uint8))
