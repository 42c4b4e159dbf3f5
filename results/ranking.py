"""Which trial is better: by one objective, or by Pareto fronts when there are several.

Only finished trials are ranked. A pruned trial was given less than the others; it is listed after them, without a rank.

Trials are ranked as settings: a setting that was repeated on other folds or with other seeds is ranked by the mean over all
of these, and stands where its first trial stands; the repetitions themselves have no rank, for their scores are of other
patients, or of another throw of the dice. Settings that were trained more than half as often as the most often trained one
come first: the mean of many is honest where the best of many single scores is lucky, and one failed repetition decides nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from results.records import STATES, Sweep, TrialRecord
from results.sweep_parts import Objective

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RankedTrial:
    """A trial with its place.

    Attributes:
        rank: from 1; None unless the trial finished with a number for every objective and repeats no other.
        front: Pareto front from 1 (always 1-based rank groups with one objective); None where `rank` is None.
    """

    trial: TrialRecord
    rank: int | None
    front: int | None


@dataclass(frozen=True, slots=True)
class Setting:
    """Finished trials of one setting: the search's own first, then its repetitions on other folds and with other seeds."""

    trials: tuple[TrialRecord, ...]

    @property
    def first(self) -> TrialRecord:
        """The search's own trial."""
        return self.trials[0]

    def mean(self, metric: str) -> float:
        """Mean of a metric over the trials that have a finite number; NaN where the first has none."""
        values = np.array([trial.metric(metric) for trial in self.trials])
        finite = values[np.isfinite(values)]
        return float(finite.mean()) if np.isfinite(values[0]) else math.nan


def settings(trials: Sequence[TrialRecord]) -> dict[str, Setting]:
    """Every finished setting by the uid of its first trial. A setting whose first trial has not finished is none."""
    groups = {trial.uid: [trial] for trial in trials if trial.state == "finished" and not trial.replicate_of}
    for trial in trials:
        if trial.state == "finished" and trial.replicate_of in groups:
            groups[trial.replicate_of].append(trial)
    return {uid: Setting(tuple(group)) for uid, group in groups.items()}


def rank_trials(trials: Sequence[TrialRecord], objectives: Sequence[Objective]) -> list[RankedTrial]:
    """All trials, best first.

    Order: settings that were trained often enough (see above) before the others, each by front, then by the first
    objective, then by number; finished trials that are no ranked setting; then pruned (best first), running, queued, stopped
    and failed trials, each by number. Ties go to the lower number.
    """
    found = settings(trials)
    gains = _gains(trials, found, objectives)
    eligible = [i for i, trial in enumerate(trials) if trial.uid in found and not np.isnan(gains[i]).any()]
    fronts = dict(zip(eligible, pareto_fronts(gains[eligible]), strict=True)) if len(objectives) > 1 else {}
    counts = {i: len(found[trials[i].uid].trials) for i in eligible}
    half = max(counts.values(), default=0) / 2
    eligible.sort(key=lambda i: (counts[i] <= half, fronts.get(i, 1), -gains[i, 0], trials[i].number))
    ranked = [RankedTrial(trials[i], rank, int(fronts.get(i, rank))) for rank, i in enumerate(eligible, 1)]
    chosen = set(eligible)
    rest = [i for i in range(len(trials)) if i not in chosen]
    rest.sort(key=lambda i: (STATES.index(trials[i].state), *_unranked(trials[i], gains[i, 0])))
    return ranked + [RankedTrial(trials[i], None, None) for i in rest]


def _gains(trials: Sequence[TrialRecord], found: Mapping[str, Setting], objectives: Sequence[Objective]) -> Floats:
    """Objective values, more is better: float `(trials, objectives)`, NaN where there is none or it is infinite.

    Those of a setting's first trial are the means over the setting.
    """
    values = [
        [objective.gain(_value(trial, found.get(trial.uid), objective.metric)) for objective in objectives]
        for trial in trials
    ]
    gains = np.array(values, np.float64).reshape(len(trials), len(objectives))
    gains[~np.isfinite(gains)] = np.nan
    return gains


def _value(trial: TrialRecord, setting: Setting | None, metric: str) -> float:
    return trial.metric(metric) if setting is None or len(setting.trials) == 1 else setting.mean(metric)


def _unranked(trial: TrialRecord, gain: float) -> tuple[float, int]:
    return (-gain if trial.state == "pruned" and not math.isnan(gain) else math.inf, trial.number)


def pareto_fronts(gains: Floats) -> npt.NDArray[np.int64]:
    """Front of each row, from 1.

    Args:
        gains: float `(n, objectives)`, more is better, no NaN.

    A row is in front 1 when no other row is at least as good everywhere and better somewhere; in front k when that is
    so after fronts 1 … k−1 are taken away. Equal rows share a front.
    """
    fronts = np.zeros(len(gains), np.int64)
    left = np.arange(len(gains))
    front = 0
    while left.size:
        front += 1
        best = _non_dominated(gains[left])
        fronts[left[best]] = front
        left = left[~best]
    return fronts


def _non_dominated(gains: Floats) -> npt.NDArray[np.bool_]:
    """Rows that no other row dominates. Each surviving row removes all that it dominates, best sums first."""
    keep = np.ones(len(gains), bool)
    for i in np.argsort(-gains.sum(axis=1), kind="stable"):
        if keep[i]:
            dominated = (gains <= gains[i]).all(axis=1) & (gains < gains[i]).any(axis=1)
            keep &= ~dominated
    return keep


def best_trial(sweep: Sweep) -> TrialRecord | None:
    """The first of the ranking; None when no trial finished with a number. Never a failed or pruned one."""
    return next(iter(best_trials(sweep, 1)), None)


def best_trials(sweep: Sweep, n: int | None = None) -> tuple[TrialRecord, ...]:
    """The first `n` of the ranking, best first; all that are ranked when None. Never a failed or pruned one."""
    ranked = rank_trials(sweep.trials, sweep.sweep.objectives)
    return tuple(place.trial for place in ranked[:n] if place.rank is not None)


def best_by_architecture(
    trials: Sequence[TrialRecord], objectives: Sequence[Objective], architectures: Sequence[str] = ()
) -> dict[str, TrialRecord | None]:
    """The best ranked trial of each architecture, best architecture first; None (last) where none was ranked.

    `architectures` names those that must be in the result even without a trial.
    """
    ranked = rank_trials(trials, objectives)
    found: dict[str, TrialRecord | None] = {}
    for place in ranked:
        if place.rank is not None:
            found.setdefault(place.trial.architecture, place.trial)
    for name in (*architectures, *(trial.architecture for trial in trials)):
        found.setdefault(name, None)
    return found
