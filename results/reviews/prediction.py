"""What a review needs of a prediction's record (`<scan>_seg.json`), each value checked: the file may have been edited."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from results.errors import ResultsError

SCHEMA_VERSION = 1
KINDS = ("nifti", "dicom")
LABELS = ("liver", "tumour")
"""Of a model whose record names none."""
TRAIN, VALIDATION = PARTS = ("train", "validation")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_UID = re.compile(r"case-[0-9a-f]{8}")
_MODEL_ID = re.compile(r"m-[0-9a-f]{12}")
_STEP = "predict the scan again"


@dataclass(frozen=True, slots=True)
class ReviewedScan:
    """A scan that was predicted.

    Attributes:
        uid: pseudonym.
        name: the user's name of the scan, which may tell a patient: it stays in the record of reviews.
        sha256: of the file, or of the DICOM series.
        kind: `nifti` or `dicom`.
    """

    uid: str
    name: str
    sha256: str
    kind: str


@dataclass(frozen=True, slots=True)
class ReviewedModel:
    """The model that predicted."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class ReviewedPrediction:
    """What is known of a prediction.

    Attributes:
        scan, model: what was predicted, and by what.
        scan_path: where the scan lay.
        mask_file: name of the mask beside the record.
        mask_sha256: of that file.
        labels: foreground labels that the model knows.
        learned: the part of the model's cases that the scan is in, `train` or `validation`; empty for neither.
        liver_ml, tumour_ml: predicted volumes.
    """

    scan: ReviewedScan
    model: ReviewedModel
    scan_path: str
    mask_file: str
    mask_sha256: str
    labels: tuple[str, ...]
    learned: str
    liver_ml: float
    tumour_ml: float


def parse_prediction(data: bytes, where: str) -> ReviewedPrediction:
    """Read a prediction's record.

    Raises:
        ResultsError: not such a record, of another version, or with an impossible value.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise ResultsError("not the record of a prediction", where=where, got="no JSON", next_step=_STEP) from None
    if not isinstance(document, dict) or document.get("schema_version") != SCHEMA_VERSION:
        got = document.get("schema_version") if isinstance(document, dict) else type(document).__name__
        raise ResultsError(
            "not the record of a prediction, or of another version",
            where=where,
            got=f"schema_version {got}",
            allowed=f"schema_version {SCHEMA_VERSION}",
            next_step=_STEP,
        )
    return _Reader(document, where).prediction()


class _Reader:
    """Values of a document, each with its name in the error."""

    def __init__(self, document: Mapping[str, Any], where: str) -> None:
        self._document = document
        self._where = where

    def prediction(self) -> ReviewedPrediction:
        mask_file = self._text("mask", "file")
        if "/" in mask_file or "\0" in mask_file or mask_file in ("", ".", ".."):
            raise self._wrong(("mask", "file"), mask_file, "the name of a file beside the record")
        kind = self._text("scan", "kind")
        if kind not in KINDS:
            raise self._wrong(("scan", "kind"), kind, " | ".join(KINDS))
        return ReviewedPrediction(
            scan=ReviewedScan(
                uid=self._matching(_UID, "scan", "uid"),
                name=self._text("scan", "name"),
                sha256=self._matching(_SHA256, "scan", "sha256"),
                kind=kind,
            ),
            model=ReviewedModel(self._matching(_MODEL_ID, "model", "id"), self._text("model", "name")),
            scan_path=self._text("scan", "path"),
            mask_file=mask_file,
            mask_sha256=self._matching(_SHA256, "mask", "sha256"),
            labels=self._labels(),
            learned=self._learned(),
            liver_ml=self._number("volumes_ml", "liver"),
            tumour_ml=self._number("volumes_ml", "tumour"),
        )

    def _value(self, *keys: str) -> Any:
        value: Any = self._document
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        return value

    def _text(self, *keys: str) -> str:
        value = self._value(*keys)
        if not isinstance(value, str):
            raise self._wrong(keys, value, "text")
        return value

    def _learned(self) -> str:
        value = self._value("model", "learned_from_scan")
        if value not in (None, *PARTS):
            raise self._wrong(("model", "learned_from_scan"), value, f"null | {' | '.join(PARTS)}")
        return value or ""

    def _labels(self) -> tuple[str, ...]:
        value = self._value("model", "labels")
        if value is None:
            return LABELS
        if not isinstance(value, list) or not value or not all(isinstance(label, str) for label in value):
            raise self._wrong(("model", "labels"), value, "a list of labels")
        return tuple(value)

    def _matching(self, pattern: re.Pattern[str], *keys: str) -> str:
        value = self._text(*keys)
        if not pattern.fullmatch(value):
            raise self._wrong(keys, value, pattern.pattern)
        return value

    def _number(self, *keys: str) -> float:
        value = self._value(*keys)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
            raise self._wrong(keys, value, "a number, 0 or more")
        return float(value)

    def _wrong(self, keys: tuple[str, ...], got: object, allowed: str) -> ResultsError:
        what = f"not the record of a prediction: {'.'.join(keys)}"
        return ResultsError(what, where=self._where, got=repr(got), allowed=allowed, next_step=_STEP)
