from __future__ import annotations

import math
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from liverseg.metrics import surface_score
from liverseg.metrics.boundary import boundary_mask, boundary_points
from liverseg.metrics.mask_file import cut
from tests.liverseg.metrics import brute_force
from tests.liverseg.metrics.other_tools.shapes import ball

SHAPE = (4, 5, 6)
VALUES = {"liver": (1, 2), "tumour": (2,), "liver_only": (1,)}
NAMES = ("assd", "rmsd", "mssd", "hd95", "nsd")
volumes = hnp.arrays(np.uint8, SHAPE, elements=st.sampled_from([0, 0, 0, 1, 2]))
# Whole steps of 1/8 mm: sums and squares of them are exact, so that no distance falls on the wrong side of a tolerance.
steps = st.integers(1, 40).map(lambda n: n / 8)
spacings = st.tuples(steps, steps, steps)


def scored(reference, prediction, spacing=(1.0, 1.0, 1.0), label="liver", **options):
    labels = [cut(np.asarray(mask).astype(np.uint8), spacing) for mask in (reference, prediction)]
    return surface_score(*labels, label, **options)


def numbers(score):
    return [getattr(score, name) for name in NAMES]


@settings(max_examples=200)
@given(volumes, volumes, spacings, steps, st.sampled_from(sorted(VALUES)))
def test_every_score_equals_the_definition(truth, predicted, spacing, tolerance, label):
    score = scored(truth, predicted, spacing, label, tolerance_mm=tolerance)
    masks = [np.isin(volume, VALUES[label]) for volume in (truth, predicted)]
    expected = brute_force.surface(*masks, spacing, tolerance)
    np.testing.assert_allclose(numbers(score), [expected[name] for name in NAMES], rtol=1e-12, atol=1e-12)
    assert score.label == label


@given(volumes, volumes, spacings)
def test_scores_are_symmetric_and_ordered(truth, predicted, spacing):
    one, other = scored(truth, predicted, spacing), scored(predicted, truth, spacing)
    np.testing.assert_allclose(numbers(one), numbers(other), rtol=1e-13)
    if math.isfinite(one.mssd):
        slack = 1e-12 * (1 + one.mssd)
        assert 0 <= one.assd <= one.rmsd + slack and one.rmsd <= one.mssd + slack
        assert 0 <= one.hd95 <= one.mssd
        assert 0 <= one.nsd <= 1


@given(volumes, volumes, spacings, st.sets(st.integers(0, 2)), st.permutations(range(3)))
def test_a_common_flip_or_turn_changes_nothing(truth, predicted, spacing, axes, order):
    turned = [np.flip(volume, tuple(axes)).transpose(order) for volume in (truth, predicted)]
    there, here = scored(*turned, tuple(spacing[axis] for axis in order)), scored(truth, predicted, spacing)
    np.testing.assert_allclose(numbers(there), numbers(here), rtol=1e-12)


@given(volumes, volumes, spacings, st.sampled_from([0.25, 2.0, 8.0]))
def test_distances_scale_with_the_spacing_exactly(truth, predicted, spacing, factor):
    one = scored(truth, predicted, spacing, tolerance_mm=1.0)
    scaled = scored(truth, predicted, tuple(factor * step for step in spacing), tolerance_mm=factor)
    for name in NAMES[:4]:
        np.testing.assert_equal(getattr(scaled, name), factor * getattr(one, name))
    np.testing.assert_equal(scaled.nsd, one.nsd)


@given(volumes, volumes, spacings)
def test_background_around_both_changes_nothing_but_a_volume_has_an_end(truth, predicted, spacing):
    padded = [np.pad(volume, 3) for volume in (truth, predicted)]
    np.testing.assert_equal(numbers(scored(*padded, spacing)), numbers(scored(truth, predicted, spacing)))


@given(volumes)
def test_the_boundary_is_the_mask_without_its_erosion(labels):
    expected = brute_force.boundary(labels > 0)
    assert [tuple(row) for row in boundary_points(cut(labels, (1.0, 1.0, 1.0)), "liver").tolist()] == expected
    assert [tuple(row) for row in np.argwhere(boundary_mask(labels > 0)).tolist()] == expected


@given(volumes, st.integers(0, 3))
def test_nsd_grows_with_the_tolerance(truth, shift):
    predicted = np.roll(truth, shift, axis=1)
    assume(truth.any())
    shares = [scored(truth, predicted, tolerance_mm=tolerance).nsd for tolerance in (0.0, 1.0, 2.5, 100.0)]
    assert shares == sorted(shares) and shares[-1] == 1.0


