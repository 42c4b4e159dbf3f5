"""Dividing patients into training, validation and test: by the patient, repeatable, and with a name for the result."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from liverseg.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Fold:
    """One way of dividing the patients that are not in the test part. Ids ascending."""

    train: tuple[str, ...]
    validation: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Split:
    """Which patient is in which part. Ids ascending.

    Attributes:
        train, validation: of the first fold.
        test: never seen before the selection is made.
        fingerprint: 16 hex digits that change when any patient changes sides.
        folds: one entry, or k whose validation parts are disjoint and together hold all patients outside the test part.
    """

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    fingerprint: str
    folds: tuple[Fold, ...]

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "schema_version": 1,
            "fingerprint": self.fingerprint,
            "train": list(self.train),
            "validation": list(self.validation),
            "test": list(self.test),
            "folds": [{"train": list(fold.train), "validation": list(fold.validation)} for fold in self.folds],
        }


def split_patients(
    patients: Iterable[str],
    *,
    test: float,
    validation: float,
    folds: int = 1,
    seed: int,
    strata: Mapping[str, Hashable] | None = None,
) -> Split:
    """Divide patients into parts.

    The order comes from SHA-256 of seed and id, so the result depends on neither the order given nor the machine or
    library version. Parts get their share rounded to whole patients, and at least one where the share is not 0.

    Args:
        patients: ids; those given twice count once.
        test: share of all patients, 0 to below 1.
        validation: share of all patients; not used for `folds` > 1, where each fold validates on 1/k of the rest.
        folds: 1, or the number k of a cross-validation over the patients outside the test part.
        seed: another seed, another division.
        strata: group of each patient (for example: has tumour); every part gets its share of each group as far as whole
            patients allow. Patients without an entry form a group of their own.

    Raises:
        ConfigError: impossible shares, or too few patients for the parts asked for.
    """
    _check_shares(test, validation, folds)
    order = _order(set(patients), seed, strata or {})
    n_test = _share(len(order), test)
    rest = order[n_test:]
    n_validation = _share(len(order), validation)
    needed = n_test + (folds if folds > 1 else n_validation + 1)
    if len(order) < needed:
        raise _too_few(len(order), needed, test, validation, folds)
    parts = _fold_list(rest, folds, n_validation)
    held_out = tuple(sorted(order[:n_test]))
    return Split(parts[0].train, parts[0].validation, held_out, fingerprint_of(parts, held_out), parts)


def join_training(split: Split, patients: Iterable[str]) -> Split:
    """A split in which further patients are trained on in every fold. One who is in a fold's training already stays there.

    Raises:
        ValueError: one of them is validated or tested on.
    """
    more = set(patients)
    folds = split.folds or (Fold(split.train, split.validation),)
    if more & {*split.test, *(patient for fold in folds for patient in fold.validation)}:
        raise ValueError("a patient who is validated or tested on cannot join the training part")
    if more <= set(split.train):
        return split
    folds = tuple(Fold(tuple(sorted(more.union(fold.train))), fold.validation) for fold in folds)
    fingerprint = fingerprint_of(folds, split.test)
    return Split(folds[0].train, split.validation, split.test, fingerprint, folds if split.folds else ())


def fingerprint_of(folds: Sequence[Fold], test: Iterable[str]) -> str:
    """First 16 hex digits of SHA-256 over the sorted ids of every part: only membership matters, not order or seed."""
    parts = [[sorted(fold.train), sorted(fold.validation)] for fold in folds]
    text = json.dumps({"test": sorted(test), "folds": parts}, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _order(patients: set[str], seed: int, strata: Mapping[str, Hashable]) -> list[str]:
    """All patients in a random order in which every stretch holds each stratum in proportion."""
    groups: defaultdict[Hashable, list[tuple[str, str]]] = defaultdict(list)
    for patient in patients:
        groups[strata.get(patient)].append((_lot(seed, patient), patient))
    placed = []
    for members in groups.values():
        members.sort()
        placed += [((rank + 0.5) / len(members), lot, patient) for rank, (lot, patient) in enumerate(members)]
    return [patient for _, _, patient in sorted(placed)]


def _lot(seed: int, patient: str) -> str:
    return hashlib.sha256(f"{seed}\0{patient}".encode()).hexdigest()


def _fold_list(rest: list[str], folds: int, n_validation: int) -> tuple[Fold, ...]:
    edges = [0, n_validation] if folds == 1 else [len(rest) * k // folds for k in range(folds + 1)]
    return tuple(
        Fold(tuple(sorted(rest[:start] + rest[stop:])), tuple(sorted(rest[start:stop])))
        for start, stop in pairwise(edges)
    )


def _share(count: int, share: float) -> int:
    return max(1, int(count * share + 0.5)) if share > 0 else 0


def _check_shares(test: float, validation: float, folds: int) -> None:
    for name, value in (("test", test), ("validation", validation)):
        if not 0 <= value < 1:
            raise ConfigError("impossible share", where=f"split.{name}", got=value, allowed="0 up to below 1")
    if folds < 1:
        raise ConfigError("impossible number of folds", where="split.folds", got=folds, allowed="1 or more")
    if folds == 1 and test + validation >= 1:
        raise ConfigError(
            "no patients left to train on",
            where="split",
            got=f"test {test:g} + validation {validation:g}",
            allowed="below 1 together",
        )


def _too_few(count: int, needed: int, test: float, validation: float, folds: int) -> ConfigError:
    parts = f"{folds} folds" if folds > 1 else "training" + (", validation" if validation else "")
    what = "one patient only: nothing to validate on" if count == 1 else "too few patients" if count else "no patients"
    return ConfigError(
        what,
        where="split",
        got=f"{count} patients",
        allowed=f"at least {needed} for {parts}" + (", test" if test else ""),
        next_step="add patients or ask for fewer parts (test: 0, folds: 1)",
    )
