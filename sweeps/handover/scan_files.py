"""The files of a predicted scan: made aside, put in their place whole, the record last."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from liverseg.data import file_sha256
from liverseg.errors import DataError
from liverseg.training.atomic import sync
from sweeps.errors import UsageError
from sweeps.handover.scan_job import MASK_END, PAGE_END, PICTURE_END, RECORD_END, ScanJob

OnSlices = Callable[[int, int], None]
_ENDS = (PAGE_END, PICTURE_END, MASK_END, RECORD_END)
"""In the order in which they are put in place."""


@dataclass(frozen=True, slots=True)
class NiftiScan:
    """A scan as a NIfTI file.

    Attributes:
        path: the file; for a DICOM series one that is gone after the prediction.
        sha256: of the user's file; of the series' files.
        warnings: what has to be said of how it was read, as in a prediction's record.
    """

    path: Path
    sha256: str
    warnings: tuple[dict[str, Any], ...] = ()


def as_nifti(job: ScanJob, place: Path, on_slices: OnSlices = lambda done, total: None) -> NiftiScan:
    """The scan of a job as NIfTI: the user's own file, or a DICOM series converted into `place`.

    Args:
        job: the scan.
        place: an existing folder.
        on_slices: of a series, told how many of how many slices are read.

    Raises:
        DataError: it cannot be read, or breaks a rule of DICOM series (X…).
    """
    if job.kind != "dicom":
        return NiftiScan(job.path, scan_sha256(job))
    from liverseg.dicom import series_as_nifti

    scan = series_as_nifti(job.path, place, on_slices=on_slices)
    notes = tuple({"feature": "DICOM series", "text": note} for note in scan.notes)
    return NiftiScan(scan.path_nifti, scan.sha256, notes)


def put_in_place(job: ScanJob, place: Path) -> None:
    """Move a scan's files out of `place`; what an earlier prediction left goes, its record first.

    Raises:
        OSError: the disk cannot be written; without the record, which comes last, nothing counts as predicted.
    """
    job.file(RECORD_END).unlink(missing_ok=True)
    for end in _ENDS:
        made, target = place / job.file(end).name, job.file(end)
        if made.exists():
            sync(made)
            made.replace(target)
        else:
            target.unlink(missing_ok=True)
    sync(job.out)


def kept_record(
    job: ScanJob, model_id: str, how: dict[str, Any], on_slices: OnSlices = lambda done, total: None
) -> dict[str, Any] | None:
    """The record of a prediction that was made before, by the same model in the same way; None when there is none.

    Args:
        job: the scan.
        model_id: of the model.
        how: what the record must say beside, such as its `flips`.
        on_slices: of a series, told how many of how many slices are read.

    Raises:
        UsageError: files of the scan's name are there that are something else.
    """
    record = read_record(job.file(RECORD_END))
    if record is None:
        there = [job.file(end) for end in _ENDS if os.path.lexists(job.file(end))]
        if there:
            raise _in_the_way(there[0], "a file that is no finished prediction")
        return None
    same = record.get("model", {}).get("id") == model_id and all(record.get(key) == value for key, value in how.items())
    if not same:
        raise _in_the_way(job.file(RECORD_END), f"a prediction of model {record.get('model', {}).get('id')}")
    if not job.file(MASK_END).is_file() or file_sha256(job.file(MASK_END)) != record.get("mask", {}).get("sha256"):
        raise _in_the_way(job.file(MASK_END), "a mask that was changed since")
    if scan_sha256(job, on_slices) != record.get("scan", {}).get("sha256"):
        raise _in_the_way(job.file(RECORD_END), "a prediction of another scan of this name")
    return record


def scan_sha256(job: ScanJob, on_slices: OnSlices = lambda done, total: None) -> str:
    """What a prediction's record says of its scan: SHA-256 of the file, or of the series, whose slices `on_slices` counts.

    Raises:
        DataError: it cannot be read.
    """
    if job.kind == "dicom":
        from liverseg.dicom import series_sha256

        return series_sha256(job.path, on_slices=on_slices)
    try:
        return file_sha256(job.path)
    except OSError as error:
        raise DataError(
            "the scan cannot be read",
            case=job.name,
            rule="N1",
            where=str(job.path),
            got=error.strerror,
            next_step="check the path and permissions",
        ) from error


def read_record(path: Path) -> dict[str, Any] | None:
    """A prediction's record; None when there is no file, or none that is a record."""
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) and record.get("schema_version") == 1 else None


def _in_the_way(path: Path, got: str) -> UsageError:
    return UsageError(
        "there are files in the prediction's place",
        where=str(path),
        got=got,
        next_step="choose another folder with -o, or replace them with --overwrite",
    )
