"""The two real CT scans: read, measured, and a flipped bit caught."""

from __future__ import annotations

import os
from pathlib import Path

import nibabel
import numpy as np
import pytest

from liverseg.data import check_cohort, find_cases, split_patients
from liverseg.errors import DataError
from liverseg.volume import read_header, read_voxels

ROOT = Path(os.environ.get("LIVERSWEEP_REAL_CT", Path(__file__).parents[4] / "shared/data/real-ct"))
pytestmark = [pytest.mark.real, pytest.mark.skipif(not ROOT.is_dir(), reason="no real CT scans (LIVERSWEEP_REAL_CT)")]


def test_both_scans_check_out() -> None:
    report = check_cohort(find_cases(ROOT))
    assert not report.problems
    facts = [(c.name, c.header.shape, c.header.orientation, c.labels, round(c.liver_ml)) for c in report.cases]
    assert facts == [
        ("volume-0", (512, 512, 78), "LPS", (0, 1), 1417),
        ("volume-1", (122, 101, 30), "RAS", (0, 1), 1043),
    ]
    assert [round(case.liver_hu or 0) for case in report.cases] == [141, 45]
    split = split_patients([case.patient for case in report.cases], test=0, validation=0.5, seed=7)
    assert len(split.train) == len(split.validation) == 1


@pytest.mark.parametrize("case", find_cases(ROOT) if ROOT.is_dir() else [], ids=lambda case: case.name)
def test_voxels_are_those_of_nibabel(case: object) -> None:
    for path in (case.image, case.mask):  # type: ignore[attr-defined]
        header = read_header(path)
        theirs = nibabel.load(path)
        assert np.array_equal(read_voxels(path, header), np.asarray(theirs.dataobj))
        np.testing.assert_array_equal(header.affine, theirs.affine)


def test_flipped_bits_of_a_real_scan_are_caught(tmp_path: Path) -> None:
    data = (ROOT / "volume-1.nii.gz").read_bytes()
    path = tmp_path / "volume-1.nii.gz"
    sound = read_voxels(ROOT / "volume-1.nii.gz", read_header(ROOT / "volume-1.nii.gz"))
    caught = 0
    for position in np.random.default_rng(7).integers(100, len(data), 100):
        flipped = bytearray(data)
        flipped[position] ^= 1 << int(position) % 8
        path.write_bytes(flipped)
        try:
            np.testing.assert_array_equal(read_voxels(path, read_header(path)), sound)
        except DataError:
            caught += 1
    assert caught >= 99
