"""What a ledger says about a sweep and its trials, as frozen values.

Numbers that a ledger holds as `null` are NaN here. Times are UTC, ISO 8601, as in the ledger.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from results.stints import Drive, Stint
from results.sweep_parts import (
    CaseFacts,
    DataRecord,
    Extension,
    InheritedTrial,
    Objective,
    Opening,
    Parent,
    Replication,
    SplitRecord,
    State,
)

STATES: tuple[State, ...] = ("finished", "pruned", "running", "queued", "stopped", "failed")
FAILURE_KINDS = ("oom", "memory", "nan", "invalid", "timeout", "crash", "data")
CLOSINGS = ("finished", "interrupted", "disk", "failed")


@dataclass(frozen=True, slots=True)
class SweepRecord:
    """The sweep as a whole.

    Attributes:
        trials: number of trials that the search was asked for, extensions included; replicates come on top.
        baseline: metrics of the all-background prediction.
        stages: names of the stages in order; empty or one name when there is only one.
        space: description of each searched parameter.
        started: time of the first event.
        updated: time of the last event.
        closed: why the sweep was closed (one of `CLOSINGS`); empty while it is open.
        missing: trials by stage that were asked for and not run, as every parameter set of the stage's space was tried.
        runs: how often it was driven: 1, and 1 for each resume.
        extended: what was asked for later, in order.
        parents: the sweeps it was warm-started from; empty unless it is a fork.
        inherited: the trials taken over from those.
        spec: the resolved specification without what belongs to a machine; empty in ledgers of older versions.
        code: 12 hexadecimal digits of the SHA-256 of each source file that decides a trial's numbers.
        cases: 12 hexadecimal digits of the fingerprint of each case.
        patients: the patient of each case that is not a patient of its own (several scans of one patient).
        replication: how settings are repeated on other folds and with other seeds.
        openings: of the locked test patients, in order.
        case_facts: plain facts of each case by pseudonym; empty in ledgers of older versions.
        drives: when drivers were at work, in order; without those of older versions, which do not tell.
    """

    name: str
    objectives: tuple[Objective, ...]
    architectures: tuple[str, ...]
    trials: int
    labels: tuple[str, ...] = ("liver", "tumour")
    schema_version: int = 1
    hashes: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    split: SplitRecord = field(default_factory=SplitRecord)
    data: DataRecord = field(default_factory=DataRecord)
    baseline: Mapping[str, float] = field(default_factory=dict)
    stages: tuple[str, ...] = ()
    space: Mapping[str, Any] = field(default_factory=dict)
    started: str = ""
    updated: str = ""
    closed: str = ""
    missing: Mapping[str, int] = field(default_factory=dict)
    runs: int = 1
    extended: tuple[Extension, ...] = ()
    parents: tuple[Parent, ...] = ()
    inherited: tuple[InheritedTrial, ...] = ()
    spec: Mapping[str, Any] = field(default_factory=dict)
    code: Mapping[str, str] = field(default_factory=dict)
    cases: Mapping[str, str] = field(default_factory=dict)
    patients: Mapping[str, str] = field(default_factory=dict)
    replication: Replication = field(default_factory=Replication)
    openings: tuple[Opening, ...] = ()
    case_facts: Mapping[str, CaseFacts] = field(default_factory=dict)
    drives: tuple[Drive, ...] = ()

    @property
    def objective(self) -> Objective:
        """The first (often the only) objective."""
        return self.objectives[0]


class CaseScore(NamedTuple):
    """Dice of one case at the trial's best epoch; NaN where Dice is not defined."""

    case: str
    patient: str
    dice_liver: float
    dice_tumour: float
    has_tumour: bool


