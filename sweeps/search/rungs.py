"""Successive halving and the median rule that know by heart what they compare with. Imports Optuna; import it inside
functions.

Optuna's pruner goes through all trials of the study at every rung that a trial completes: 0.1 ms a thousand trials, each
time. This one decides the same from a sorted list a rung. It still notes on the trial itself which rungs it completed, as
Optuna's does. Its lists are rebuilt like the study, by the same reports in the same order; so it must have seen all of them.
"""

from __future__ import annotations

import math
from bisect import insort
from collections import defaultdict

import optuna
from optuna.pruners import HyperbandPruner, MedianPruner, SuccessiveHalvingPruner
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState


class RungPruner(SuccessiveHalvingPruner):
    """Optuna's `SuccessiveHalvingPruner` for one study.

    Args:
        min_resource: step of the first rung, from 1.
        reduction_factor: one of so many goes on; each rung is so many times as high as the one before.
        early: rungs that are left out at the bottom.
    """

    def __init__(self, min_resource: int, reduction_factor: int, early: int = 0) -> None:
        super().__init__(min_resource=min_resource, reduction_factor=reduction_factor, min_early_stopping_rate=early)
        self._first, self._factor, self._early = min_resource, reduction_factor, early
        self._rungs: dict[int, list[float]] = defaultdict(list)

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Whether the trial is to be stopped after its last report; see Optuna's `SuccessiveHalvingPruner.prune`."""
        step = trial.last_step
        if step is None:
            return False
        value = trial.intermediate_values[step]
        rung = 0
        while _key(rung) in trial.system_attrs:
            rung += 1
        while step >= self._first * self._factor ** (self._early + rung):
            if math.isnan(value):
                return True
            study._storage.set_trial_system_attr(trial._trial_id, _key(rung), value)
            insort(self._rungs[rung], value)
            if not self._goes_on(rung, value, study.direction == StudyDirection.MAXIMIZE):
                return True
            rung += 1
        return False

    def _goes_on(self, rung: int, value: float, maximize: bool) -> bool:
        """Whether the value is among the best `1 / reduction_factor` of its rung; among a few, whether it is the best."""
        values = self._rungs[rung]
        place = max(1, len(values) // self._factor)
        return value >= values[-place] if maximize else value <= values[place - 1]


class RungHyperband(HyperbandPruner):
    """Optuna's `HyperbandPruner` with a `RungPruner` a bracket."""

    # Optuna calls this before the first decision; it makes its own pruners, which have seen nothing yet.
    def _try_initialization(self, study: optuna.Study) -> None:
        super()._try_initialization(study)
        first, factor = int(self._min_resource), int(self._reduction_factor)
        self._pruners = [RungPruner(first, factor, early) for early in range(len(self._pruners))]


class RungMedian(MedianPruner):
    """Optuna's `MedianPruner` for one study, told of the trials that end; it would go through all of them at every report.

    Args:
        n_startup_trials: finished trials before any is stopped.
        n_warmup_steps: steps before any is stopped.
    """

    def __init__(self, n_startup_trials: int, n_warmup_steps: int) -> None:
        super().__init__(n_startup_trials=n_startup_trials, n_warmup_steps=n_warmup_steps)
        self._startup, self._warmup = n_startup_trials, n_warmup_steps
        self._finished = 0
        self._reports: dict[int, list[float]] = defaultdict(list)

    def told(self, trial: FrozenTrial) -> None:
        """See `Listener`."""
        if trial.state != TrialState.COMPLETE:
            return
        self._finished += 1
        for step, value in trial.intermediate_values.items():
            if not math.isnan(value):
                insort(self._reports[step], value)

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Whether the best report of the trial is worse than the median of the finished ones' reports at its last step."""
        step = trial.last_step
        if step is None or not self._finished or self._finished < self._startup or step < self._warmup:
            return False
        maximize = study.direction == StudyDirection.MAXIMIZE
        values = [value for value in trial.intermediate_values.values() if not math.isnan(value)]
        if not values:
            return True
        others = self._reports.get(step)
        if not others:
            return False
        return max(values) < _median(others) if maximize else min(values) > _median(others)


def _median(values: list[float]) -> float:
    """Of sorted values; of an even number of them the middle of two as NumPy rounds it."""
    half = len(values) // 2
    if len(values) % 2:
        return values[half]
    return values[half] - (values[half] - values[half - 1]) * 0.5


def _key(rung: int) -> str:
    return f"completed_rung_{rung}"
