"""Whether two sweeps hold the same patients apart: who is in one part and not in the other, and where they are instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from results.comparisons.entries import Entry
from results.fingerprints import case_digests, test_fingerprint, validation_fingerprint, validation_parts
from results.records import SweepRecord

Part = Literal["test", "validation"]


@dataclass(frozen=True, slots=True)
class PartDifference:
    """One part of the split of two sweeps.

    Attributes:
        part: which.
        first, second: names of the sweeps.
        fingerprints: of the part, in either.
        counts: patients of the part, in either.
        shared: patients in the part of both.
        only_first: patients in the part of the first alone, each with its part in the second (`train`, `validation`,
            `test`, empty where that has no such patient).
        only_second: the other way round.
        changed: patients in the part of both of whom a scan or mask is another.
        regrouped: the same patients, divided otherwise among the folds of a cross-validation.
        unchecked: whether scans and masks could not be compared, since a ledger (of an older version) lacks their digests
            and nothing else shows that the data are the same.
    """

    part: Part
    first: str
    second: str
    fingerprints: tuple[str, str]
    counts: tuple[int, int]
    shared: int
    only_first: Mapping[str, str]
    only_second: Mapping[str, str]
    changed: tuple[str, ...]
    regrouped: bool
    unchecked: bool

    @property
    def equal(self) -> bool:
        """Whether scores on this part may be compared."""
        return not (self.only_first or self.only_second or self.changed or self.regrouped)

    @property
    def leaks(self) -> tuple[int, int]:
        """Patients of the part of one sweep that the other trained on: of the first's, of the second's."""
        first, second = (list(only.values()).count("train") for only in (self.only_first, self.only_second))
        return first, second


def part_difference(first: Entry, second: Entry, part: Part) -> PartDifference:
    """How a part of the split of `second` differs from that of `first`."""
    groups = (_groups(first.record, part), _groups(second.record, part))
    one, other = (frozenset().union(*found) for found in groups)
    digests, others = case_digests(first.record), case_digests(second.record)
    known = [patient for patient in sorted(one & other) if patient in digests and patient in others]
    alike = bool(first.record.hashes.get("data")) and first.record.hashes.get("data") == second.record.hashes.get(
        "data"
    )
    fingerprint = test_fingerprint if part == "test" else validation_fingerprint
    return PartDifference(
        part=part,
        first=first.name,
        second=second.name,
        fingerprints=(fingerprint(first.record), fingerprint(second.record)),
        counts=(len(one), len(other)),
        shared=len(one & other),
        only_first=_places(second.record, sorted(one - other)),
        only_second=_places(first.record, sorted(other - one)),
        changed=tuple(patient for patient in known if digests[patient] != others[patient]),
        regrouped=one == other and groups[0] != groups[1],
        unchecked=len(known) < len(one & other) and not alike,
    )


def _groups(record: SweepRecord, part: Part) -> frozenset[frozenset[str]]:
    parts = (record.split.test,) if part == "test" else validation_parts(record)
    return frozenset(frozenset(patients) for patients in parts if patients)


def _places(record: SweepRecord, patients: Sequence[str]) -> dict[str, str]:
    """Each patient's part in a sweep; what it was trained on in any fold counts as training, for its scores are known."""
    split = record.split
    trained = {*split.train, *(patient for fold in split.folds for patient in fold.train)}
    found = dict.fromkeys(split.test, "test") | dict.fromkeys(split.validation, "validation")
    found |= dict.fromkeys(trained, "train")
    return {patient: found.get(patient, "") for patient in patients}
