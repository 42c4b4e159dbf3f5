from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from liverseg.inference.native import axis_weights, labels_everywhere, native_box, native_labels
from liverseg.preprocess.arrays import PlaneMap


@st.composite
def planes(draw: st.DrawFn) -> PlaneMap:
    """Slices that fill a square of 8 to 16 pixels, are padded in it, or reach beyond it."""
    size = draw(st.integers(8, 16))
    native = draw(st.tuples(st.integers(4, 40), st.integers(4, 40)))
    resized = draw(st.tuples(st.integers(3, size + 8), st.integers(3, size + 8)))
    return PlaneMap(native, resized, (size - resized[0]) // 2, (size - resized[1]) // 2, size)


def sparse_logits(plane: PlaneMap, classes: int, seed: int, foreground: float) -> np.ndarray:
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(plane.size_px, plane.size_px, classes)).astype(np.float32)
    logits[..., 0] += np.where(generator.random(logits.shape[:2]) < foreground, -1.0, 6.0)
    return logits


@settings(max_examples=200, deadline=None)
@given(planes(), st.integers(2, 3), st.integers(0, 10**6), st.sampled_from([0.0, 0.02, 0.2, 1.0]))
def test_the_box_holds_exactly_what_the_full_computation_finds(plane, classes, seed, foreground):
    logits = sparse_logits(plane, classes, seed, foreground)
    np.testing.assert_array_equal(native_labels(logits, plane), labels_everywhere(logits, plane))


@settings(max_examples=100, deadline=None)
@given(planes())
def test_weights_are_means_of_what_the_square_holds(plane):
    weights = axis_weights(plane.native_hw[0], plane.resized_hw[0], plane.top, plane.size_px).toarray()
    sums = weights.sum(axis=1)
    centre = (np.arange(plane.native_hw[0]) + 0.5) * plane.resized_hw[0] / plane.native_hw[0] + plane.top
    inside = (centre >= 0) & (centre < plane.size_px)
    assert (weights >= 0).all()
    np.testing.assert_allclose(sums[inside], 1.0, atol=1e-5)
    assert not sums[~inside].any()


def test_a_slice_as_large_as_the_square_keeps_its_labels():
    logits = sparse_logits(PlaneMap((12, 12), (12, 12), 0, 0, 12), 3, 1, 0.5)
    labels = native_labels(logits, PlaneMap((12, 12), (12, 12), 0, 0, 12))
    np.testing.assert_array_equal(labels, logits.argmax(axis=-1))
    assert labels.dtype == np.uint8


def test_enlarging_is_bilinear_with_aligned_pixel_centres():
    logits = np.random.default_rng(3).normal(size=(8, 8, 3)).astype(np.float32)
    found = native_labels(logits, PlaneMap((32, 24), (8, 8), 0, 0, 8))
    rows, columns = np.meshgrid((np.arange(32) + 0.5) / 4 - 0.5, (np.arange(24) + 0.5) / 3 - 0.5, indexing="ij")
    channels = [ndimage.map_coordinates(logits[..., c], [rows, columns], order=1, mode="nearest") for c in range(3)]
    np.testing.assert_array_equal(found, np.argmax(channels, axis=0))


def test_padding_is_left_out_and_what_was_cut_off_is_background():
    everything = np.zeros((8, 8, 2), np.float32)
    everything[..., 1] = 1.0
    assert native_labels(everything, PlaneMap((16, 8), (8, 4), 0, 2, 8)).all()
    cropped = native_labels(everything, PlaneMap((16, 32), (8, 16), 0, -4, 8))
    assert cropped[:, 8:24].all() and not cropped[:, :8].any() and not cropped[:, 24:].any()


def test_foreground_in_the_padding_alone_gives_nothing():
    logits = np.zeros((8, 8, 2), np.float32)
    logits[0, 0, 1] = 1.0
    plane = PlaneMap((16, 8), (4, 4), 2, 2, 8)
    assert not native_labels(logits, plane).any()


def test_only_the_box_is_computed():
    logits = np.zeros((16, 16, 3), np.float32)
    logits[..., 0] = 0.5
    logits[4:6, 9, 2] = 1.0
    box = native_box(logits, PlaneMap((64, 64), (16, 16), 0, 0, 16))
    assert box.labels.shape[0] <= 4 * 4 and box.labels.shape[1] <= 3 * 4
    assert set(np.unique(box.labels)) == {0, 2}


@pytest.mark.parametrize("classes", [2, 3])
def test_no_foreground_gives_an_empty_box(classes):
    assert native_box(np.zeros((8, 8, classes), np.float32), PlaneMap((9, 9), (8, 8), 0, 0, 8)).labels.size == 0