def test_equal_masks_are_zero_apart():
    mask = ball((9, 20, 20), (3.0, 1.0, 1.0), (12, 9, 9), 7)
    assert asdict(scored(mask, mask, (3.0, 1.0, 1.0))) == {
        "label": "liver",
        "assd": 0.0,
        "rmsd": 0.0,
        "mssd": 0.0,
        "hd95": 0.0,
        "nsd": 1.0,
    }


def test_two_voxels_apart_by_pythagoras():
    one, other = np.zeros((2, 5, 6, 7), bool)
    one[1, 1, 1] = other[4, 1, 5] = True
    score = scored(one, other, (5.0, 1.0, 2.0))
    assert numbers(score)[:4] == [17.0] * 4
    assert score.nsd == 0.0


def test_a_box_that_is_one_slice_longer():
    """5×5×5 and 6×5×5 voxels, slices of 4 mm: 98 and 114 boundary voxels."""
    one, other = np.zeros((2, 10, 9, 9), bool)
    one[2:7, 2:7, 2:7] = other[2:8, 2:7, 2:7] = True
    score = scored(one, other, (4.0, 1.0, 1.0))
    # One's last slice: 16 of its 25 voxels are on the other's sides, and the inner 9 are 1 or 2 mm from those.
    # The other's last slice: all 25 are 4 mm beyond one's.
    inner = [1.0] * 8 + [2.0]
    assert score.mssd == 4.0
    assert score.assd == pytest.approx((sum(inner) + 25 * 4.0) / (98 + 114))
    assert score.rmsd == pytest.approx(math.sqrt((sum(d * d for d in inner) + 25 * 16.0) / (98 + 114)))
    assert score.hd95 == 4.0
    assert score.nsd == pytest.approx((98 + 114 - 25) / (98 + 114))


@pytest.mark.parametrize("spacing", [(0.5, 0.5, 0.5), (2.0, 0.5, 0.5)])
def test_concentric_balls_are_apart_by_the_difference_of_their_radii(spacing):
    shape = tuple(math.ceil(34 / step) for step in spacing)
    centre = tuple((size // 2) * step for size, step in zip(shape, spacing, strict=True))
    score = scored(ball(shape, spacing, centre, 15), ball(shape, spacing, centre, 11), spacing)
    # Voxel centres lie up to a voxel inside the sphere.
    assert score.assd == pytest.approx(4.0, abs=0.6 * sum(spacing) / 3)
    assert score.mssd == pytest.approx(4.0, abs=max(spacing))
    assert score.nsd < 0.05
    generous = scored(ball(shape, spacing, centre, 15), ball(shape, spacing, centre, 11), spacing, tolerance_mm=6)
    assert generous.nsd == 1.0


def test_the_larger_direction_decides_hd95():
    """A tenth of the reference is missing: pooled with the way back, the 95th percentile would halve it."""
    reference, prediction = np.zeros((2, 1, 1, 60), bool)
    reference[0, 0, :20] = prediction[0, 0, :18] = True
    score = scored(reference, prediction)
    assert score.hd95 == pytest.approx(brute_force.percentile([0.0] * 18 + [1.0, 2.0], 0.95))
    assert score.hd95 > brute_force.percentile([0.0] * 36 + [1.0, 2.0], 0.95)
    assert score.hd95 == scored(prediction, reference).hd95


def test_empty_sides():
    some, nothing = np.zeros((2, 3, 3, 3), bool)
    some[1, 1, 1] = True
    for pair in ((some, nothing), (nothing, some)):
        score = scored(*pair)
        assert numbers(score) == [math.inf] * 4 + [0.0]
        assert score.failed
    both = scored(nothing, nothing)
    assert all(map(math.isnan, numbers(both))) and not both.failed


def test_a_distance_equal_to_the_tolerance_is_within_it():
    one, other = np.zeros((2, 1, 1, 9), bool)
    one[0, 0, 0] = other[0, 0, 3] = True
    assert 3 * 0.1 > 0.3
    assert scored(one, other, (1.0, 1.0, 0.1), tolerance_mm=0.3).nsd == 1.0
    assert scored(one, other, (1.0, 1.0, 0.1), tolerance_mm=0.2999).nsd == 0.0


def test_labels_are_scored_apart():
    truth = np.array([[[1, 1, 1, 2, 0, 0]]])
    predicted = np.array([[[1, 1, 1, 1, 1, 2]]])
    assert scored(truth, predicted, label="tumour").mssd == 2.0
    assert scored(truth, predicted, label="liver").mssd == 2.0
    assert scored(truth, predicted, label="liver_only").mssd == 2.0
    assert scored(truth, predicted, label="liver_only").assd == pytest.approx((1 + 2) / 8)
