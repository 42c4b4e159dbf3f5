"""The small grid on which scans and predictions are looked at, and what is kept on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liverseg.config import PrepareConfig
from liverseg.inference import overlays
from liverseg.inference.overlay_grid import (
    LONGEST_PX,
    MOST_SLICES,
    overlay_grid,
    sample_labels,
    unseen_ml,
)
from liverseg.inference.overlays import OverlayBook, scan_arrays
from liverseg.inference.pictures import DISPLAY_HU
from liverseg.preprocess import load_or_prepare, pack
from liverseg.preprocess.arrays import NativeReference
from tests.liverseg.preprocess.scans import affine_for, blobs, display, write_pair
from tests.liverseg.training.packs import blob_pack

SPACING = st.sampled_from([0.7, 1.0, 2.5, 5.0])


@st.composite
def volumes(draw, shape=None, spacing_mm=None):
    """Labels in a box somewhere in a scan, at times nowhere."""
    shape = shape or tuple(draw(st.tuples(st.integers(1, 130), st.integers(4, 400), st.integers(4, 400))))
    spacing_mm = spacing_mm or draw(st.tuples(SPACING, SPACING, SPACING))
    if draw(st.integers(0, 5)) == 0:
        return NativeReference(shape, spacing_mm, (0, 0, 0), np.zeros((0, 0, 0), np.uint8))
    start = tuple(draw(st.integers(0, size - 1)) for size in shape)
    box = tuple(draw(st.integers(1, size - low)) for size, low in zip(shape, start, strict=True))
    labels = np.random.default_rng(draw(st.integers(0, 99))).integers(0, 3, box).astype(np.uint8)
    for axis in range(3):  # labels reach every side of their box
        np.moveaxis(labels, axis, 0)[[0, -1]] = 1
    return NativeReference(shape, spacing_mm, start, labels)


def dense(volume):
    whole = np.zeros(volume.shape, np.uint8)
    box = tuple(slice(low, low + size) for low, size in zip(volume.start, volume.labels.shape, strict=True))
    whole[box] = volume.labels
    return whole


@given(volumes())
@settings(deadline=None, max_examples=60)
def test_the_grid_shows_all_that_is_labelled_and_is_small(reference):
    grid = overlay_grid(reference)
    assert 1 <= grid.count <= MOST_SLICES and max(grid.rows, grid.columns) <= LONGEST_PX
    assert 0 <= grid.slices[0] <= grid.slices[-1] < reference.shape[0]
    for indices, size in ((grid.row_indices, reference.shape[1]), (grid.column_indices, reference.shape[2])):
        assert indices.min() >= 0 and indices.max() < size and (np.diff(indices) >= 0).all()
    assert unseen_ml(reference, grid) == 0.0
    if reference.labels.size:
        counts = np.count_nonzero(reference.labels == 2, axis=(1, 2))
        wanted = counts if counts.any() else np.count_nonzero(reference.labels, axis=(1, 2))
        assert reference.start[0] + int(np.argmax(wanted)) in grid.slices


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_labels_are_those_of_the_nearest_voxel_and_the_rest_is_counted(data):
    reference = data.draw(volumes())
    prediction = data.draw(volumes(reference.shape, reference.spacing_mm))
    grid = overlay_grid(reference)
    whole = dense(prediction)
    expected = whole[np.ix_(grid.slices, grid.row_indices, grid.column_indices)]
    np.testing.assert_array_equal(sample_labels(prediction, grid), expected)
    between = slice(max(0, grid.slices[0] - grid.step + 1), grid.slices[-1] + grid.step)
    seen = whole[between, grid.top : grid.top + grid.height, grid.left : grid.left + grid.width]
    missed = np.count_nonzero(whole) - np.count_nonzero(seen)
    assert unseen_ml(prediction, grid) == pytest.approx(missed * np.prod(reference.spacing_mm) / 1000)


def test_pixels_are_square_and_no_finer_than_the_scan():
    labels = np.ones((3, 100, 50), np.uint8)
    grid = overlay_grid(NativeReference((9, 400, 400), (5.0, 1.0, 2.0), (3, 150, 150), labels))
    assert (grid.height, grid.width) == (150, 76)
    assert (grid.rows, grid.columns) == (150, 152), "150 mm x 152 mm"
    small = overlay_grid(NativeReference((9, 40, 40), (5.0, 1.0, 1.0), (3, 10, 10), labels[:, :10, :10]))
    assert (small.rows, small.columns) == (small.height, small.width) == (40, 40)


@pytest.mark.parametrize("letters", ["LPS", "RAI", "SLP"])
def test_a_scan_is_windowed_in_the_display_frame(tmp_path: Path, letters: str):
    image, mask = blobs((20, 22, 24), seed=3)
    paths = write_pair(tmp_path, image, mask, affine_for(letters))
    prepared = load_or_prepare("case-a", "case-a", *paths, PrepareConfig(sizes_px=(32,), slices="all"), cache=None)[32]
    span = pack([prepared], training=False).cases[0]
    arrays = scan_arrays(span, paths[0])
    grid = overlay_grid(span.reference)
    assert (grid.rows, grid.columns) == (grid.height, grid.width), "so small a scan is not resampled"
    low, high = DISPLAY_HU
    shown = np.clip((display(paths[0]) - low) / (high - low), 0, 1) * 255
    box = (slice(grid.top, grid.top + grid.height), slice(grid.left, grid.left + grid.width))
    assert np.abs(arrays["image"] - shown[list(grid.slices)][(slice(None), *box)]).max() <= 0.51
    native = np.rint(display(paths[1])).astype(np.uint8)
    np.testing.assert_array_equal(arrays["reference"], native[list(grid.slices)][(slice(None), *box)])
    assert arrays["spacing_mm"].tolist() == [1.0, 1.0, 1.0] and str(arrays["case"]) == "case-a"


def test_a_book_keeps_the_first_cases_only(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(overlays, "MOST_CASES", 2)
    book = OverlayBook()
    for span in blob_pack(3, 4).cases:
        book.add(span, span.reference)
    arrays = book.arrays()
    assert arrays["case"].tolist() == ["case-00000000", "case-00000001"]
    assert arrays["labels"].size == sum(overlay.labels.size for overlay in book.overlays)
    assert arrays["unseen_ml"].tolist() == [0.0, 0.0]


def test_an_empty_book_has_no_cases():
    arrays = OverlayBook().arrays()
    assert arrays["grid"].shape == (0, 12) and arrays["labels"].shape == (0,)
