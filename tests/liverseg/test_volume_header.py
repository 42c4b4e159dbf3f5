"""Every rule about headers, each broken by one file that is otherwise sound."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liverseg.errors import DataError
from liverseg.volume import FILE_RULES, obliqueness_deg, orientation_of, read_header, to_hu
from tests.liverseg.data.nifti_files import AFFINE, header_bytes, nifti_bytes, put, scan

VOXELS = scan()
NAN, INF = float("nan"), float("inf")


def refused(path: Path) -> DataError:
    with pytest.raises(DataError) as caught:
        read_header(path, case="volume-7", role="mask")
    error = caught.value
    assert error.case == "volume-7"
    assert error.rule in FILE_RULES
    assert error.what.startswith("mask: ")
    assert None not in (error.got, error.allowed, error.next_step)
    assert "volume-7" in str(error) and error.rule in str(error) and str(path) in str(error)
    assert path.name not in error.what and "volume-7" not in error.what
    return error


BROKEN: list[tuple[str, dict[str, Any], str]] = [
    ("2-D", {"dim": (2, 12, 10, 1, 1, 1, 1, 1)}, "not a 3-D volume"),
    ("time series", {"dim": (4, 12, 10, 3, 2, 1, 1, 1)}, "not a 3-D volume"),
    ("vector", {"dim": (5, 12, 10, 2, 1, 3, 1, 1)}, "not a 3-D volume"),
    ("no dimensions", {"dim": (0, 12, 10, 6, 1, 1, 1, 1)}, "not a 3-D volume"),
    ("dim[0] of 9", {"dim": (9, 12, 10, 6, 1, 1, 1, 1)}, "not a 3-D volume"),
    ("zero size", {"dim": (3, 0, 10, 6, 1, 1, 1, 1)}, "impossible size"),
    ("negative size", {"dim": (3, 12, -10, 6, 1, 1, 1, 1)}, "impossible size"),
    ("too wide", {"dim": (3, 2049, 10, 6, 1, 1, 1, 1)}, "impossible size"),
    ("too many voxels", {"dim": (3, 2048, 2048, 2048, 1, 1, 1, 1)}, "impossible size"),
    ("complex", {"datatype": 32, "bitpix": 64}, "data type not allowed"),
    ("colour", {"datatype": 128, "bitpix": 24}, "data type not allowed"),
    ("int64", {"datatype": 1024, "bitpix": 64}, "data type not allowed"),
    ("unknown type", {"datatype": 77}, "data type not allowed"),
    ("bits", {"bitpix": 8}, "data type and bits per voxel contradict each other"),
    ("NaN slope", {"scl_slope": NAN}, "scaling is not finite"),
    ("infinite intercept", {"scl_inter": INF}, "scaling is not finite"),
    ("NaN affine", {"srow_y": (0.0, NAN, 0.0, 70.0)}, "affine is not finite"),
    ("infinite origin", {"srow_z": (0.0, 0.0, 2.5, INF)}, "affine is not finite"),
    ("singular, zero column", {"srow_z": (0.0, 0.0, 0.0, 0.0)}, "impossible voxel spacing"),
    ("singular, equal columns", {"srow_x": (0.8, 0.8, 0, 0.0), "srow_y": (0.8, 0.8, 0, 0.0)}, "affine is singular"),
    ("sheared", {"srow_x": (-0.8, 0.0, 1.0, 90.0)}, "voxel axes are not at right angles"),
    (
        "metres",
        {"srow_x": (8e-4, 0, 0, 0), "srow_y": (0, 8e-4, 0, 0), "srow_z": (0, 0, 2e-3, 0)},
        "impossible voxel spacing",
    ),
    ("thick slices", {"srow_z": (0.0, 0.0, 20.5, 0.0)}, "impossible voxel spacing"),
    ("nowhere in space", {"sform_code": 0}, "the file does not say how the scan lies in space"),
    ("long quaternion", {"sform_code": 0, "qform_code": 1, "quatern": (0.9, 0.9, 0.0)}, "qform is not a rotation"),
    ("NaN quaternion", {"sform_code": 0, "qform_code": 1, "quatern": (NAN, 0.0, 0.0)}, "qform is not a rotation"),
    ("offset in header", {"vox_offset": 40.0}, "voxels start at an impossible place"),
    ("fractional offset", {"vox_offset": 352.5}, "voxels start at an impossible place"),
    ("NaN offset", {"vox_offset": NAN}, "voxels start at an impossible place"),
    ("huge offset", {"vox_offset": 1e9}, "voxels start at an impossible place"),
    ("header of a pair", {"magic": b"ni1\0"}, "not a single-file NIfTI"),
    ("Analyze", {"magic": b"\0\0\0\0"}, "not a single-file NIfTI"),
    ("other header size", {"sizeof_hdr": 349}, "no NIfTI header"),
]


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize(("fields", "what"), [pytest.param(f, w, id=i) for i, f, w in BROKEN])
def test_broken_header_is_refused_by_rule_n2(tmp_path: Path, ending: str, fields: dict[str, Any], what: str) -> None:
    error = refused(put(tmp_path / f"a{ending}", nifti_bytes(VOXELS, **fields)))
    assert (error.rule, error.what) == ("N2", f"mask: {what}")


@pytest.mark.parametrize("name", ["scan.dcm", "scan.gz", "scan", "scan.nii.bz2", "scan.hdr"])
def test_other_file_names_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(nifti_bytes(VOXELS))
    assert refused(path).rule == "N2"


def test_gzip_named_nii_says_how_to_rename(tmp_path: Path) -> None:
    put(tmp_path / "a.nii.gz", nifti_bytes(VOXELS)).rename(tmp_path / "a.nii")
    assert "rename it" in str(refused(tmp_path / "a.nii"))


def test_plain_file_named_gz_is_damaged(tmp_path: Path) -> None:
    put(tmp_path / "a.nii", nifti_bytes(VOXELS)).rename(tmp_path / "a.nii.gz")
    assert refused(tmp_path / "a.nii.gz").rule == "N1"


def test_missing_folder_fifo_and_empty_file_are_refused_without_hanging(tmp_path: Path) -> None:
    (tmp_path / "folder.nii").mkdir()
    os.mkfifo(tmp_path / "pipe.nii")
    put(tmp_path / "empty.nii", b"")
    (tmp_path / "empty.nii.gz").write_bytes(b"")
    (tmp_path / "ring.nii").symlink_to("ring.nii")
    rules = [refused(tmp_path / f"{name}").rule for name in ("folder.nii", "pipe.nii", "ring.nii", "missing.nii")]
    assert rules == ["N1"] * 4
    assert [refused(tmp_path / name).rule for name in ("empty.nii", "empty.nii.gz")] == ["N2", "N2"]


@pytest.mark.parametrize("size", [3, 100, 347])
def test_file_that_ends_in_its_header_is_refused(tmp_path: Path, size: int) -> None:
    for ending in (".nii", ".nii.gz"):
        assert refused(put(tmp_path / f"a{ending}", nifti_bytes(VOXELS)[:size])).rule in ("N1", "N2")


@pytest.mark.parametrize("change", [-1, 1, 1000])
def test_plain_file_of_another_size_is_refused_before_any_voxel(tmp_path: Path, change: int) -> None:
    data = nifti_bytes(VOXELS) + b"\0" * 1000
    error = refused(put(tmp_path / "a.nii", data[: len(data) - 1000 + change]))
    assert error.rule == "N1"
    assert ("ends early" in error.what) == (change < 0)


def test_trailing_dimensions_of_one_are_dropped(tmp_path: Path) -> None:
    path = put(tmp_path / "a.nii", nifti_bytes(VOXELS, dim=(5, 12, 10, 6, 1, 1, 1, 1)))
    assert read_header(path).shape == (12, 10, 6)


def test_slope_zero_means_no_scaling(tmp_path: Path) -> None:
    header = read_header(put(tmp_path / "a.nii", nifti_bytes(VOXELS, scl_slope=0.0, scl_inter=NAN)))
    assert (header.slope, header.intercept, header.scaled) == (1.0, 0.0, False)


def test_offset_zero_means_after_the_header(tmp_path: Path) -> None:
    assert read_header(put(tmp_path / "a.nii", nifti_bytes(VOXELS, vox_offset=0.0))).data_offset == 352


def test_sform_wins_over_qform(tmp_path: Path) -> None:
    fields = {"qform_code": 1, "quatern": (0.0, 0.0, 0.0), "qoffset": (0.0, 0.0, 0.0)}
    assert read_header(put(tmp_path / "a.nii", nifti_bytes(VOXELS, **fields))).orientation == "LPS"


def test_a_qform_that_puts_the_scan_elsewhere_is_told(tmp_path: Path) -> None:
    same: dict[str, Any] = {"qform_code": 1, "quatern": (0.0, 0.0, 1.0), "qoffset": (90.0, 70.0, -300.0)}
    agreed = read_header(put(tmp_path / "a.nii", nifti_bytes(VOXELS, **same)))
    assert (agreed.qform_mm, agreed.qform_orientation) == (pytest.approx(0.0, abs=1e-3), "LPS")
    moved = read_header(put(tmp_path / "b.nii", nifti_bytes(VOXELS, **same | {"qoffset": (90.0, 73.0, -304.0)})))
    assert (moved.qform_mm, moved.qform_orientation) == (pytest.approx(5.0, abs=1e-3), "LPS")
    turned = read_header(put(tmp_path / "c.nii", nifti_bytes(VOXELS, **same | {"quatern": (0.0, 0.0, 0.0)})))
    assert turned.qform_orientation == "RAS" and turned.qform_mm > 10 and turned.orientation == "LPS"
    for silent in ({"qform_code": 0}, {"sform_code": 0}, {"quatern": (0.9, 0.9, 0.0)}):
        header = read_header(put(tmp_path / "d.nii", nifti_bytes(VOXELS, **same | silent)))
        assert (header.qform_mm, header.qform_orientation) == (0.0, "")


@pytest.mark.parametrize("letters", ["LIP", "PIR", "ASL", "LSA", "RAS", "LPS", "SPR", "IRP"])
def test_a_qform_alone_lies_as_nibabel_reads_it(tmp_path: Path, letters: str) -> None:
    turn = nibabel.orientations.inv_ornt_aff(nibabel.orientations.axcodes2ornt(letters), (12, 10, 6))
    affine = turn @ np.diag([1.5, 1.7, 3.0, 1.0])
    image = nibabel.Nifti1Image(VOXELS, affine)
    image.set_sform(None, 0)
    image.set_qform(affine, 1)
    nibabel.save(image, tmp_path / "a.nii")
    read = np.array(read_header(tmp_path / "a.nii").affine)
    assert np.allclose(read, nibabel.load(tmp_path / "a.nii").affine, atol=1e-6) and np.allclose(
        read, affine, atol=1e-5
    )


def test_header_facts(tmp_path: Path) -> None:
    header = read_header(put(tmp_path / "a.nii.gz", nifti_bytes(VOXELS, scl_slope=2.0, scl_inter=-1024.0)))
    assert header.shape == (12, 10, 6)
    assert header.spacing_mm == pytest.approx((0.8, 0.8, 2.5))
    assert (header.dtype, header.promised_bytes, header.data_offset) == ("int16", 12 * 10 * 6 * 2, 352)
    assert header.voxel_ml == pytest.approx(0.8 * 0.8 * 2.5 / 1000)
    assert to_hu(np.array([0, 10], np.int16), header).tolist() == [-1024.0, -1004.0]


@pytest.mark.parametrize("letters", ["RAS", "LPS", "LAS", "RPI", "SAR", "PIL", "ASL", "IRP"])
def test_orientation_names_where_each_axis_points(letters: str) -> None:
    affine = np.zeros((4, 4))
    affine[3, 3] = 1
    for axis, letter in enumerate(letters):
        world = next(i for i, pair in enumerate(("LR", "PA", "IS")) if letter in pair)
        affine[world, axis] = 1.5 if letter in "RAS" else -1.5
    assert orientation_of(affine) == letters == "".join(nibabel.aff2axcodes(affine))
    assert obliqueness_deg(affine) == 0


@settings(deadline=None, max_examples=60)
@given(st.tuples(*[st.floats(-40, 40)] * 3), st.permutations(range(3)), st.tuples(*[st.sampled_from((-1, 1))] * 3))
def test_oblique_orientation_agrees_with_nibabel(
    angles: tuple[float, ...], axes: list[int], signs: tuple[int, ...]
) -> None:
    from scipy.spatial.transform import Rotation

    affine = np.eye(4)
    turn = Rotation.from_rotvec(np.radians(angles) / 2).as_matrix()
    affine[:3, :3] = turn @ np.diag((0.7, 0.8, 5.0)) @ np.eye(3)[:, axes] * signs
    assert orientation_of(affine) == "".join(nibabel.aff2axcodes(affine))
    assert obliqueness_deg(affine) <= np.linalg.norm(angles) / 2 + 1e-6


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 347), st.integers(0, 255))
def test_any_byte_of_the_header_gives_a_header_or_a_data_error(
    tmp_path_factory: Any, position: int, value: int
) -> None:
    data = bytearray(nifti_bytes(VOXELS, qform_code=1))
    data[position] = value
    path = put(tmp_path_factory.mktemp("fuzz") / "a.nii", bytes(data))
    try:
        header = read_header(path)
    except DataError as error:
        assert error.rule in FILE_RULES
    else:
        assert header.data_offset + header.promised_bytes == len(data)


def test_texts_in_the_header_never_show(tmp_path: Path) -> None:
    data = header_bytes(VOXELS, descrip=b"CANARY^JOHN") + VOXELS.tobytes(order="F")
    assert "CANARY" not in repr(read_header(put(tmp_path / "a.nii", data)))
    assert "CANARY" not in str(refused(put(tmp_path / "b.nii", data + b"x")))


def test_spacing_and_affine_come_from_the_file(tmp_path: Path) -> None:
    header = read_header(put(tmp_path / "a.nii", nifti_bytes(VOXELS)))
    np.testing.assert_allclose(header.affine, AFFINE, rtol=1e-6)
