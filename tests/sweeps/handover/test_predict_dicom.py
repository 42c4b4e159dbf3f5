"""A DICOM series through `predict`: the mask is that of the same scan as NIfTI, and a bad series stops no other scan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from liverseg.dicom import find_scans, series_sha256
from liverseg.errors import DataError
from liverseg.handover.familiar import FamiliarRanges
from liverseg.volume import read_header, read_voxels, write_nifti
from sweeps.fleet import Fleet
from sweeps.handover.scan_job import READING, SEGMENTING, PredictSettings, ScanJob
from sweeps.handover.segmenting import Segmented, segment_all
from tests.liverseg.dicom.series import CANARY, phantom, tilted, write_series
from tests.liverseg.handover.models import small_model

TOLD: list[tuple[str, str, int, int]] = []
"""What the first run said: scan, stage, slices done, slices."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`in`: a whole series, the same scan as NIfTI, an unevenly spaced series and one with a hole; `out`: predictions."""
    root = tmp_path_factory.mktemp("predict")
    image, affine = phantom(slices=20)
    affine = tilted(affine, 11.0)
    uneven = [*range(10), *range(10, 20, 2)]
    holed = [index for index in range(20) if index != 5]
    write_series(root / "in" / "whole" / "CT", image, affine)
    write_series(root / "in" / "uneven", image[:, :, uneven], affine, places=uneven)
    write_series(root / "in" / "holed", image[:, :, holed], affine, places=holed)
    write_nifti(root / "same.nii.gz", image, affine)
    return root


@pytest.fixture(scope="module")
def found(folder: Path) -> dict[str, Segmented]:
    small_model(folder / "model", familiar=FamiliarRanges.of([]).as_json())
    return predicted(folder, TOLD)


def predicted(folder: Path, told: list[tuple[str, str, int, int]]) -> dict[str, Segmented]:
    scans = find_scans([folder / "in", folder / "same.nii.gz"])
    jobs = [ScanJob(scan.name, scan.path, scan.kind, folder / "out") for scan in scans]
    done = segment_all(
        jobs,
        PredictSettings(folder / "model"),
        Fleet(local=True),
        on_slices=lambda job, stage, done, total: told.append((job.name, stage, done, total)),
    )
    return {each.job.name: each for each in done}


def slices_of(told: list[tuple[str, str, int, int]], name: str, stage: str) -> list[tuple[int, int]]:
    return [(done, total) for scan, at, done, total in told if (scan, at) == (name, stage)]


def voxels(path: Path) -> tuple[Any, Any]:
    header = read_header(path)
    return read_voxels(path, header), np.array(header.affine)


def record(found: dict[str, Segmented], name: str) -> dict[str, Any]:
    written = found[name].record
    assert written is not None, found[name].error
    return written


def test_a_series_gets_the_mask_of_the_same_scan_as_nifti(folder: Path, found: dict[str, Segmented]) -> None:
    ours, place = voxels(folder / "out" / "whole-CT_seg.nii.gz")
    theirs, wanted = voxels(folder / "out" / "same_seg.nii.gz")
    assert ours.any()
    np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_allclose(place, wanted, atol=1e-4)
    told, same = record(found, "whole-CT"), record(found, "same")
    assert told["volumes_ml"] == same["volumes_ml"] and told["scan"]["kind"] == "dicom"
    assert told["scan"]["sha256"] == series_sha256(folder / "in" / "whole" / "CT")


def test_slices_are_counted_while_a_series_is_read_and_again_while_it_is_segmented(found: dict[str, Segmented]) -> None:
    assert slices_of(TOLD, "whole-CT", READING) == [(done, 20) for done in range(1, 21)]
    assert slices_of(TOLD, "uneven", READING) == [(done, 15) for done in range(1, 16)], "those of the series"
    assert slices_of(TOLD, "uneven", SEGMENTING)[-1] == (19, 19), "those of the even grid"
    assert slices_of(TOLD, "same", READING) == [], "a NIfTI file is read while it is segmented"
    stages = [stage for name, stage, _, _ in TOLD if name == "whole-CT"]
    assert stages == sorted(stages), "read first, then segmented"


def test_resampling_is_said_in_the_record(found: dict[str, Segmented]) -> None:
    assert record(found, "uneven")["scan"]["shape"][2] == 19
    (text,) = (one["text"] for one in record(found, "uneven")["warnings"] if one["feature"] == "DICOM series")
    assert "from 5 to 10 mm" in text and "brought to 5 mm" in text
    assert not [one for one in record(found, "whole-CT")["warnings"] if one["feature"] == "DICOM series"]


def test_a_series_with_a_hole_is_refused_alone(folder: Path, found: dict[str, Segmented]) -> None:
    error = found["holed"].error
    assert isinstance(error, DataError) and error.rule == "X3" and "1 missing of 20" in str(error)
    assert {path.name.split("_seg")[0] for path in (folder / "out").iterdir()} == {"whole-CT", "uneven", "same"}


def test_nothing_that_names_a_patient_is_in_any_file(folder: Path, found: dict[str, Segmented]) -> None:
    for path in (folder / "out").iterdir():
        content = path.read_bytes()
        assert CANARY.encode() not in content and b"19470815" not in content, path.name
    assert CANARY not in json.dumps([each.record for each in found.values()]) + str(found["holed"].error)


def test_a_second_run_keeps_what_is_there(folder: Path, found: dict[str, Segmented]) -> None:
    before = (folder / "out" / "whole-CT_seg.nii.gz").stat().st_mtime_ns
    told: list[tuple[str, str, int, int]] = []
    again = predicted(folder, told)
    assert slices_of(told, "whole-CT", READING) == [(done, 20) for done in range(1, 21)]
    assert {stage for _, stage, _, _ in told} == {READING}
    assert [name for name, each in again.items() if each.kept] == ["uneven", "whole-CT", "same"]
    assert (folder / "out" / "whole-CT_seg.nii.gz").stat().st_mtime_ns == before
