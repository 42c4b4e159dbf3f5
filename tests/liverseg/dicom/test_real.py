"""A real CT scan, written as a DICOM series and read again."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from liverseg.dicom import series_as_nifti
from liverseg.volume import read_header, read_voxels
from tests.liverseg.dicom.series import write_series

ROOT = Path(os.environ.get("LIVERSWEEP_REAL_CT", Path(__file__).parents[4] / "shared/data/real-ct"))
pytestmark = [pytest.mark.real, pytest.mark.skipif(not ROOT.is_dir(), reason="no real CT scans (LIVERSWEEP_REAL_CT)")]


def test_a_real_scan_comes_back_voxel_for_voxel(tmp_path: Path) -> None:
    header = read_header(ROOT / "volume-0.nii.gz")
    voxels = read_voxels(ROOT / "volume-0.nii.gz", header)
    write_series(tmp_path / "ct", voxels, np.array(header.affine))
    scan = series_as_nifti(tmp_path / "ct", tmp_path)
    found = read_header(scan.path_nifti)
    assert scan.notes == () and (found.shape, found.orientation) == (header.shape, header.orientation)
    np.testing.assert_array_equal(read_voxels(scan.path_nifti, found), voxels)
    np.testing.assert_allclose(found.affine, header.affine, atol=1e-4)
