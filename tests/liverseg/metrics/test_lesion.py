from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from liverseg.metrics import lesion_score
from liverseg.metrics.mask_file import cut
from tests.liverseg.metrics import brute_force

volumes = hnp.arrays(np.uint8, (3, 5, 6), elements=st.sampled_from([0, 0, 0, 1, 2, 2]))
sparse = hnp.arrays(np.uint8, (4, 6, 6), elements=st.sampled_from([0] * 12 + [2]))


def scored(truth, predicted):
    return lesion_score(*(cut(np.asarray(volume, np.uint8), (1.0, 1.0, 1.0)) for volume in (truth, predicted)))


@settings(max_examples=200)
@given(st.one_of(st.tuples(volumes, volumes), st.tuples(sparse, sparse)))
def test_sizes_and_overlaps_equal_the_definition(pair):
    truth, predicted = pair
    score = scored(truth, predicted)
    masks = truth == 2, predicted == 2
    for side, (mask, other) in zip((score.reference, score.prediction), (masks, masks[::-1]), strict=True):
        sizes, iou = brute_force.lesions(mask, other)
        assert sorted(zip(side.voxels, side.iou, strict=True)) == sorted(zip(sizes, iou, strict=True))


@given(volumes, st.integers(0, 2))
def test_matches_come_in_pairs_and_sides_may_be_swapped(truth, shift):
    predicted = np.roll(truth, shift, axis=2)
    score, swapped = scored(truth, predicted), scored(predicted, truth)
    assert score.reference.matched == score.prediction.matched
    assert (score.reference, score.prediction) == (swapped.prediction, swapped.reference)
    assert score.reference.matched <= score.reference.touched <= score.reference.count
    if shift == 0:
        assert score.reference.iou == (1.0,) * score.reference.count


def test_half_an_overlap_is_not_found():
    score = scored([[[2, 2, 2, 0]]], [[[0, 2, 2, 2]]])
    assert score.reference.iou == (0.5,)
    assert (score.reference.matched, score.reference.touched) == (0, 1)
    assert scored([[[2, 2, 2, 2, 0]]], [[[0, 2, 2, 2, 0]]]).reference.matched == 1


def test_a_corner_connects():
    truth = np.zeros((2, 2, 2))
    truth[0, 0, 0] = truth[1, 1, 1] = 2
    assert scored(truth, truth).reference.voxels == (2,)


def test_one_prediction_over_two_tumours_touches_both_and_finds_none():
    score = scored([[[2, 2, 0, 2, 2]]], [[[2, 2, 2, 2, 2]]])
    assert score.reference.iou == (0.4, 0.4)
    assert (score.reference.touched, score.reference.matched) == (2, 0)
    assert (score.prediction.count, score.prediction.touched, score.prediction.matched) == (1, 1, 0)


def test_empty_sides():
    nothing = np.zeros((1, 1, 3))
    assert scored(nothing, nothing).reference.count == 0
    alarm = scored(nothing, [[[2, 0, 2]]])
    assert (alarm.reference.count, alarm.prediction.voxels, alarm.prediction.iou) == (0, (1, 1), (0.0, 0.0))
    missed = scored([[[2, 0, 2]]], nothing)
    assert (missed.reference.matched, missed.prediction.count) == (0, 0)


def test_boxes_far_apart_share_nothing():
    truth, predicted = np.zeros((2, 9, 9, 9))
    truth[0, 0, 0] = predicted[8, 8, 8] = 2
    assert scored(truth, predicted).reference.iou == (0.0,)
