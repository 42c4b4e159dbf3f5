from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from liverseg.handover import components
from liverseg.handover.components import Classes, Components
from tests.liverseg.handover import brute_force

masks = hnp.arrays(
    np.bool_,
    st.tuples(st.integers(1, 6), st.integers(1, 5), st.integers(1, 5)),
    elements=st.sampled_from([False, False, False, True]),
)


def of(mask):
    return Components(mask.shape, lambda part: mask[part])


def numbers_of(found, shape):
    numbers = np.zeros(shape, np.int64)
    for part, those in found.slabs():
        numbers[part] = those
    return numbers


@settings(max_examples=300)
@given(masks, st.sampled_from([1, 12, 30, 1 << 23]), st.sampled_from([0, 1 << 23]))
def test_numbers_are_those_of_the_definition_however_large_the_slabs(mask, at_once, kept):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(components, "_VOXELS_AT_ONCE", at_once)
        patch.setattr(components, "_KEPT_VOXELS", kept)
        odd = (np.indices(mask.shape).sum(axis=0) % 2).astype(np.uint8)
        classes = Classes(lambda part: odd[part], 2)
        found = Components(mask.shape, lambda part: mask[part], classes)
        numbers = numbers_of(found, mask.shape)
        expected = np.zeros(mask.shape, np.int64)
        for number, piece in enumerate(brute_force.pieces(mask), start=1):
            for voxel in piece:
                expected[voxel] = number
        np.testing.assert_array_equal(numbers, expected)
        assert found.count == expected.max()
        for column in (0, 1):
            sizes = np.bincount(expected[mask & (odd == column)], minlength=found.count + 1)
            np.testing.assert_array_equal(found.voxels[:, column], sizes)
        np.testing.assert_array_equal(found.tally(classes), found.voxels)
        np.testing.assert_array_equal(of(mask).voxels[:, 0], found.voxels.sum(axis=1))


def test_a_snake_through_all_slabs_is_one(monkeypatch):
    monkeypatch.setattr(components, "_VOXELS_AT_ONCE", 1)
    mask = np.zeros((40, 3, 5), bool)
    mask[:, 0, 0] = mask[:, 2, 4] = True
    mask[-1] = True
    assert of(mask).count == 1
    assert of(mask[:-1]).count == 2


@pytest.mark.parametrize("shape", [(0, 0, 0), (3, 0, 4), (4, 3, 2)])
def test_nothing(shape):
    found = of(np.zeros(shape, bool))
    assert found.count == 0
    assert found.voxels.tolist() == [[0]]


def test_memory_is_that_of_a_slab(monkeypatch):
    monkeypatch.setattr(components, "_VOXELS_AT_ONCE", 1 << 16)
    monkeypatch.setattr(components, "_KEPT_VOXELS", 0)

    def peak(slices):
        mask = np.zeros((slices, 64, 64), bool)
        mask[:, 8:56, 8:56] = True
        tracemalloc.start()
        for _ in of(mask).slabs():
            pass
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(32)
    assert peak(1024) < 1.2 * peak(64)
