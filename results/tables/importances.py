"""Importances of the parameters: over all architectures, for each alone, or stage by stage."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from results.parameters import Axis, architecture_axis, parameter_axis
from results.records import Sweep, TrialRecord
from results.statistics.importance import FEW_TRIALS, FEWEST_TRIALS, Importance, best_of, best_share, importances
from results.tables.factors import swept_parameters

ALL = "all architectures"


@dataclass(frozen=True, slots=True)
class Group:
    """Trials that were judged together.

    Attributes:
        name: of the architecture or stage, or `ALL`.
        of: position of the architecture in the sweep; None for other groups.
        trials: how many settings were judged: replicates of one count once, with their mean score.
        best: how many of them counted as best.
        importances: highest first.
    """

    name: str
    of: int | None
    trials: int
    best: int
    importances: tuple[Importance, ...]

    @property
    def underpowered(self) -> bool:
        """Whether there are too few trials to take the absence of importance for anything."""
        return self.trials < FEW_TRIALS


def importance_groups(sweep: Sweep) -> tuple[Group, ...]:
    """All groups with at least `FEWEST_TRIALS` finished settings and two parameters that varied.

    With one stage: all architectures over the parameters that all of them have and the architecture itself, then each
    architecture over its own. With several: each stage like all architectures.
    """
    settings = _settings(sweep)
    stages = list(dict.fromkeys(trial.stage for trial, _ in settings))
    if len(stages) > 1:
        made = [_group(sweep, stage, None, [item for item in settings if item[0].stage == stage]) for stage in stages]
    else:
        made = [_group(sweep, ALL, None, settings)]
        for of, name in enumerate(
            dict.fromkeys((*sweep.sweep.architectures, *(item[0].architecture for item in settings)))
        ):
            own = [item for item in settings if item[0].architecture == name]
            made += [_group(sweep, name, of, own)] if len(own) < len(settings) else []
    return tuple(group for group in made if group is not None)


def importance_table(groups: Sequence[Group]) -> pd.DataFrame:
    """One row a group and parameter.

    Columns: `trials_judged` (name of the group), `parameter`, `share` (of the sum of the divergences), `chance` (95 %
    quantile of it for random trials), `shown` (whether it is more), `divergence`, `settings`, `best`, `underpowered`.
    """
    rows = [
        {
            "trials_judged": group.name,
            "parameter": item.parameter,
            "share": item.share,
            "chance": item.chance,
            "shown": item.shown,
            "divergence": item.divergence,
            "settings": group.trials,
            "best": group.best,
            "underpowered": group.underpowered,
        }
        for group in groups
        for item in group.importances
    ]
    columns = [
        "trials_judged",
        "parameter",
        "share",
        "chance",
        "shown",
        "divergence",
        "settings",
        "best",
        "underpowered",
    ]
    return pd.DataFrame(rows, columns=columns)


def finished_settings(sweep: Sweep) -> int:
    """How many settings finished with a score."""
    return len(_settings(sweep))


def _settings(sweep: Sweep) -> list[tuple[TrialRecord, float]]:
    """The first trial of each setting that finished, with the mean gain of all its trials."""
    objective = sweep.sweep.objective
    gains: dict[str, list[float]] = {}
    first: dict[str, TrialRecord] = {}
    for trial in sweep.trials:
        gain = objective.gain(trial.metric(objective.metric))
        if trial.state == "finished" and math.isfinite(gain):
            key = repr(
                (trial.stage, trial.architecture, trial.planned_epochs, sorted(trial.parameters.items(), key=str))
            )
            first.setdefault(key, trial)
            gains.setdefault(key, []).append(gain)
    return [(trial, math.fsum(gains[key]) / len(gains[key])) for key, trial in first.items()]


def _group(sweep: Sweep, name: str, of: int | None, settings: Sequence[tuple[TrialRecord, float]]) -> Group | None:
    trials = [trial for trial, _ in settings]
    axes = _axes(sweep, trials)
    if len(trials) < FEWEST_TRIALS or len(axes) < 2:
        return None
    gains = np.array([gain for _, gain in settings])
    positions = np.array([[axis.place(trial) for axis in axes] for trial in trials], np.float64)
    best = int(best_of(gains, best_share(len(gains))).sum())
    return Group(name, of, len(trials), best, importances(axes, positions, gains))


def _axes(sweep: Sweep, trials: Sequence[TrialRecord]) -> list[Axis]:
    shared = [name for name in swept_parameters(trials) if all(name in trial.parameters for trial in trials)]
    axes = [parameter_axis(sweep, name, trials) for name in shared]
    names = dict.fromkeys(trial.architecture for trial in trials)
    return [architecture_axis(names), *axes] if len(names) > 1 else axes
