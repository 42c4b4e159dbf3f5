"""What the record of a sweep consists of: objective, split, data, parents, extensions, openings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

State = Literal["queued", "running", "finished", "pruned", "failed", "stopped"]
Direction = Literal["maximize", "minimize"]


@dataclass(frozen=True, slots=True)
class Objective:
    """A metric that the sweep searches on, and which way is better."""

    metric: str
    direction: Direction = "maximize"

    def gain(self, value: float) -> float:
        """`value` turned so that more is better; NaN stays NaN."""
        return value if self.direction == "maximize" else -value


@dataclass(frozen=True, slots=True)
class FoldRecord:
    """The patients (pseudonyms) of one fold of a cross-validation."""

    train: tuple[str, ...]
    validation: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SplitRecord:
    """Which patients (pseudonyms) are in which part, and the fingerprint of that.

    Attributes:
        train, validation: of the first fold, on which the search is scored.
        folds: all folds of a cross-validation, the first included; empty without one.
    """

    fingerprint: str = ""
    train: tuple[str, ...] = ()
    validation: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    folds: tuple[FoldRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class Replication:
    """On how many folds, and with how many seeds, a setting is trained.

    Attributes:
        folds, seeds: 1 is the search's own.
        of: `best` (the best setting of each architecture, once the search is over) or `all` (each that finished).
    """

    folds: int = 1
    seeds: int = 1
    of: str = "best"

    @property
    def trials(self) -> int:
        """Trials of a setting that is trained on every fold with every seed, the search's own included."""
        return self.folds * self.seeds


@dataclass(frozen=True, slots=True)
class DataRecord:
    """How much data there was: cases, slices, cases without tumour, those left out, and corrected cases from reviews."""

    cases: int = 0
    slices: int = 0
    tumour_free: int = 0
    skipped: tuple[str, ...] = ()
    reviewed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """What is known of a scan beside its scores. NaN (0 slices) where the ledger does not tell.

    Attributes:
        slices: along the patient's long axis.
        spacing_mm: from left to right, from back to front, and between slices.
        liver_ml, tumour_ml: volume in the reference, the liver with its tumours.
    """

    slices: int = 0
    spacing_mm: tuple[float, float, float] = (math.nan, math.nan, math.nan)
    liver_ml: float = math.nan
    tumour_ml: float = math.nan


@dataclass(frozen=True, slots=True)
class Parent:
    """An older sweep from whose results this one was warm-started.

    Attributes:
        name: of the sweep.
        trials: how many of its trials were taken over.
        opened: how many of this sweep's test patients had been opened there, or in a sweep that it began from.
    """

    name: str
    trials: int
    opened: int = 0


@dataclass(frozen=True, slots=True)
class InheritedTrial:
    """A trial of an older sweep that the sampler knows. It is not a trial of this sweep.

    Attributes:
        source: name of the older sweep.
        uid, number, stage, architecture, parameters, state: as there.
        values: one for each objective, NaN where there is none.
        epochs: how many it trained.
    """

    source: str
    uid: str
    number: int
    stage: str
    architecture: str
    parameters: Mapping[str, Any]
    state: State
    values: tuple[float, ...] = ()
    epochs: int = 0


@dataclass(frozen=True, slots=True)
class Extension:
    """More was asked of the sweep than at first.

    Attributes:
        trials: number of trials in all from then on.
        added: how many of those came on top.
        epochs: epochs of the trials from then on; 0 when that was not changed.
        longer: trials that were trained on, each by a new trial that continues it.
        space: the new search space as plain JSON; None when it was not changed.
        note: what was asked for, in words.
        time: when.
    """

    trials: int
    added: int = 0
    epochs: int = 0
    longer: tuple[str, ...] = ()
    space: Any = None
    note: str = ""
    time: str = ""


@dataclass(frozen=True, slots=True)
class Opening:
    """That the locked test patients were opened.

    Attributes:
        number: from 1. Only the first finds patients that nothing was decided on.
        time: when.
        trials: those that were to be scored, selected before.
        patients: pseudonyms of the test patients.
        fingerprint: of the split.
        again: whether they had been opened before.
        note: why, in the user's words.
        ended_before: trials that had ended then.
        ended_after: ends of trials since then: the search went on after the test patients were opened.
    """

    number: int
    time: str
    trials: tuple[str, ...]
    patients: tuple[str, ...]
    fingerprint: str = ""
    again: bool = False
    note: str = ""
    ended_before: int = 0
    ended_after: int = 0
