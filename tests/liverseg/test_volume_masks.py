"""Masks: which values become labels, and which masks lie on their image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from liverseg.errors import DataError
from liverseg.volume import check_pair, read_header, read_voxels, to_labels
from tests.liverseg.data.nifti_files import AFFINE, CODES, nifti_bytes, put
from tests.liverseg.test_volume_voxels import VOXELS


def labels_of(tmp_path: Path, values: list[float], dtype: str, **fields: Any) -> list[int]:
    array = np.array(values, dtype).reshape(-1, 1, 1)
    path = put(tmp_path / "a.nii", nifti_bytes(array, **fields))
    header = read_header(path)
    labels = to_labels(read_voxels(path, header), header, path=path, case="c")
    assert labels.dtype == np.uint8
    return [int(label) for label in labels.ravel()]


@pytest.mark.parametrize("dtype", list(CODES))
def test_masks_of_every_type_become_labels(tmp_path: Path, dtype: str) -> None:
    assert labels_of(tmp_path, [0, 1, 2], dtype) == [0, 1, 2]


def test_nearly_whole_masks_are_rounded(tmp_path: Path) -> None:
    assert labels_of(tmp_path, [-0.0009, 0.9995, 2.0009], "float32") == [0, 1, 2]


def test_scaled_masks_are_scaled_first(tmp_path: Path) -> None:
    assert labels_of(tmp_path, [0, 127, 254], "uint8", scl_slope=1 / 127) == [0, 1, 2]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [([0, 1.01], "float32"), ([0.5], "float64"), ([np.nan], "float32"), ([np.inf], "float32"), ([3], "uint8"),
     ([-1], "int8"), ([255], "uint8"), ([1e30], "float64"), ([256], "int16"), ([4294967295], "uint32")],
)  # fmt: skip
def test_other_mask_values_are_refused(tmp_path: Path, values: list[float], dtype: str) -> None:
    with pytest.raises(DataError) as caught:
        labels_of(tmp_path, values, dtype)
    assert (caught.value.rule, caught.value.case) == ("N4", "c")
    assert caught.value.allowed and caught.value.got and caught.value.next_step


def pair_rule(
    tmp_path: Path, labels: np.ndarray[Any, Any], affine: np.ndarray[Any, Any]
) -> tuple[str | None, str] | None:
    image = read_header(put(tmp_path / "image.nii", nifti_bytes(VOXELS)))
    mask = read_header(put(tmp_path / "mask.nii", nifti_bytes(labels, affine)))
    try:
        check_pair(image, mask, path=tmp_path / "mask.nii", case="c")
    except DataError as error:
        assert error.case == "c" and error.got and error.allowed and error.next_step
        return error.rule, error.what
    return None


def shifted(row: int, column: int, by: float) -> np.ndarray[Any, Any]:
    affine = AFFINE.copy()
    affine[row, column] += by
    return affine


def test_mask_on_its_image_is_accepted(tmp_path: Path) -> None:
    assert pair_rule(tmp_path, np.zeros(VOXELS.shape, np.uint8), shifted(0, 3, 0.0007)) is None


@pytest.mark.parametrize(
    ("labels_shape", "affine", "what"),
    [((12, 10, 5), AFFINE, "shape"), ((10, 12, 6), AFFINE, "shape"), ((12, 10, 6), shifted(0, 3, 0.01), "position"),
     ((12, 10, 6), shifted(2, 2, 0.01), "voxel size or direction"),
     ((12, 10, 6), AFFINE @ np.diag([-1.0, 1, 1, 1]), "orientation")],
)  # fmt: skip
def test_mask_off_its_image_is_refused(tmp_path: Path, labels_shape: Any, affine: Any, what: str) -> None:
    found = pair_rule(tmp_path, np.zeros(labels_shape, np.uint8), affine)
    assert found == ("N5", f"mask: {what} differs from its image")
