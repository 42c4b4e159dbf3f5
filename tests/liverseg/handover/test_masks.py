"""Masks lie on the scan's voxels for whoever reads them, and what is measured in them is right."""

from __future__ import annotations

from itertools import permutations, product
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK

from liverseg.handover.masks import measure, stored_labels, write_mask
from liverseg.metrics.mask_file import cut, read_mask
from liverseg.preprocess.arrays import NativeReference
from liverseg.volume import read_header, write_nifti


def blank(shape: tuple[int, int, int] = (10, 12, 14)) -> np.ndarray:
    return np.zeros(shape, np.uint8)


def oblique(degrees: float) -> np.ndarray:
    angle = np.radians(degrees)
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([-0.7, -0.8, 2.5])
    affine[:3, 3] = (31.5, -12.25, 400.0)
    return affine


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_what_is_written_reads_back_as_the_same_volume_in_any_orientation(
    tmp_path: Path, order: tuple[int, int, int]
) -> None:
    generator = np.random.default_rng(1)
    for signs in product((1, -1), repeat=3):
        affine = np.zeros((4, 4))
        affine[3, 3] = 1.0
        for axis, world in enumerate(order):
            affine[world, axis] = signs[axis] * (0.7, 0.9, 2.0)[world]
        image = write_nifti(tmp_path / "ct.nii", np.zeros((7, 8, 9), np.int16), affine)
        header = read_header(image)
        labels = (generator.random(_display_shape(header)) < 0.1).astype(np.uint8) * 2
        volume = cut(labels, (1.0, 1.0, 1.0))
        write_mask(tmp_path / "ct_seg.nii.gz", volume, header)
        again = read_mask(tmp_path / "ct_seg.nii.gz", read_header(tmp_path / "ct_seg.nii.gz"))
        assert again.start == volume.start and (again.labels == volume.labels).all()


def _display_shape(header: object) -> tuple[int, int, int]:
    from liverseg.preprocess.orient import orientation_from

    return orientation_from(header.orientation).permute(header.shape)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "affine", [np.diag([0.7, 0.8, 2.5, 1.0]), np.diag([-0.7, -0.8, 2.5, 1.0]), oblique(17.0), oblique(-38.0)]
)
def test_nibabel_and_simpleitk_read_the_same_voxels_in_the_same_place(tmp_path: Path, affine: np.ndarray) -> None:
    generator = np.random.default_rng(2)
    image = write_nifti(tmp_path / "ct.nii.gz", generator.normal(0, 100, (11, 12, 13)).astype(np.int16), affine)
    header = read_header(image)
    volume = cut(generator.integers(0, 3, _display_shape(header)).astype(np.uint8), (1.0, 1.0, 1.0))
    mask = tmp_path / "ct_seg.nii.gz"
    write_mask(mask, volume, header)
    ours = stored_labels(volume, header)
    theirs, scan = nibabel.load(mask), nibabel.load(image)
    assert (np.asarray(theirs.dataobj) == ours).all() and (theirs.affine == scan.affine).all()
    itk, itk_scan = SimpleITK.ReadImage(str(mask)), SimpleITK.ReadImage(str(image))
    assert (ours == SimpleITK.GetArrayFromImage(itk).T).all()
    for name in ("GetOrigin", "GetSpacing", "GetDirection"):
        assert getattr(itk, name)() == getattr(itk_scan, name)()
    corner = np.array(ours.shape) - 1
    world = (theirs.affine @ [*corner, 1.0])[:3] * (-1, -1, 1)  # ITK looks from the other side: LPS
    assert np.allclose(itk.TransformIndexToPhysicalPoint([int(value) for value in corner]), world, atol=1e-3)


def test_volumes_and_burden_are_millilitres_of_voxels() -> None:
    labels = blank()
    labels[2:8, 2:8, 2:8] = 1
    labels[3:5, 3:5, 3:5] = 2
    found = measure(cut(labels, (5.0, 2.0, 1.0)))
    assert found.liver_ml == pytest.approx(216 * 0.01) and found.tumour_ml == pytest.approx(8 * 0.01)
    assert found.tumour_burden == pytest.approx(8 / 216)
    (one,) = found.tumours
    assert one.slices == (3, 4) and one.volume_ml == pytest.approx(0.08)
    assert one.longest_mm == pytest.approx(np.hypot(2.0, 1.0) + 1.0) and one.longest_slice in (3, 4)


def test_volumes_of_slanting_voxels_are_those_of_the_affine(tmp_path: Path) -> None:
    affine = np.diag([1.5, 1.5, 4.0, 1.0])
    affine[1, 2] = 0.19  # 2.7 degrees: as much as is let pass
    header = read_header(write_nifti(tmp_path / "ct.nii.gz", np.zeros((4, 5, 6), np.int16), affine))
    labels = np.ones((6, 5, 4), np.uint8)
    labels[2:4, 1:3, 1:3] = 2
    found = measure(NativeReference(labels.shape, (*header.spacing_mm[::-1],), (0, 0, 0), labels), header.voxel_ml)
    voxel_ml = abs(np.linalg.det(affine[:3, :3])) / 1000
    assert found.liver_ml == pytest.approx(120 * voxel_ml, rel=1e-6) and found.tumour_ml == pytest.approx(
        8 * voxel_ml, rel=1e-6
    )
    assert found.tumours[0].volume_ml == pytest.approx(8 * voxel_ml, rel=1e-6)


def test_tumours_are_26_connected_and_sorted_by_volume() -> None:
    labels = blank()
    labels[1, 1, 1] = labels[2, 2, 2] = 2  # touch with a corner
    labels[6:8, 6:9, 6:8] = 2
    found = measure(cut(labels, (1.0, 1.0, 1.0)))
    assert [round(one.volume_ml * 1000) for one in found.tumours] == [12, 2]
    assert [one.slices for one in found.tumours] == [(6, 7), (1, 2)]
    assert found.tumours[1].longest_mm == 1.0  # a pixel of its own in each slice


@pytest.mark.parametrize("seed", range(8))
def test_the_longest_distance_is_that_of_all_pairs(seed: int) -> None:
    from scipy.spatial.distance import pdist

    generator = np.random.default_rng(seed)
    labels = blank((1, 15, 17))
    labels[0, 4:11, 4:12] = 2 * (generator.random((7, 8)) < 0.7)
    labels[0, 7, 4:12] = 2
    labels[0, 4:11, 8] = 2
    found = measure(NativeReference((1, 15, 17), (3.0, 0.7, 1.1), (0, 0, 0), labels))
    from scipy import ndimage

    parts, _ = ndimage.label(labels[0] == 2, np.ones((3, 3)))
    largest = np.argmax(np.bincount(parts.ravel())[1:]) + 1
    assert found.tumours[0].longest_mm == pytest.approx(pdist(np.argwhere(parts == largest) * (0.7, 1.1)).max() + 0.7)


def test_an_empty_volume_measures_nothing() -> None:
    found = measure(cut(blank(), (1.0, 1.0, 1.0)))
    assert (found.liver_ml, found.tumour_ml, found.tumours, found.tumour_burden) == (0.0, 0.0, (), None)
    assert found.as_json() == {"volumes_ml": {"liver": 0.0, "tumour": 0.0}, "tumour_burden": None, "tumours": []}
