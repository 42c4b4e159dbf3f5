from __future__ import annotations

from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from liverseg.phantom.config import ORIENTATIONS, PhantomConfig
from liverseg.phantom.scanner import LOWEST_HU, Acquisition, deal, stream


def _scan(**changes: object) -> Acquisition:
    scan = Acquisition(
        shape=(6, 5, 4),
        spacing_mm=(2.0, 2.5, 5.0),
        origin_mm=(-30.0, 10.0, 7.0),
        sub_slices=2,
        orientation="RAS",
        offset_hu=0.0,
        cupping_hu=0.0,
        noise_hu=20.0,
    )
    return replace(scan, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_every_voxel_keeps_its_place_in_the_patient(orientation: str) -> None:
    scan = _scan(orientation=orientation)
    volume = np.arange(120).reshape(scan.shape)
    stored, affine = scan.store(volume)
    assert "".join(nib.orientations.aff2axcodes(affine)) == orientation
    for voxel in np.ndindex(stored.shape):
        at = (affine @ [*voxel, 1.0])[:3]
        index = np.rint((at - scan.origin_mm) / scan.spacing_mm).astype(int)
        assert volume[tuple(index)] == stored[voxel]


def test_thick_slices_average_the_thin_ones_inside_them() -> None:
    scan = _scan(shape=(1, 1, 2), sub_slices=3)
    fine = np.array([1, 2, 6, 0, 0, 3], np.float32).reshape(1, 1, 6)
    assert scan.average(fine).ravel() == pytest.approx([3.0, 1.0])
    z = scan.fine_axes((1.0, 1.0, 1.0))[2]
    assert z == pytest.approx([7 - 5 / 3, 7.0, 7 + 5 / 3, 12 - 5 / 3, 12.0, 12 + 5 / 3])


def test_exposure_adds_offset_and_noise_inside_the_round_field_of_view() -> None:
    scan = _scan(shape=(64, 64, 8), spacing_mm=(5.0, 5.0, 5.0), offset_hu=7.0)
    image = scan.expose(np.full(scan.shape, 100.0, np.float32), np.random.default_rng(0))
    assert image.dtype == np.int16
    assert image[0, 0, 0] == LOWEST_HU
    centre = image[24:40, 24:40]
    assert centre.mean() == pytest.approx(107.0, abs=3.0)
    assert centre.std() == pytest.approx(22.0, rel=0.12)


def test_choices_are_dealt_once_each_before_any_comes_again() -> None:
    for block in range(4):
        dealt = [deal("abcde", 3, 5 * block + place, 9) for place in range(5)]
        assert sorted(dealt) == list("abcde")


def test_streams_differ_by_seed_case_and_purpose() -> None:
    keys = [(1, 2, 3), (2, 2, 3), (1, 3, 3), (1, 2, 4)]
    assert len({float(stream(*key).random()) for key in keys}) == 4
    assert stream(1, 2, 3).random() == stream(1, 2, 3).random()


def test_spacing_and_origin_survive_the_float32_of_the_file() -> None:
    for index in range(20):
        scan = Acquisition.draw(PhantomConfig(), index, 290.0, stream(7, index, 2))
        numbers = np.array(scan.spacing_mm + scan.origin_mm)
        assert np.array_equal(numbers, numbers.astype(np.float32))
        assert 300.0 <= scan.spacing_mm[0] * scan.shape[0] <= 420.5
        assert 20 <= scan.shape[2] <= 40
