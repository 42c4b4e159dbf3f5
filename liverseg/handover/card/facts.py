"""What a card needs to know of the sweep that a model comes from: plain values, so that no card needs a ledger.

Numbers that are not known or not defined are NaN, counts that nobody recorded None. Intervals are of 95 %.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ScoreFacts:
    """Dice of one label over patients.

    Attributes:
        label: `liver` (with its tumours) or `tumour`.
        patients: with a number; for tumour those that have one.
        mean, median: over patients.
        low, high: interval of the mean; NaN below two patients.
        failures: patients with a Dice of 0: the label is there, and nothing of it was found.
        hd95_mm: median over patients of the 95th percentile of distances between surfaces; infinite where at least half of
            them have no surface on one side.
    """

    label: str
    patients: int
    mean: float
    low: float = math.nan
    high: float = math.nan
    median: float = math.nan
    failures: int = 0
    hd95_mm: float = math.nan


@dataclass(frozen=True, slots=True)
class FreeFacts:
    """Patients without tumour.

    Attributes:
        patients: how many.
        clean: in how many of them nothing was called tumour.
        false_ml: volume that was, mean over all of them.
    """

    patients: int
    clean: int
    false_ml: float = math.nan


@dataclass(frozen=True, slots=True)
class SizeFacts:
    """Tumour Dice of the patients whose tumours together are of one size; interval as in `ScoreFacts`."""

    name: str
    patients: int
    mean: float
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True, slots=True)
class PatientScores:
    """A network's scores on some patients: by label, of tumour-free patients, by size of the tumours."""

    scores: tuple[ScoreFacts, ...] = ()
    free: FreeFacts | None = None
    sizes: tuple[SizeFacts, ...] = ()

    def of(self, label: str) -> ScoreFacts | None:
        """The score of a label; None where no patient has one."""
        return next((score for score in self.scores if score.label == label and score.patients), None)


@dataclass(frozen=True, slots=True)
class TestFacts:
    """A network's scores in one opening of the test patients, numbered from 1."""

    __test__ = False

    opening: int
    scored: PatientScores


@dataclass(frozen=True, slots=True)
class TrainingFacts:
    """How long a network was trained.

    Attributes:
        planned: epochs that it was given.
        epochs, updates, seconds: what was spent.
        ended: why it ended, a word of the ledger; empty where that is not known.
        weights: numbers that were learned; NaN where not counted.
        ms_per_slice: time to predict one slice on the machine that trained it.
    """

    planned: int = 0
    epochs: int = 0
    updates: int = 0
    seconds: float = math.nan
    ended: str = ""
    weights: float = math.nan
    ms_per_slice: float = math.nan


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """One trained network of the model.

    Attributes:
        trial: its name.
        rank: its place among the trials of the sweep, from 1; None where it has none.
        state: of its trial: `finished`, or `pruned` when the search ended it early.
        training: how long it was trained.
        validation: its scores on the validation patients, as trained: alone, without post-processing and flips.
        tests: the same on the test patients, one an opening in which it was scored.
    """

    trial: str
    rank: int | None = None
    state: str = "finished"
    training: TrainingFacts = TrainingFacts()
    validation: PatientScores = PatientScores()
    tests: tuple[TestFacts, ...] = ()


@dataclass(frozen=True, slots=True)
class OpeningFacts:
    """That the test patients were opened: number from 1, time (UTC), how many trials and patients, and why in the user's words."""

    number: int
    time: str
    trials: int
    patients: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class PartFacts:
    """One part of the split; None where it was not recorded.

    Attributes:
        name: `train`, `validation` or `test`.
        patients, cases, slices: how many.
        tumour_free: patients in whom no case has tumour.
        fingerprint: of the part's patients and scans; empty where there is none.
    """

    name: str
    patients: int
    cases: int | None = None
    slices: int | None = None
    tumour_free: int | None = None
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class DataFacts:
    """The scans.

    Attributes:
        license: under which terms they may be used, in the words of the spec; empty where it says nothing.
        cases, slices, tumour_free: how many; `tumour_free` cases.
        left_out: cases that broke a rule.
        reviewed: cases whose mask a reviewer corrected after a model had made it; they are only trained on.
        parts: of the split.
        fold, folds: which fold the model is of, from 0, of how many; 1 without cross-validation.
        split_seed: of the division into parts.
        training_slices: which slices of a training scan are learned from: `all`, `body` or `liver`.
        spacing_mm: smallest and largest distance between slices; None where not recorded.
        tumour_ml: smallest and largest tumour volume of a case that has tumour; None where not recorded.
        fingerprints: of all scans (`data`) and of the division (`split`).
    """

    license: str = ""
    cases: int = 0
    slices: int = 0
    tumour_free: int = 0
    left_out: int = 0
    reviewed: int = 0
    parts: tuple[PartFacts, ...] = ()
    fold: int = 0
    folds: int = 1
    split_seed: int = 0
    training_slices: str = "all"
    spacing_mm: tuple[float, float] | None = None
    tumour_ml: tuple[float, float] | None = None
    fingerprints: Mapping[str, str] = field(default_factory=dict)

    def part(self, name: str) -> PartFacts | None:
        """A part of the split; None where there is none."""
        return next((part for part in self.parts if part.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """All that a card says beside the model's own description.

    Attributes:
        sweep: name of the sweep.
        started: when it was begun, UTC.
        objective: what it searched for, for people.
        ranked: trials that have a place in its ranking.
        architectures: that it compared.
        data: the scans.
        networks: those of the model, in the order of its members.
        openings: of the test patients, in order.
        selection: what the best score owes to having been the best, in sentences; empty where nothing was selected.
        test: how often the test patients were opened, or that they are locked, in sentences.
        early_stopping: when trainings end early, in words; empty when they do not.
        fewest: patients below which nothing can be concluded from a score.
        versions: of the packages that trained it.
    """

    sweep: str
    started: str = ""
    objective: str = ""
    ranked: int = 0
    architectures: tuple[str, ...] = ()
    data: DataFacts = DataFacts()
    networks: tuple[NetworkFacts, ...] = ()
    openings: tuple[OpeningFacts, ...] = ()
    selection: str = ""
    test: str = ""
    early_stopping: str = ""
    fewest: int = 6
    versions: Mapping[str, str] = field(default_factory=dict)

    def network(self, trial: str) -> NetworkFacts:
        """What is known of a member of the model; only its name where nothing is."""
        return next((network for network in self.networks if network.trial == trial), NetworkFacts(trial))

    def as_json(self) -> dict[str, Any]:
        """Plain values for programs; NaN and infinity are None."""
        return dict(plain(asdict(self)))


def plain(value: Any) -> Any:
    """`value` as JSON can hold it: numbers that are not finite become None, tuples lists."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