@dataclass(frozen=True, slots=True)
class Cost:
    """What a trial cost. NaN where it was not measured."""

    parameters: float = math.nan
    gflops: float = math.nan
    peak_memory_mb: float = math.nan
    s_per_epoch: float = math.nan
    inference_ms_per_slice: float = math.nan


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Files of a trial as they were after an epoch: a state from which training goes on, or the best weights.

    Attributes:
        epoch: epochs done.
        path: below the sweep's folder.
        sha256: digest of the files.
    """

    epoch: int
    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class TestScore:
    """A trial's best epoch on the test patients.

    Attributes:
        opening: number of the opening that it was scored in.
        metrics: scores by name, as those of a trial; `test_dice` in place of `val_dice`.
        cases: Dice of each test case.
        seconds: what scoring took.
        time: when it was scored.
        scores_json: further scores of the cases as JSON text, parsed by `case_scores`.
    """

    opening: int
    metrics: Mapping[str, float]
    cases: tuple[CaseScore, ...]
    seconds: float = math.nan
    time: str = ""
    scores_json: bytes = b""

    @property
    def case_scores(self) -> tuple[dict[str, float], ...]:
        """Further scores of each of `cases` by name, as those of `TrialRecord.case_scores`. Parsed at each call."""
        from results.deferred import parse_case_scores

        return parse_case_scores(self.scores_json, len(self.cases), f"of opening {self.opening}")


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """One trial.

    Attributes:
        uid: name of the trial and of its folder.
        number: position in the order in which trials were suggested, from 0.
        parameters: hyperparameters and architecture options by name.
        attempts: how often it was started.
        failure: kind of failure; empty unless `state` is `failed`.
        message: one line about the failure.
        metrics: scores at the best epoch; empty unless finished or pruned.
        best_epoch: epoch whose scores count; None when there is none.
        epochs, updates, seconds: what was spent.
        ended: time of the end state; empty while there is none.
        checkpoint: the newest state that it can be continued from; None when there is none or it was released.
        weights: the best epoch's weights; None when there are none or they were released.
        planned_epochs: length that it was given; 0 where the ledger (of an older version) does not say.
        continues: the trial from whose state it starts; empty for a trial that starts from scratch.
        continued_from: epochs that were done when its last attempt began.
        replicate_of: the trial whose setting it repeats on another fold or with another seed; empty for the search's own.
        values: first objective after each epoch that was reported, from the first epoch on; NaN where it was not a number
            or is not known. Empty in ledgers of older versions: see `epoch_values`.
        history_json: the history as JSON text, parsed by `history`.
        scores_json: further scores of the cases as JSON text, parsed by `case_scores`.
        tests: scores on the test patients, one an opening in which it was scored, in order.
        stints: when it had a slot, in order; without those in runs of older versions.
    """

    uid: str
    number: int
    architecture: str
    parameters: Mapping[str, Any]
    stage: str
    seed: int
    fold: int
    state: State
    attempts: int = 0
    failure: str = ""
    message: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    best_epoch: int | None = None
    epochs: int = 0
    updates: int = 0
    seconds: float = math.nan
    stop_reason: str = ""
    cost: Cost = Cost()
    cases: tuple[CaseScore, ...] = ()
    checkpoint: Checkpoint | None = None
    weights: Checkpoint | None = None
    planned_epochs: int = 0
    continues: str = ""
    continued_from: int = 0
    replicate_of: str = ""
    values: tuple[float, ...] = ()
    suggested: str = ""
    started: str = ""
    ended: str = ""
    history_json: bytes = b""
    scores_json: bytes = b""
    tests: tuple[TestScore, ...] = ()
    stints: tuple[Stint, ...] = ()

    def metric(self, name: str) -> float:
        """A score or cost (such as `gflops`) by name; NaN when the trial has none."""
        value = self.metrics.get(name)
        if value is None:
            return float(getattr(self.cost, name)) if name in Cost.__slots__ else math.nan
        return value

    @property
    def history(self) -> dict[str, list[float]]:
        """Values per epoch by column (`epoch`, `loss`, `val_dice`, …), NaN where missing. Parsed at each call.

        Raises:
            LedgerError: it is nonsense under a right checksum.
        """
        from results.deferred import parse_history

        return parse_history(self.history_json, self.uid)

    @property
    def case_scores(self) -> tuple[dict[str, float], ...]:
        """Further scores of each of `cases` by name (`hd95_liver`, …): NaN where undefined, infinite where one side is empty.

        Empty dictionaries for a trial that was not scored in full: pruned, or of an older version. Parsed at each call.

        Raises:
            LedgerError: they are nonsense under a right checksum.
        """
        from results.deferred import parse_case_scores

        return parse_case_scores(self.scores_json, len(self.cases), self.uid)

    def epoch_values(self, metric: str) -> tuple[float, ...]:
        """A metric (the first objective) after each epoch, from the first epoch on; NaN where it is not known.

        From the history where that has the metric as a column, which parses it; otherwise `values`.
        """
        history = self.history
        column = history.get(metric)
        if column is None:
            return self.values
        epochs = [int(epoch) for epoch in history.get("epoch", range(1, len(column) + 1))]
        found = [math.nan] * max(epochs, default=0)
        for epoch, value in zip(epochs, column, strict=True):
            found[epoch - 1] = value
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Sweep:
    """A sweep and its trials, in the order of their numbers."""

    sweep: SweepRecord
    trials: tuple[TrialRecord, ...]

    def trial(self, uid: str) -> TrialRecord:
        """The trial of that name; raises `KeyError` when there is none."""
        for trial in self.trials:
            if trial.uid == uid:
                return trial
        raise KeyError(uid)
