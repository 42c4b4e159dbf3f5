"""What a ledger says about a sweep and its trials, as frozen values.

Numbers that a ledger holds as `null` are NaN here. Times are UTC, ISO 8601, as in the ledger.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

State = Literal["queued", "running", "finished", "pruned", "failed", "stopped"]
Direction = Literal["maximize", "minimize"]

STATES: tuple[State, ...] = ("finished", "pruned", "running", "queued", "stopped", "failed")
FAILURE_KINDS = ("oom", "nan", "invalid", "timeout", "crash", "data")

_EMPTY: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Objective:
    """A metric that the sweep searches on, and which way is better."""

    metric: str
    direction: Direction = "maximize"

    def gain(self, value: float) -> float:
        """`value` turned so that more is better; NaN stays NaN."""
        return value if self.direction == "maximize" else -value


@dataclass(frozen=True, slots=True)
class SplitRecord:
    """Which patients (pseudonyms) are in which part, and the fingerprint of that."""

    fingerprint: str = ""
    train: tuple[str, ...] = ()
    validation: tuple[str, ...] = ()
    test: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DataRecord:
    """How much data there was: cases, slices, cases without tumour, and the pseudonyms of those left out."""

    cases: int = 0
    slices: int = 0
    tumour_free: int = 0
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SweepRecord:
    """The sweep as a whole.

    Attributes:
        trials: number of trials asked for, extensions included.
        baseline: metrics of the all-background prediction.
        stages: names of the stages in order; empty or one name when there is only one.
        space: description of each searched parameter.
        started: time of the first event.
        updated: time of the last event.
        closed: why the sweep was closed (`finished`, `interrupted`, `failed`); empty while it is open.
    """

    name: str
    objectives: tuple[Objective, ...]
    architectures: tuple[str, ...]
    trials: int
    labels: tuple[str, ...] = ("liver", "tumour")
    schema_version: int = 1
    hashes: Mapping[str, str] = field(default_factory=lambda: _EMPTY)
    versions: Mapping[str, str] = field(default_factory=lambda: _EMPTY)
    split: SplitRecord = SplitRecord()
    data: DataRecord = DataRecord()
    baseline: Mapping[str, float] = field(default_factory=lambda: _EMPTY)
    stages: tuple[str, ...] = ()
    space: Mapping[str, Any] = field(default_factory=lambda: _EMPTY)
    started: str = ""
    updated: str = ""
    closed: str = ""

    @property
    def objective(self) -> Objective:
        """The first (often the only) objective."""
        return self.objectives[0]


class CaseScore(NamedTuple):
    """Dice of one validation case at the trial's best epoch; NaN where Dice is not defined."""

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
    """The newest checkpoint that the ledger knows of a trial."""

    epoch: int
    path: str
    sha256: str


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
        history_json: the history as JSON text, parsed by `history`.
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
    metrics: Mapping[str, float] = field(default_factory=lambda: _EMPTY)
    best_epoch: int | None = None
    epochs: int = 0
    updates: int = 0
    seconds: float = math.nan
    stop_reason: str = ""
    cost: Cost = Cost()
    cases: tuple[CaseScore, ...] = ()
    checkpoint: Checkpoint | None = None
    suggested: str = ""
    started: str = ""
    ended: str = ""
    history_json: bytes = b""

    def metric(self, name: str) -> float:
        """A score or cost (such as `gflops`) by name; NaN when the trial has none."""
        value = self.metrics.get(name)
        if value is None:
            return float(getattr(self.cost, name)) if name in Cost.__slots__ else math.nan
        return value

    @property
    def history(self) -> dict[str, list[float]]:
        """Values per epoch by column (`epoch`, `loss`, `val_dice`, …), NaN where missing. Parsed at each call."""
        if not self.history_json:
            return {}
        columns = json.loads(self.history_json)
        return {name: [math.nan if value is None else value for value in column] for name, column in columns.items()}


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
