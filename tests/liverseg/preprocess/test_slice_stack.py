from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liverseg.preprocess.slice_stack import SliceStack

RNG = np.random.default_rng(3)
ARRAYS = [RNG.integers(-99, 99, (count, 4, 5)).astype(np.int16) for count in (3, 0, 4, 1)]
ROWS = [np.array([2, 0]), np.array([], int), np.array([1, 3]), np.array([], int)]
WHOLE = np.concatenate(ARRAYS)
CHOSEN = np.concatenate([array[rows] for array, rows in zip(ARRAYS, ROWS, strict=True)])


@given(st.lists(st.integers(-8, 7), max_size=12), st.booleans())
def test_it_is_indexed_as_one_array(rows, typed):
    stack = SliceStack(ARRAYS)
    wanted = np.array(rows, np.int64) if typed or not rows else rows
    np.testing.assert_array_equal(stack[wanted], WHOLE[np.array(rows, np.int64)])
    assert stack[wanted].dtype == np.int16


@pytest.mark.parametrize(("rows", "expected"), [(None, WHOLE), (ROWS, CHOSEN)])
def test_it_looks_like_one_array(rows, expected):
    stack = SliceStack(ARRAYS, rows)
    assert stack.shape == expected.shape and len(stack) == len(expected)
    assert stack.dtype == expected.dtype and stack.nbytes == expected.nbytes
    np.testing.assert_array_equal(stack, expected)
    np.testing.assert_array_equal(stack[1:3], expected[1:3])
    np.testing.assert_array_equal(list(stack), list(expected))
    assert np.asarray(stack, np.float32).dtype == np.float32


def test_one_slice_is_where_it_lies_and_several_are_a_copy():
    stack = SliceStack(ARRAYS)
    assert np.shares_memory(stack[4], ARRAYS[2]) and stack[4].shape == (4, 5)
    assert not any(np.shares_memory(stack[[4, 5]], array) for array in ARRAYS)
    with pytest.raises(ValueError, match="without a copy"):
        np.array(stack, copy=False)


@pytest.mark.parametrize("row", [8, -9, [0, 8]])
def test_a_slice_that_is_not_there_is_an_error(row):
    with pytest.raises(IndexError):
        SliceStack(ARRAYS)[row]


def test_arrays_that_do_not_match_are_refused():
    for arrays in ([], [ARRAYS[0], ARRAYS[2][:, :2]], [ARRAYS[0], ARRAYS[2].astype(np.uint8)]):
        with pytest.raises(ValueError, match="several shapes"):
            SliceStack(arrays)
