"""Written volumes: read back the same, the same bytes each time, whole or not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from liverseg.errors import ConfigError
from liverseg.volume import read_header, read_voxels, write_nifti, write_planes
from tests.liverseg.data.nifti_files import AFFINE, CODES, scan

VOXELS = scan()


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize("dtype", list(CODES))
def test_round_trip(tmp_path: Path, ending: str, dtype: str) -> None:
    array = np.abs(VOXELS % 100).astype(dtype)
    path = write_nifti(tmp_path / f"a{ending}", np.ascontiguousarray(array), AFFINE)
    header = read_header(path)
    np.testing.assert_array_equal(read_voxels(path, header), array)
    np.testing.assert_allclose(header.affine, AFFINE, rtol=1e-6)
    theirs = nibabel.load(path)
    np.testing.assert_array_equal(np.asarray(theirs.dataobj), array)
    np.testing.assert_allclose(theirs.get_qform(), AFFINE, atol=1e-4)
    assert theirs.header.get_xyzt_units()[0] == "mm"


def test_same_array_same_bytes_whatever_its_layout_in_memory(tmp_path: Path) -> None:
    one = write_nifti(tmp_path / "one.nii.gz", np.asfortranarray(VOXELS), AFFINE)
    two = write_nifti(tmp_path / "two.nii.gz", VOXELS.astype(">i2"), AFFINE)
    assert one.read_bytes() == two.read_bytes()
    assert one.read_bytes()[3:8] == b"\0" * 5, "neither name nor time in the gzip header"


def test_replaces_and_leaves_no_other_file(tmp_path: Path) -> None:
    write_nifti(tmp_path / "a.nii", VOXELS, AFFINE)
    write_nifti(tmp_path / "a.nii", VOXELS + 1, AFFINE)
    assert [path.name for path in tmp_path.iterdir()] == ["a.nii"]
    assert read_voxels(tmp_path / "a.nii", read_header(tmp_path / "a.nii"))[5, 5, 5] == VOXELS[5, 5, 5] + 1


def test_a_failed_write_keeps_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_nifti(tmp_path / "a.nii", VOXELS, AFFINE)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("liverseg.volume.write.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_nifti(path, VOXELS + 1, AFFINE)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "array", "affine"),
    [("a.dcm", VOXELS, AFFINE), ("a.nii", VOXELS.astype(np.int64), AFFINE), ("a.nii", VOXELS > 0, AFFINE),
     ("a.nii", VOXELS[0], AFFINE), ("a.nii", VOXELS[:0], AFFINE), ("a.nii", VOXELS, np.eye(3)),
     ("a.nii", VOXELS, np.diag([0.01, 1, 1, 1])), ("a.nii", VOXELS, np.full((4, 4), np.nan))],
)  # fmt: skip
def test_what_the_reader_would_refuse_is_not_written(tmp_path: Path, name: str, array: Any, affine: Any) -> None:
    with pytest.raises(ConfigError):
        write_nifti(tmp_path / name, array, affine)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_planes_one_by_one_give_the_same_bytes(tmp_path: Path, name: str) -> None:
    whole = write_nifti(tmp_path / name, VOXELS, AFFINE).read_bytes()
    planes = (VOXELS[:, :, z].astype(np.int32) for z in range(VOXELS.shape[2]))
    write_planes(tmp_path / name, planes, shape=VOXELS.shape, dtype=np.int16, affine=AFFINE)
    assert (tmp_path / name).read_bytes() == whole


@pytest.mark.parametrize(
    "planes", [[VOXELS[:, :, 0]] * 5, [VOXELS[:, :, 0]] * 7, [VOXELS[:, :, 0]] * 5 + [VOXELS[:-1, :, 0]], []]
)
def test_planes_that_are_not_the_volume_leave_nothing(tmp_path: Path, planes: list[Any]) -> None:
    with pytest.raises(ConfigError, match="plane"):
        write_planes(tmp_path / "a.nii", iter(planes), shape=VOXELS.shape, dtype=np.int16, affine=AFFINE)
    assert list(tmp_path.iterdir()) == []
