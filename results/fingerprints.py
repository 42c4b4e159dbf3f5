"""Fingerprints of single parts of a split: they are equal exactly when the same scans of the same patients are in the part.

The order of patients does not matter, nor in which sweep, folder or at what time they were divided.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence

from results.records import SweepRecord

DIGITS = 16


def case_digests(record: SweepRecord) -> dict[str, tuple[str, ...]]:
    """Patient to `case digest` of each of the patient's cases, sorted; without patients of whom no digest was recorded."""
    found: dict[str, list[str]] = {}
    for case, digest in record.cases.items():
        found.setdefault(record.patients.get(case, case), []).append(f"{case} {digest}")
    return {patient: tuple(sorted(cases)) for patient, cases in found.items()}


def validation_parts(record: SweepRecord) -> tuple[tuple[str, ...], ...]:
    """The validation patients of each fold; one part where there is no cross-validation."""
    if record.split.folds:
        return tuple(fold.validation for fold in record.split.folds)
    return (record.split.validation,)


def test_fingerprint(record: SweepRecord) -> str:
    """16 hexadecimal digits over test patients and their scans and masks; empty without a test part."""
    return _fingerprint(record, (record.split.test,)) if record.split.test else ""


def validation_fingerprint(record: SweepRecord) -> str:
    """The same over the validation patients, fold by fold in no particular order; empty without any."""
    parts = validation_parts(record)
    return _fingerprint(record, parts) if any(parts) else ""


def train_fingerprint(record: SweepRecord) -> str:
    """The same over the patients that the search trains on; empty without any."""
    return _fingerprint(record, (record.split.train,)) if record.split.train else ""


def _fingerprint(record: SweepRecord, parts: Iterable[Sequence[str]]) -> str:
    digests = case_digests(record)
    described = sorted([[patient, *digests.get(patient, ())] for patient in sorted(set(part))] for part in parts)
    text = json.dumps(described, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
