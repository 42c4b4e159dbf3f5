"""The record of reviews: a folder with `reviews.jsonl`, a chained record, and the corrected cases.

    reviews/  reviews.jsonl  reviews.head
              cases/<case uid>/  image.nii.gz  mask.nii.gz  mask-<12 hex>.nii.gz …

The newest correction of a scan is `mask.nii.gz`; one that it took the place of is kept under the beginning of its
SHA-256, so that a sweep that trained on it can go on.

Every review stays in the record. What counts is the newest of a scan for each model; and of a scan's corrections the
newest, unless the same model's prediction was accepted or rejected after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from results.chain import Entry, append_entry, read_entries
from results.errors import ResultsError
from results.reviews.review import CORRECTED, EVENT, Correction, Review, review_of

RECORD = "reviews.jsonl"
CASES = "cases"
MASK = "mask.nii.gz"


def read_reviews(folder: Path) -> tuple[Review, ...]:
    """All reviews of a folder, oldest first; none where there is no record.

    Raises:
        LedgerError: the record was changed; names the first line that does not fit.
    """
    path = folder / RECORD
    return tuple(review_of(entry, str(path)) for entry in read_entries(path))


def append_review(folder: Path, review: Review, files: Callable[[], None] = lambda: None) -> Review:
    """Add a review, and return it as it is kept.

    Args:
        folder: made, for its owner alone, where there is none.
        review: without time and number.
        files: puts the corrected case in its place. Called while nobody else can write, before the record knows of it:
            then files and record cannot tell of two different corrections.

    Raises:
        ResultsError: the record is damaged, or disk or folder refuse.
    """
    make_folder(folder)
    # Names of scans and notes may tell a patient.
    entry: Entry = append_entry(folder / RECORD, EVENT, review.payload(), mode=0o600, before=files)
    return replace(review, time=entry.time, seq=entry.seq)


def make_folder(folder: Path) -> None:
    """Make a folder that only its owner can read. One that is there stays as it is.

    Raises:
        ResultsError: it cannot be made.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise ResultsError("the folder cannot be made", where=str(folder), got=error.strerror) from error


def case_folder(folder: Path, uid: str) -> Path:
    """Where the files of a corrected scan lie."""
    return folder / CASES / uid


def correction_files(folder: Path, uid: str, correction: Correction) -> tuple[Path, Path]:
    """Scan and mask of a correction, also where a newer one took its place."""
    place = case_folder(folder, uid)
    older = place / older_mask(correction.mask_sha256)
    return place / correction.image_file, older if older.exists() else place / MASK


def older_mask(sha256: str) -> str:
    """Name of a mask in whose place a newer one came."""
    return f"mask-{sha256[:12]}.nii.gz"


def standing(reviews: Iterable[Review]) -> tuple[Review, ...]:
    """Of each scan the newest review for each model, in the order of the record."""
    newest = {(review.scan.sha256, review.model.id): review for review in reviews}
    return tuple(sorted(newest.values(), key=lambda review: review.seq))


def corrections(reviews: Sequence[Review]) -> tuple[Review, ...]:
    """Of each scan the newest correction, unless its model's later reviews take it back, in the order of the record.

    A newer correction says that the ones before it were not right either: when it is taken back, they stay out.
    """
    counting = {review.seq for review in standing(reviews)}
    newest = {review.scan.sha256: review for review in reviews if review.verdict == CORRECTED}
    return tuple(
        sorted(
            (review for review in newest.values() if review.seq in counting and review.correction is not None),
            key=lambda review: review.seq,
        )
    )
