from __future__ import annotations

import json
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from liverseg.errors import ConfigError
from liverseg.handover import components
from liverseg.handover.postprocess import NONE, PostProcess
from liverseg.metrics.mask_file import cut
from liverseg.preprocess.arrays import NativeReference
from tests.liverseg.handover import brute_force

SPACING_MM = (10.0, 10.0, 10.0)  # a voxel is a millilitre
OPTIONS = [PostProcess(*values) for values in product((False, True), (False, True), (0.0, 1.5, 3.0))]

volumes = hnp.arrays(np.uint8, (4, 5, 6), elements=st.sampled_from([0, 0, 0, 0, 1, 2]))
sparse = hnp.arrays(np.uint8, (4, 6, 6), elements=st.sampled_from([0] * 8 + [1, 2]))
options = st.builds(PostProcess, st.booleans(), st.booleans(), st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0, 4.0]))


def volume_of(labels):
    return cut(np.asarray(labels, np.uint8), SPACING_MM)


def whole(volume: NativeReference):
    labels = np.zeros(volume.shape, np.uint8)
    labels[tuple(slice(a, a + n) for a, n in zip(volume.start, volume.labels.shape, strict=True))] = volume.labels
    return labels


def processed(labels, *values):
    return whole(PostProcess(*values).apply(volume_of(labels))).tolist()


