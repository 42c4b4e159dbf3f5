"""Slices to be shown: which ones, where they lie, and that grey and labels are those of the scan."""

from __future__ import annotations

import math
import tracemalloc
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liverseg.errors import DataError
from liverseg.handover import scan_slices as module
from liverseg.handover.scan_slices import SHOWN_HU, ScanSlices, chosen_slices, scan_slices
from liverseg.preprocess.arrays import NativeReference
from liverseg.preprocess.orient import orientation_from
from liverseg.volume import read_header, read_voxels, write_nifti
from tests.liverseg.preprocess.scans import ORIENTATIONS, affine_for, display
from tests.sweeps.test_real_scans import SCANS as REAL

Floats = npt.NDArray[np.float32]


def boxed(labels: npt.NDArray[np.uint8], spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> NativeReference:
    """A volume in the display frame, cut to the box of what is labelled."""
    if not labels.any():
        return NativeReference(labels.shape, spacing_mm, (0, 0, 0), np.zeros((0, 0, 0), np.uint8))
    found = [np.flatnonzero(labels.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    box = tuple(slice(int(places[0]), int(places[-1]) + 1) for places in found)
    return NativeReference(labels.shape, spacing_mm, tuple(part.start for part in box), labels[box].copy())


def body(shape: tuple[int, int, int], seed: int = 0) -> Floats:
    """A scan in the display frame: air, a body of noise in the middle third of it, and a table below."""
    hu = np.full(shape, -1000.0, np.float32)
    rows, columns = (slice(size // 3, 2 * size // 3) for size in shape[1:])
    noise = np.random.default_rng(seed).integers(
        -150, 280, (shape[0], rows.stop - rows.start, columns.stop - columns.start)
    )
    hu[:, rows, columns] = noise
    hu[:, -3, :] = 50
    return hu


def written(path: Path, hu: Floats, letters: str, spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Path:
    """The scan of the display frame as a file whose axes point to `letters`; spacing is that of the display frame."""
    orientation = orientation_from(letters)
    shape, spacing = [0, 0, 0], [0.0, 0.0, 0.0]
    for axis, size, mm in zip(orientation.axes, hu.shape, spacing_mm, strict=True):
        shape[axis], spacing[axis] = size, mm
    stored = np.zeros(shape, np.int16, order="F")
    orientation.display_volume(stored)[:] = np.rint(hu)
    affine = affine_for(letters, tuple(spacing))
    affine[2, 3] = -50.0
    write_nifti(path, stored, affine)
    return path


def sliced(path: Path, volume: NativeReference, **options: int) -> ScanSlices:
    return scan_slices(path, read_header(path), volume, **options)


@pytest.mark.parametrize("letters", ORIENTATIONS)
def test_pictures_labels_and_positions_are_those_of_the_scan(tmp_path: Path, letters: str) -> None:
    hu = body((14, 66, 72))
    labels = np.zeros(hu.shape, np.uint8)
    labels[5:8, 30:40, 30:44], labels[6, 33, 35:38] = 1, 2
    path = written(tmp_path / "a.nii", hu, letters)
    seen = sliced(path, boxed(labels))
    assert seen.slices == tuple(range(2, 11)) and seen.depth == 14 and seen.pixel_mm == 1.0
    rows, columns = slice(22 - 12, 44 + 12), slice(24 - 12, 48 + 12)
    box = (slice(2, 11), rows, columns)
    low, high = SHOWN_HU
    expected = np.clip((hu[box] - low) / (high - low), 0, 1) * 255
    assert seen.image.shape == expected.shape and np.abs(seen.image - expected).max() <= 0.51
    np.testing.assert_array_equal(seen.labels, labels[box])
    np.testing.assert_array_equal(display(path), hu)
    header = read_header(path)
    corner = np.array([[*place, 1] for place in np.ndindex(2, 2, 2)]) * [*(np.array(header.shape) - 1), 1]
    ends = sorted((np.array(header.affine) @ corner.T)[2])
    expected_mm = ends[0] + (ends[-1] - ends[0]) * np.array(seen.slices) / 13
    np.testing.assert_allclose(seen.positions_mm, expected_mm)


def test_pixels_are_square_small_enough_and_labels_lie_on_them(tmp_path: Path) -> None:
    hu = body((4, 120, 60))
    labels = np.zeros(hu.shape, np.uint8)
    labels[1:3, 50:70, 25:35] = 1
    path = written(tmp_path / "a.nii", hu, "LPS", (5.0, 1.0, 2.0))
    seen = sliced(path, boxed(labels, (5.0, 1.0, 2.0)), longest_px=48)
    assert max(seen.image.shape[1:]) == 48
    ratio = seen.image.shape[1] / seen.image.shape[2]
    assert ratio == pytest.approx((40 + 24) / (2 * (20 + 12)), rel=0.03)
    assert np.count_nonzero(seen.labels[1]) * seen.pixel_mm**2 == pytest.approx(400, rel=0.15)
    inside = seen.labels[1] == 1
    assert seen.image[1][inside].std() > 0, "the noise of the body, not air"


def test_big_slices_are_reduced_by_whole_pixels_and_stay_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_KEPT_PX", 40)
    hu = np.full((3, 110, 115), -1000.0, np.float32)
    hu[:, 30:81, 33:91] = 100
    labels = np.zeros(hu.shape, np.uint8)
    labels[1, 30:81, 33:91] = 1
    seen = sliced(written(tmp_path / "a.nii", hu, "RAS"), boxed(labels))
    for found in (seen.image[1] > 128, seen.image[0] > 128):
        for axis in range(2):
            shown, labelled = (np.flatnonzero(plane.any(axis=axis)) for plane in (found, seen.labels[1]))
            assert abs(shown[0] - labelled[0]) <= 2 and abs(shown[-1] - labelled[-1]) <= 2
            assert abs(shown.mean() - labelled.mean()) <= 1


def test_the_whole_scan_is_shown_where_nothing_is_labelled(tmp_path: Path) -> None:
    empty = np.zeros((9, 30, 36), np.uint8)
    air = np.full(empty.shape, -1000.0, np.float32)
    seen = sliced(written(tmp_path / "a.nii", air, "LPS"), boxed(empty))
    assert seen.slices == tuple(range(9)) and seen.image.shape == empty.shape
    assert not seen.image.any() and not seen.labels.any()


def test_labels_outside_the_body_are_shown_too(tmp_path: Path) -> None:
    labels = np.zeros((4, 66, 72), np.uint8)
    labels[1, 0, 0] = labels[1, -1, -1] = 1
    seen = sliced(written(tmp_path / "a.nii", body(labels.shape), "LPS"), boxed(labels))
    assert np.count_nonzero(seen.labels) == 2


@given(st.data())
@settings(deadline=None, max_examples=80)
def test_no_more_slices_than_allowed_evenly_spread_and_no_tumour_is_missed(data: st.DataObject) -> None:
    depth, most = data.draw(st.integers(1, 400)), data.draw(st.integers(2, 40))
    per_slice = np.zeros(depth, np.uint8)
    for _ in range(data.draw(st.integers(0, 3))):
        first = data.draw(st.integers(0, depth - 1))
        per_slice[first : first + data.draw(st.integers(1, 200))] = 1
    lesions = [data.draw(st.integers(0, depth - 1)) for _ in range(data.draw(st.integers(0, most // 2)))]
    per_slice[lesions] = 2
    volume = boxed(per_slice[:, None, None])
    chosen = chosen_slices(volume, most)
    assert 1 <= len(chosen) <= most and list(chosen) == sorted(set(chosen))
    assert chosen[0] >= 0 and chosen[-1] < depth
    runs = np.flatnonzero(np.diff(per_slice == 2, prepend=False, append=False)).reshape(-1, 2)
    assert all(any(first <= place < stop for place in chosen) for first, stop in runs)
    low, high = (
        (0, depth) if not lesions and not per_slice.any() else (volume.start[0], volume.start[0] + len(volume.labels))
    )
    longest = max(np.diff([low - 1, *(place for place in chosen if low <= place < high), high]), default=1)
    assert longest <= 2 * math.ceil(1.5 * max(high - low, 6) / (most - most // 2)) + 1


def test_a_damaged_file_is_noticed_though_its_end_is_not_shown(tmp_path: Path) -> None:
    labels = np.zeros((40, 66, 72), np.uint8)
    labels[2, 30:40, 30:44] = 1
    path = written(tmp_path / "a.nii.gz", body(labels.shape), "LPS")
    whole = path.read_bytes()
    path.write_bytes(whole[:-40] + bytes([whole[-40] ^ 1]) + whole[-39:])
    with pytest.raises(DataError) as caught:
        sliced(path, boxed(labels))
    assert caught.value.rule == "N1"


def test_memory_does_not_grow_with_the_scan(tmp_path: Path) -> None:
    def peak(depth: int) -> int:
        labels = np.zeros((depth, 96, 96), np.uint8)
        labels[2:8, 40:50, 40:50] = 1
        path, volume = written(tmp_path / f"{depth}.nii", body(labels.shape), "LPS"), boxed(labels)
        del labels
        header = read_header(path)
        scan_slices(path, header, volume)
        tracemalloc.start()
        scan_slices(path, header, volume)
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    short = peak(300)
    assert peak(1200) < 1.3 * short


@pytest.mark.real
@pytest.mark.skipif(not REAL.is_dir(), reason="no real CT scans (LIVERSWEEP_REAL_CT)")
def test_a_real_scan_is_cut_to_the_body() -> None:
    path, mask = REAL / "volume-0.nii.gz", REAL / "segmentation-0.nii.gz"
    orientation = orientation_from(read_header(path).orientation)
    labels = np.ascontiguousarray(orientation.display_volume(read_voxels(mask, read_header(mask, role="mask"))))
    spacing_mm = orientation.permute(read_header(path).spacing_mm)
    seen = sliced(path, boxed(labels.astype(np.uint8), spacing_mm))
    assert np.count_nonzero(seen.labels) == np.count_nonzero(labels), "at the scan's own pixels"
    rows, columns = seen.image.shape[1:]
    assert 340 < rows < 400 and 460 < columns < 505, "the body and 12 mm, and not the whole 512 of the table"
    liver = seen.image[seen.labels == 1].mean() / 255 * (SHOWN_HU[1] - SHOWN_HU[0]) + SHOWN_HU[0]
    assert 130 < liver < 155
    assert seen.positions_mm[0] == 1536.5 + 2 * seen.slices[0]
