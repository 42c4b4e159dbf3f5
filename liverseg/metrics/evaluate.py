"""Scoring mask files against mask files: one pair, or all pairs of two folders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from liverseg.data.listing import natural_key
from liverseg.data.walk import files_below
from liverseg.errors import ConfigError, DataError
from liverseg.metrics.case import score_counts
from liverseg.metrics.full import FullScore, full_score
from liverseg.metrics.mask_file import read_mask
from liverseg.metrics.overlap import SCORED, Counts, slice_confusion
from liverseg.metrics.surface import TOLERANCE_MM
from liverseg.preprocess.arrays import NativeReference
from liverseg.volume import check_pair, read_header

_ENDINGS = (".nii.gz", ".nii")

Meaning = Mapping[int, int]
"""Label (1 liver, 2 tumour) of each value of a file that has one; all other values are background."""


@dataclass(frozen=True, slots=True)
class Meanings:
    """What the values of the files are; None for files with 0 background, 1 liver, 2 tumour, which have no others."""

    prediction: Meaning | None = None
    reference: Meaning | None = None


AS_THEY_ARE = Meanings()
_LABELS = {"liver": 1, "tumour": 2}


@dataclass(frozen=True, slots=True)
class MaskPair:
    """A prediction and the reference of the same name."""

    name: str
    prediction: Path
    reference: Path


@dataclass(frozen=True, slots=True)
class MaskScore:
    """A scored pair.

    Attributes:
        name: of the pair.
        shape, spacing_mm: slices, rows and columns; mm between voxel centres.
        score: everything; `uid` and `patient` are the name.
    """

    name: str
    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    score: FullScore


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What came of several pairs.

    Attributes:
        tolerance_mm: of `nsd`.
        scores: one a pair that could be scored, in natural order of the names.
        problems: what could not be scored, and why.
    """

    tolerance_mm: float
    scores: tuple[MaskScore, ...]
    problems: tuple[DataError, ...]


def evaluate(
    pairs: Sequence[MaskPair],
    tolerance_mm: float = TOLERANCE_MM,
    *,
    meanings: Meanings = AS_THEY_ARE,
    problems: Sequence[DataError] = (),
    on_pair: Callable[[], None] = lambda: None,
) -> Evaluation:
    """Score pairs one after the other. A pair that breaks a rule becomes a problem; the others are scored all the same.

    Args:
        pairs: what to score.
        tolerance_mm: of `nsd`, 0 or more and finite.
        meanings: of the files' values.
        problems: known before, put first.
        on_pair: called after each pair.

    Raises:
        ConfigError: an impossible tolerance.
    """
    check_tolerance(tolerance_mm)
    found, faults = [], list(problems)
    for pair in pairs:
        try:
            found.append(score_pair(pair, tolerance_mm, meanings))
        except DataError as error:
            faults.append(error)
        on_pair()
    return Evaluation(tolerance_mm, tuple(found), tuple(faults))


def check_tolerance(tolerance_mm: float) -> None:
    """Refuse a tolerance that cannot be.

    Raises:
        ConfigError: it is negative or not finite.
    """
    if not 0 <= tolerance_mm < float("inf"):
        raise ConfigError("impossible tolerance", where="tolerance-mm", got=tolerance_mm, allowed="0 or more, finite")


def score_pair(pair: MaskPair, tolerance_mm: float = TOLERANCE_MM, meanings: Meanings = AS_THEY_ARE) -> MaskScore:
    """All scores of one pair of masks on one grid, whatever their orientation; distances use the files' spacing.

    Raises:
        DataError: rule N1–N4 (a file), or N5 (the two have not the same grid).
    """
    name = pair.name
    reference_header = read_header(pair.reference, case=name, role="mask")
    prediction_header = read_header(pair.prediction, case=name, role="mask")
    check_pair(reference_header, prediction_header, path=pair.prediction, case=name, of="reference")
    reference = read_mask(pair.reference, reference_header, case=name, meaning=meanings.reference)
    prediction = read_mask(pair.prediction, prediction_header, case=name, meaning=meanings.prediction)
    case = score_counts(name, name, reference, confusion_of(reference, prediction), tuple(SCORED))
    score = full_score(case, reference, prediction, tolerance_mm)
    return MaskScore(name, reference.shape, reference.spacing_mm, score)


