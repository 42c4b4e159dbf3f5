"""Taking down what a clinician says of a prediction: everything is checked first, then written, the record last."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from results.errors import ResultsError
from results.reviews import (
    CORRECTED,
    NOTE_LIMIT,
    VERDICTS,
    Correction,
    Review,
    ReviewedPrediction,
    append_review,
    case_folder,
    parse_prediction,
    read_reviews,
)
from results.reviews.record import CASES, MASK, make_folder, older_mask
from results.storage import sync_folder
from sweeps.errors import UsageError

if TYPE_CHECKING:
    from liverseg.data import Case, Problem
    from liverseg.preprocess.arrays import NativeReference
    from liverseg.volume import Header
    from sweeps.handover.scan_job import ScanJob

OnSlices = Callable[[str, int, int], None]
ENDS = ("_seg.json", "_seg.nii.gz", "_seg.html", "_seg.png")
"""Endings of a prediction's files; the first is its record."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for.

    Attributes:
        prediction: any file of a prediction, or its path without the ending (`OUT/ct-7`).
        verdict: one of `VERDICTS`.
        mask: the corrected mask.
        note: free text.
        folder: of the reviews.
        scan: where the scan lies now; None where it lay when it was predicted.
    """

    prediction: Path
    verdict: str
    mask: Path | None
    note: str
    folder: Path
    scan: Path | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """A review that is in the record.

    Attributes:
        review: as it is kept.
        kept: folder of the corrected case; None for other verdicts.
        linked: whether the scan there is the user's own file, under a second name.
        warnings: what somebody should look at in the corrected mask.
    """

    review: Review
    kept: Path | None = None
    linked: bool = False
    warnings: tuple[Problem, ...] = ()


def take_review(asked: Asked, on_slices: OnSlices = lambda name, done, total: None) -> Taken:
    """Check a review and add it to the record.

    Args:
        asked: what was asked for.
        on_slices: of a DICOM series, told the scan's name and how many of how many slices are read: once to know it again, and
            once more for a correction, to convert it.

    Raises:
        UsageError: it cannot be: no such prediction, mask or scan changed since, a corrected mask that is none or is the
            prediction. Nothing was written.
        DataError: scan or mask cannot be read, or a DICOM series breaks a rule.
        ResultsError: the record of reviews is damaged, or disk or folder refuse.
    """
    from sweeps.handover.scan_files import as_nifti
    from sweeps.handover.scratch import clear_abandoned, scratch_beside

    _check_words(asked)
    beside = _on_the_disk_of(asked.folder)
    record = find_record(asked.prediction)
    prediction = _parsed(record)
    mask = record.with_name(prediction.mask_file)
    _check_mask(mask, prediction)
    read_reviews(asked.folder)  # a damaged record is told before minutes are spent on a scan
    review = Review(
        scan=prediction.scan,
        model=prediction.model,
        mask_sha256=prediction.mask_sha256,
        liver_ml=prediction.liver_ml,
        tumour_ml=prediction.tumour_ml,
        verdict=asked.verdict,
        note=" ".join(asked.note.split()),
        learned=prediction.learned,
    )
    count = partial(on_slices, prediction.scan.name)
    job = _checked_scan(asked.scan or Path(prediction.scan_path), prediction, count)
    for place in (asked.folder, asked.folder.parent):  # the first correction is made beside the folder
        clear_abandoned(place)
    if asked.verdict != CORRECTED:
        return Taken(append_review(asked.folder, review))
    try:
        with scratch_beside(beside) as place:
            sources = _Sources(as_nifti(job, place, count).path, mask, place, prediction.labels)
            return _take_correction(asked, review, sources)
    except OSError as error:
        raise ResultsError(
            "the corrected case could not be kept; nothing was added to the record",
            where=str(asked.folder),
            got=error.strerror or type(error).__name__,
            next_step="check the folder and the room on the disk, then try again",
        ) from error


@dataclass(frozen=True, slots=True)
class _Sources:
    """The scan as NIfTI, the predicted mask, a folder for what is being made, and the labels that the model knows."""

    scan: Path
    mask: Path
    place: Path
    labels: tuple[str, ...]


def find_record(path: Path) -> Path:
    """The record of the prediction that any of its files, or its path without the ending, names.

    Raises:
        UsageError: there is none.
    """
    name = path.name
    # As typed comes first: a scan may itself be called ct_seg. What a shell completes ends with the bare `_seg.` or `_seg`.
    stems = [name, *(name[: -len(end)] for end in (*ENDS, "_seg.", "_seg") if name.endswith(end))]
    records = [path.with_name(f"{stem}{ENDS[0]}") for stem in stems if stem]
    if record := next((one for one in records if one.is_file()), None):
        return record
    step = "name a scan below the folder that `liversweep predict` wrote, such as OUT/ct-7"
    folder = path if path.is_dir() else path.parent
    found = sorted(one.name[: -len(ENDS[0])] for one in folder.glob(f"*{ENDS[0]}"))
    if found:
        step = f"name one of the scans there: {', '.join(str(folder / one) for one in found[:5])}"
    raise UsageError("no prediction of this name", where=str(path), allowed=f"…{' | …'.join(ENDS)}", next_step=step)


def _check_words(asked: Asked) -> None:
    if asked.verdict not in VERDICTS:
        raise UsageError("no such verdict", where="--verdict", got=asked.verdict, allowed=" | ".join(VERDICTS))
    if asked.verdict == CORRECTED and asked.mask is None:
        step = "add --mask FIXED.nii.gz, or say reject"
        raise UsageError("a correction needs the corrected mask", where="--verdict corrected", next_step=step)
    if asked.verdict != CORRECTED and asked.mask is not None:
        what = "a mask belongs to a correction only"
        raise UsageError(what, where="--mask", got=f"--verdict {asked.verdict}", next_step="say --verdict corrected")
    if len(asked.note) > NOTE_LIMIT:
        got = f"{len(asked.note)} characters"
        raise UsageError("the note is too long", where="--note", got=got, allowed=f"at most {NOTE_LIMIT}")


def _parsed(record: Path) -> ReviewedPrediction:
    try:
        return parse_prediction(record.read_bytes(), str(record))
    except OSError as error:
        raise UsageError("the record cannot be read", where=str(record), got=error.strerror) from error
    except ResultsError as error:
        raise UsageError(
            error.what, where=error.where, got=error.got, allowed=error.allowed, next_step=error.next_step
        ) from error


def _check_mask(mask: Path, prediction: ReviewedPrediction) -> None:
    from liverseg.data import file_sha256

    if not mask.is_file():
        raise UsageError("the predicted mask is gone", where=str(mask), next_step="predict the scan again")
    if file_sha256(mask) != prediction.mask_sha256:
        step = "save corrections under another name (--mask FIXED.nii.gz), and predict the scan again with --overwrite"
        raise UsageError("the mask is not the one that was predicted: it was changed", where=str(mask), next_step=step)


def _checked_scan(path: Path, prediction: ReviewedPrediction, on_slices: Callable[[int, int], None]) -> ScanJob:
    """The scan, once it is found to be the one that was predicted."""
    from sweeps.handover.scan_files import scan_sha256
    from sweeps.handover.scan_job import ScanJob

    if not path.exists():
        raise UsageError("the scan is not there any more", where=str(path), next_step="say where it is: --scan PLACE")
    job = ScanJob(prediction.scan.name, path, prediction.scan.kind, path.parent)
    if scan_sha256(job, on_slices) != prediction.scan.sha256:
        step = "say where the scan is: --scan PLACE, or predict this one"
        raise UsageError("the scan is not the one that was predicted", where=str(path), next_step=step)
    return job


def _on_the_disk_of(folder: Path) -> Path:
    """A folder on the disk of the reviews, in which a corrected case is made: theirs, or the one above it."""
    from liverseg.handover.folder import check_outside

    check_outside(folder)
    beside = folder if folder.is_dir() else folder.parent
    if folder.exists() and not folder.is_dir():
        raise UsageError("not a folder", where=str(folder), next_step="choose another place: --reviews DIR")
    if not beside.is_dir():
        raise UsageError("no such folder", where=str(beside), next_step="make it, or choose another: --reviews DIR")
    return beside


def _take_correction(asked: Asked, review: Review, sources: _Sources) -> Taken:
    from liverseg.data import case_uid, file_sha256
    from liverseg.handover.masks import write_mask
    from liverseg.metrics.mask_file import read_mask

    assert asked.mask is not None
    _refuse_namesake(asked.folder, review)
    case, warnings = _checked_case(review, sources.scan, asked.mask)
    fixed = read_mask(asked.mask, _mask_header(asked.mask, review), case=review.scan.name)
    predicted = read_mask(sources.mask, _mask_header(sources.mask, review), case=review.scan.name)
    liver, tumour = _agreement(fixed, predicted, review, asked.mask)
    # Written anew: whatever else the user's file says of the patient stays there.
    new = sources.place / MASK
    write_mask(new, fixed, case.header)
    image = sources.place / f"image{'.nii' if sources.scan.name.lower().endswith('.nii') else '.nii.gz'}"
    linked = image.exists() or link_or_copy(sources.scan, image)
    correction = Correction(
        image_file=image.name,
        image_sha256=case.image_sha256,
        mask_sha256=file_sha256(new),
        dice_liver=liver,
        dice_tumour=tumour if "tumour" in sources.labels else None,
        liver_ml=round(case.liver_ml, 3),
        tumour_ml=round(case.tumour_ml, 3),
    )
    if review.scan.kind == "nifti":
        assert case_uid(case.image_sha256) == review.scan.uid
    place = case_folder(asked.folder, review.scan.uid)
    kept = append_review(asked.folder, _with(review, correction), _putting(asked.folder, place, (image, new)))
    return Taken(kept, place, linked and review.scan.kind == "nifti", warnings)


def _with(review: Review, correction: Correction) -> Review:
    from dataclasses import replace

    return replace(review, correction=correction)


def _refuse_namesake(folder: Path, review: Review) -> None:
    """Two scans may begin with the same 8 digits; they cannot share a folder."""
    for other in read_reviews(folder):
        if other.scan.uid == review.scan.uid and other.scan.sha256 != review.scan.sha256:
            step = "keep it in another folder: --reviews DIR"
            raise UsageError("another scan has this pseudonym", where=str(folder), got=review.scan.uid, next_step=step)


def _checked_case(review: Review, scan: Path, mask: Path) -> tuple[Case, tuple[Problem, ...]]:
    """All facts of scan and corrected mask, checked as any case is, and the warnings about them."""
    from liverseg.data import CaseFiles, check_case

    report = check_case(CaseFiles(review.scan.name, scan, mask))
    if report.case is None:
        lines = [problem.message for problem in report.problems]
        raise UsageError("\n".join(["the corrected mask cannot be used; nothing was written", *lines]))
    return report.case, report.problems


def _mask_header(mask: Path, review: Review) -> Header:
    from liverseg.volume import read_header

    return read_header(mask, case=review.scan.name, role="mask")


def _agreement(
    fixed: NativeReference, predicted: NativeReference, review: Review, mask: Path
) -> tuple[float | None, float | None]:
    """Dice of liver and tumour; None where neither mask has any.

    Raises:
        UsageError: the masks are equal.
    """
    import numpy as np

    from liverseg.config import LABELS
    from liverseg.metrics.case import score_counts
    from liverseg.metrics.evaluate import confusion_of

    counts = confusion_of(fixed, predicted)
    whole = counts.sum(axis=0)
    if int(whole.sum()) == int(np.trace(whole)):
        step = "say --verdict accept, or name the corrected file"
        raise UsageError("the corrected mask is the prediction, voxel for voxel", where=str(mask), next_step=step)
    case = score_counts(review.scan.uid, review.scan.uid, fixed, counts, LABELS)
    found = [case.label(name).dice for name in LABELS]
    liver, tumour = (None if np.isnan(value) else round(float(value), 6) for value in found)
    return liver, tumour


def link_or_copy(source: Path, target: Path) -> bool:
    """Give a file a second name, or copy it where its disk is another or forbids that. Returns whether it was linked."""
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copyfile(source, target)
        with target.open("rb") as copy:
            os.fsync(copy.fileno())
        return False
    return True


def _putting(folder: Path, place: Path, files: tuple[Path, ...]) -> Callable[[], None]:
    from liverseg.data import file_sha256

    def put() -> None:
        make_folder(folder / CASES)
        make_folder(place)
        if (place / MASK).exists():
            (place / MASK).replace(place / older_mask(file_sha256(place / MASK)))
        for file in files:
            file.replace(place / file.name)
        sync_folder(place)
        sync_folder(place.parent)

    return put