@settings(max_examples=200)
@given(st.one_of(volumes, sparse), options, st.sampled_from([1, 70, 1 << 23]))
def test_it_is_the_definition(labels, chosen, at_once):
    expected = brute_force.processed(labels, chosen, voxel_ml=1.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(components, "_VOXELS_AT_ONCE", at_once)
        patch.setattr(components, "_KEPT_VOXELS", at_once)
        np.testing.assert_array_equal(whole(chosen.apply(volume_of(labels))), expected)


@given(st.one_of(volumes, sparse), options)
def test_nothing_is_added_and_twice_is_once(labels, chosen):
    given_volume = volume_of(labels)
    before = given_volume.labels.copy()
    once = chosen.apply(given_volume)
    after = whole(once)
    assert not (after[labels == 0]).any()
    assert not (after[labels == 1] == 2).any()
    np.testing.assert_array_equal(given_volume.labels, before)
    np.testing.assert_array_equal(whole(chosen.apply(once)), after)


@given(st.one_of(volumes, sparse), options)
def test_what_is_left_is_cut_to_its_foreground(labels, chosen):
    left = chosen.apply(volume_of(labels))
    expected = volume_of(whole(left))
    assert (left.shape, left.start, left.spacing_mm) == (expected.shape, expected.start, expected.spacing_mm)
    np.testing.assert_array_equal(left.labels, expected.labels)
    assert left.labels.dtype == np.uint8


@given(volumes, options, st.permutations(range(3)), st.tuples(*[st.booleans()] * 3))
def test_turning_and_mirroring_the_volume_turns_the_result(labels, chosen, axes, flips):
    # Only the first of pieces of equal size depends on the direction; brute force says where there is one.
    if brute_force.has_tie(labels):
        return

    def turned(array):
        return np.flip(array.transpose(axes), [axis for axis, flip in enumerate(flips) if flip])

    np.testing.assert_array_equal(
        whole(chosen.apply(volume_of(turned(labels)))), turned(whole(chosen.apply(volume_of(labels))))
    )


def test_a_smaller_liver_goes_with_its_tumour():
    assert processed([[[1, 1, 2, 0, 1, 2]]], True, False, 0.0) == [[[1, 1, 2, 0, 0, 0]]]


def test_a_lesion_alone_is_the_business_of_the_other_option():
    labels = [[[1, 1, 0, 2, 0, 1]]]
    assert processed(labels, True, False, 0.0) == [[[1, 1, 0, 2, 0, 0]]]
    assert processed(labels, False, True, 0.0) == [[[1, 1, 0, 0, 0, 1]]]
    assert processed(labels, True, True, 0.0) == [[[1, 1, 0, 0, 0, 0]]]


def test_tumours_count_towards_the_size_of_a_liver():
    assert processed([[[1, 2, 2, 0, 1, 1]]], True, False, 0.0) == [[[1, 2, 2, 0, 0, 0]]]


def test_a_big_lesion_alone_is_no_liver():
    assert processed([[[2, 2, 2, 0, 1]]], True, False, 0.0) == [[[2, 2, 2, 0, 1]]]


def test_a_small_lesion_leaves_no_hole():
    assert processed([[[1, 2, 1, 0, 2, 0, 2, 2, 2]]], False, False, 2.0) == [[[1, 1, 1, 0, 0, 0, 2, 2, 2]]]


def test_a_lesion_of_just_the_minimum_stays():
    labels = [[[1, 2, 2, 1]]]
    assert processed(labels, False, False, 2.0) == labels
    assert processed(labels, False, False, 2.0001) == [[[1, 1, 1, 1]]]


def test_the_minimum_is_in_millilitres_whatever_the_spacing():
    one = PostProcess(False, False, 0.1)
    assert one.least_voxels((1.0, 1.0, 1.0)) == 100
    assert one.least_voxels((5.0, 0.5, 0.5)) == 80
    assert one.least_voxels((5.0, 0.7, 0.7)) == 41
    assert one.least_voxels((10.0, 10.0, 10.0)) == 1


def test_a_corner_touches():
    labels = np.zeros((2, 2, 2))
    labels[0, 0, 0], labels[1, 1, 1] = 1, 2
    np.testing.assert_array_equal(processed(labels, True, True, 0.0), labels)


def test_a_hole_is_not_filled():
    labels = np.ones((3, 3, 3))
    labels[1, 1, 1] = 0
    np.testing.assert_array_equal(processed(labels, True, True, 1.0), labels)


@pytest.mark.parametrize("chosen", OPTIONS)
def test_an_empty_volume_stays_empty(chosen):
    empty = NativeReference((3, 4, 5), SPACING_MM, (0, 0, 0), np.zeros((0, 0, 0), np.uint8))
    assert chosen.apply(empty) is empty
    left = PostProcess(True, True, 9.0).apply(volume_of([[[0, 2, 0]]]))
    assert (left.shape, left.start, left.labels.shape) == ((1, 1, 3), (0, 0, 0), (0, 0, 0))


def test_a_network_without_tumours_loses_only_its_stray_livers():
    assert processed([[[1, 1, 0, 1]]], True, True, 1.0) == [[[1, 1, 0, 0]]]


def test_nothing_switched_on_gives_the_volume_itself():
    volume = volume_of([[[1, 0, 2]]])
    assert NONE.apply(volume) is volume
    assert (NONE.switched_on, PostProcess(True, True, 0.1).switched_on) == (0, 3)


def test_words():
    assert NONE.in_words() == "none"
    expected = "only the largest piece of liver, only tumours that touch the liver, no tumour under 0.05 mL"
    assert PostProcess(True, True, 0.05).in_words() == expected


@given(options)
def test_json_there_and_back(chosen):
    assert PostProcess.from_json(json.loads(json.dumps(chosen.as_json()))) == chosen


def test_the_agreed_form():
    value = {"largest_liver": True, "tumour_inside_liver": False, "minimum_lesion_ml": 1}
    assert PostProcess.from_json(value).as_json() == {**value, "minimum_lesion_ml": 1.0}


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "none",
        {},
        {"largest_liver": True},
        {**NONE.as_json(), "holes": True},
        {**NONE.as_json(), "largest_liver": 1},
        {**NONE.as_json(), "tumour_inside_liver": None},
        {**NONE.as_json(), "minimum_lesion_ml": True},
        {**NONE.as_json(), "minimum_lesion_ml": "0.1"},
        {**NONE.as_json(), "minimum_lesion_ml": -0.1},
        {**NONE.as_json(), "minimum_lesion_ml": float("nan")},
        {**NONE.as_json(), "minimum_lesion_ml": float("inf")},
    ],
)
def test_nonsense_is_refused(value):
    with pytest.raises(ConfigError, match=r"; got .*; allowed: "):
        PostProcess.from_json(value)
