"""The files of a predicted scan: made aside, put in their place whole, the record last."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from liverseg.data import file_sha256
from liverseg.errors import DataError
from liverseg.training.atomic import sync
from results.store.living import Identity, is_dead, own_identity
from sweeps.errors import UsageError
from sweeps.handover.scan_job import MASK_END, PAGE_END, PICTURE_END, RECORD_END, ScanJob

_ENDS = (PAGE_END, PICTURE_END, MASK_END, RECORD_END)
"""In the order in which they are put in place."""
_SCRATCH = ".liversweep-"


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


@contextmanager
def scratch_beside(out: Path) -> Iterator[Path]:
    """A folder in the folder of results, on the same disk, that is gone in the end. Its name tells which process made it."""
    own = own_identity()
    place = out / f"{_SCRATCH}{own.place or '0'}-{own.pid}-{own.born}-{secrets.token_hex(4)}"
    place.mkdir(mode=0o700)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def clear_away(out: Path) -> None:
    """Undo what killed processes have left in a folder of results: their scratch folders go, and a prediction whose files
    were being put in place is put there whole. Nothing is touched of a process that may still be at work.
    """
    for place in out.glob(f"{_SCRATCH}*"):
        maker = _maker_of(place.name)
        if maker is None or not is_dead(maker):
            continue
        for made in place.glob(f"*{RECORD_END}"):
            if read_record(made) is not None:  # Whole, so that all that comes before it was.
                with suppress(OSError):
                    _move(place, out, made.name.removesuffix(RECORD_END))
        shutil.rmtree(place, ignore_errors=True)


def _maker_of(name: str) -> Identity | None:
    parts = name.removeprefix(_SCRATCH).split("-")
    if len(parts) != 4 or not (parts[1].isdecimal() and parts[2].isdecimal()):
        return None
    return Identity(parts[0], int(parts[1]), int(parts[2]))


def as_nifti(job: ScanJob, place: Path) -> NiftiScan:
    """The scan of a job as NIfTI: the user's own file, or a DICOM series converted into `place`.

    Raises:
        DataError: it cannot be read, or breaks a rule of DICOM series (X…).
    """
    if job.kind != "dicom":
        return NiftiScan(job.path, scan_sha256(job))
    from liverseg.dicom import series_as_nifti

    scan = series_as_nifti(job.path, place)
    notes = tuple({"feature": "DICOM series", "text": note} for note in scan.notes)
    return NiftiScan(scan.path_nifti, scan.sha256, notes)


def put_in_place(job: ScanJob, place: Path) -> None:
    """Move a scan's files out of `place`; what an earlier prediction left goes, its record first.

    Raises:
        OSError: the disk cannot be written; without the record, which comes last, nothing counts as predicted.
    """
    job.file(RECORD_END).unlink(missing_ok=True)
    for end in _ENDS:
        if not (place / job.file(end).name).exists():
            job.file(end).unlink(missing_ok=True)
    _move(place, job.out, job.name)


def _move(place: Path, out: Path, name: str) -> None:
    for end in _ENDS:
        made = place / f"{name}{end}"
        if made.exists():
            sync(made)
            made.replace(out / made.name)
    sync(out)


def kept_record(job: ScanJob, model_id: str, how: dict[str, Any]) -> dict[str, Any] | None:
    """The record of a prediction that was made before, by the same model in the same way; None when there is none.

    Args:
        job: the scan.
        model_id: of the model.
        how: what the record must say beside, such as its `flips`.

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
    if scan_sha256(job) != record.get("scan", {}).get("sha256"):
        raise _in_the_way(job.file(RECORD_END), "a prediction of another scan of this name")
    return record


def scan_sha256(job: ScanJob) -> str:
    """What a prediction's record says of its scan: SHA-256 of the file, or of the series.

    Raises:
        DataError: it cannot be read.
    """
    if job.kind == "dicom":
        from liverseg.dicom import series_sha256

        return series_sha256(job.path)
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
