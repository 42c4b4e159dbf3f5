"""What the search spent on each architecture, trial after trial, and the best it had by then."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from results.records import Sweep, TrialRecord
from results.sweep_parts import Objective

Measure = Literal["trials", "updates", "seconds"]
MEASURES: tuple[Measure, ...] = ("trials", "updates", "seconds")


@dataclass(frozen=True, slots=True)
class Step:
    """One trial and what had been spent on its architecture when it ended, its own cost included.

    Attributes:
        trial: the trial.
        score: its first objective; NaN unless it finished with a number.
        trials: that had ended (a stopped one waits: it has spent, and is not counted).
        epochs, updates, seconds: see `own_cost`.
        best: best score until then; NaN before the first.
    """

    trial: TrialRecord
    score: float
    trials: int
    epochs: int
    updates: int
    seconds: float
    best: float

    def spent(self, measure: Measure) -> float:
        """One of the budgets."""
        return float(getattr(self, measure))


@dataclass(frozen=True, slots=True)
class Course:
    """The search of one architecture in the order in which its trials ended; without repetitions of settings."""

    architecture: str
    steps: tuple[Step, ...]

    def total(self, measure: Measure) -> float:
        """All that was spent; 0 where the ledger does not tell."""
        return self.steps[-1].spent(measure) if self.steps else 0.0

    @property
    def best(self) -> float:
        """The best score; NaN without one."""
        return self.steps[-1].best if self.steps else math.nan

    @property
    def scores(self) -> tuple[float, ...]:
        """Scores of the trials that have one, in order."""
        return tuple(step.score for step in self.steps if not math.isnan(step.score))

    @property
    def scored(self) -> tuple[Step, ...]:
        """The trials that have a score."""
        return tuple(step for step in self.steps if not math.isnan(step.score))

    def best_within(self, measure: Measure, budget: float) -> float:
        """Best score of the trials that had ended when no more than `budget` was spent; NaN when none had one."""
        best = math.nan
        for step in self.steps:
            if step.spent(measure) > budget * (1 + 1e-9):
                break
            best = step.best
        return best


def search_courses(sweep: Sweep) -> dict[str, Course]:
    """The course of every architecture of the sweep, in the sweep's order; empty courses where no trial has ended yet."""
    names = dict.fromkeys((*sweep.sweep.architectures, *(trial.architecture for trial in sweep.trials)))
    trials: dict[str, list[TrialRecord]] = {name: [] for name in names}
    for trial in sorted(sweep.trials, key=lambda trial: (trial.ended, trial.number)):
        if trial.ended and not trial.replicate_of:
            trials[trial.architecture].append(trial)
    by_uid = {trial.uid: trial for trial in sweep.trials}
    return {name: _course(name, found, by_uid, sweep.sweep.objective) for name, found in trials.items()}


def _course(name: str, trials: list[TrialRecord], by_uid: Mapping[str, TrialRecord], objective: Objective) -> Course:
    steps: list[Step] = []
    count, epochs, updates, seconds, best = 0, 0, 0, 0.0, -math.inf
    for trial in trials:
        more = own_cost(trial, by_uid)
        count += trial.state != "stopped"
        epochs, updates, seconds = epochs + more[0], updates + more[1], seconds + more[2]
        value = trial.metric(objective.metric) if trial.state == "finished" else math.nan
        score = value if math.isfinite(value) else math.nan
        best = best if math.isnan(score) else max(best, objective.gain(score))
        so_far = objective.gain(best) if math.isfinite(best) else math.nan
        steps.append(Step(trial, score, count, epochs, updates, seconds, so_far))
    return Course(name, tuple(steps))


def own_cost(trial: TrialRecord, by_uid: Mapping[str, TrialRecord]) -> tuple[int, int, float]:
    """Epochs, updates and seconds of one trial alone; 0 for what the ledger does not tell.

    A trial that continues another one is recorded with all that its training has had, so what the other had is taken away.
    Failed and stopped trials tell epochs and seconds, but no updates.
    """
    before = by_uid.get(trial.continues)
    epochs, updates, seconds = trial.epochs, trial.updates, _number(trial.seconds)
    if before is not None:
        epochs, updates = epochs - before.epochs, updates - before.updates
        seconds -= _number(before.seconds)
    return max(epochs, 0), max(updates, 0), max(seconds, 0.0)


def _number(value: float) -> float:
    return value if math.isfinite(value) else 0.0