def confusion_of(reference: NativeReference, prediction: NativeReference) -> Counts:
    """Confusion counts of two volumes on the same grid, int64 `(n_slices, 3, 3)`, reference value by predicted value."""
    first, row, column = prediction.start
    nothing = np.zeros((0, 0), np.uint8)
    slices = []
    for z in range(reference.shape[0]):
        inside = 0 <= z - first < prediction.labels.shape[0]
        plane = prediction.labels[z - first] if inside else nothing
        slices.append(slice_confusion(reference, z, plane, (row, column)))
    return np.stack(slices)


def meaning_of(words: Sequence[str], option: str) -> Meaning | None:
    """What `liver=5` and the like say; None for no words. A label may have several values.

    Raises:
        ConfigError: not a label and a whole number, or a value with two labels.
    """
    found: dict[int, int] = {}
    for text in words:
        name, _, number = text.partition("=")
        if name not in _LABELS or not number.isdecimal() or not number.isascii() or len(number) > 9:
            allowed = "liver=VALUE or tumour=VALUE, VALUE a whole number"
            raise ConfigError("a label has no such value", where=option, got=text, allowed=allowed)
        if found.setdefault(int(number), _LABELS[name]) != _LABELS[name]:
            raise ConfigError("a value has two labels", where=option, got=text, allowed="one label a value")
    return found or None


def find_pairs(prediction: Path, reference: Path) -> tuple[tuple[MaskPair, ...], tuple[DataError, ...]]:
    """The pairs of two files or two folders.

    Files of two folders belong together when their paths below the folders are equal but for the ending (`.nii` or
    `.nii.gz`). Other files than these are not looked at.

    Returns:
        Pairs in natural order (`case-2` before `case-10`), and a problem for every file without a partner or with several.

    Raises:
        DataError: rule D1, one of the two is not there, one is a file and the other a folder, or there is no pair.
    """
    for path in (prediction, reference):
        if not path.exists():
            raise DataError("no such file or folder", rule="D1", where=str(path), next_step="check the path")
    if prediction.is_dir() != reference.is_dir():
        what = "a file cannot be compared with a folder"
        raise DataError(what, rule="D1", where=f"{prediction}, {reference}", allowed="two files or two folders")
    if not prediction.is_dir():
        return (MaskPair(_stem(reference.name), prediction, reference),), ()
    return _pairs_of(prediction, reference)


def _pairs_of(prediction: Path, reference: Path) -> tuple[tuple[MaskPair, ...], tuple[DataError, ...]]:
    predicted, truth = _masks_below(prediction), _masks_below(reference)
    pairs, problems = [], []
    for name in sorted(predicted.keys() | truth.keys(), key=natural_key):
        theirs, ours = predicted.get(name, []), truth.get(name, [])
        if len(theirs) == len(ours) == 1:
            pairs.append(MaskPair(name, theirs[0], ours[0]))
        else:
            problems.append(_unpaired(name, theirs, ours))
    if not pairs and not problems:
        next_step = "check the paths"
        raise DataError("no masks found", rule="D1", where=f"{prediction}, {reference}", next_step=next_step)
    return tuple(pairs), tuple(problems)


def _unpaired(name: str, predicted: list[Path], truth: list[Path]) -> DataError:
    if predicted and truth:
        double = predicted if len(predicted) > 1 else truth
        got, next_step = ", ".join(path.name for path in double), "keep one of them"
        return DataError(
            "a mask found twice", case=name, rule="D3", where=str(double[0].parent), got=got, next_step=next_step
        )
    what, other = ("prediction", "reference") if predicted else ("reference", "prediction")
    path = (predicted or truth)[0]
    next_step = f"add its {other} under the same name, or move this file away"
    return DataError(f"{what} without a {other}", case=name, rule="D2", where=str(path), next_step=next_step)


def _masks_below(folder: Path) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in files_below(folder):
        if path.name.lower().endswith(_ENDINGS):
            relative = path.relative_to(folder)
            found.setdefault((relative.parent / _stem(path.name)).as_posix(), []).append(path)
    return found


def _stem(name: str) -> str:
    lower = name.lower()
    return next((name[: -len(ending)] for ending in _ENDINGS if lower.endswith(ending)), name)
