"""One-factor tables: how the score goes with each value of one parameter."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from results.ranking import rank_trials
from results.records import Sweep, TrialRecord

MOST_VALUES = 12
BINS = 5


def swept_parameters(trials: Iterable[TrialRecord]) -> tuple[str, ...]:
    """Names of the parameters that had more than one value, in the order in which they first appear."""
    values: dict[str, Any] = {}
    varying: dict[str, None] = {}
    for trial in trials:
        for name, value in trial.parameters.items():
            if values.setdefault(name, value) != value:
                varying[name] = None
    return tuple(name for name in values if name in varying)


def factor_table(sweep: Sweep, parameter: str, *, stage: str | None = None) -> pd.DataFrame:
    """One row a value of `parameter`, in ascending order (text after numbers).

    Columns: `value`; `trials` and `finished`, how many had that value; of its best trial `best_trial`, the first
    objective, and for each label `dice_L_mean` and `dice_L_sd` (between patients); the mean over its finished trials
    of the objective (`average_…`) and of each label's Dice. A number with more than 12 values is cut into 5 ranges
    with equally many trials.

    With a sampler the values are not balanced over the other parameters: the table describes the trials, it is no
    experiment. With a grid or a stage that varies one factor it is the one-factor table of an experiment. Repetitions of a
    setting on other folds or with other seeds are left out.
    """
    own = [trial for trial in sweep.trials if not trial.replicate_of]
    trials = [trial for trial in own if parameter in trial.parameters and (stage is None or trial.stage == stage)]
    groups = _groups(trials, parameter)
    return pd.DataFrame([_row(sweep, value, group) for value, group in groups], columns=_columns(sweep))


def _columns(sweep: Sweep) -> list[str]:
    objective = sweep.sweep.objective.metric
    scores = [f"dice_{label}_{part}" for part in ("mean", "sd") for label in sweep.sweep.labels]
    averages = [f"average_dice_{label}_mean" for label in sweep.sweep.labels]
    names = ["value", "trials", "finished", objective, *scores, f"average_{objective}", *averages, "best_trial"]
    return list(dict.fromkeys(names))


def _row(sweep: Sweep, value: Any, trials: Sequence[TrialRecord]) -> dict[str, Any]:
    finished = [trial for trial in trials if trial.state == "finished"]
    places = rank_trials(finished, sweep.sweep.objectives)
    best = places[0].trial if places and places[0].rank is not None else None
    row: dict[str, Any] = {"value": value, "trials": len(trials), "finished": len(finished)}
    for name in _columns(sweep)[3:]:
        if name.startswith("average_"):
            row[name] = _mean([trial.metric(name.removeprefix("average_")) for trial in finished])
        elif name != "best_trial":
            row[name] = best.metric(name) if best else math.nan
    row["best_trial"] = best.uid if best else ""
    return row


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return math.fsum(known) / len(known) if known else math.nan


def _groups(trials: Sequence[TrialRecord], parameter: str) -> list[tuple[Any, list[TrialRecord]]]:
    groups: dict[Any, list[TrialRecord]] = {}
    for trial in trials:
        groups.setdefault(_hashable(trial.parameters[parameter]), []).append(trial)
    if len(groups) > MOST_VALUES and all(_is_number(value) for value in groups):
        return _ranges(trials, parameter)
    return sorted(groups.items(), key=lambda item: _order(item[0]))


def _ranges(trials: Sequence[TrialRecord], parameter: str) -> list[tuple[str, list[TrialRecord]]]:
    ordered = sorted(trials, key=lambda trial: (trial.parameters[parameter], trial.number))
    parts = [[ordered[i] for i in part] for part in np.array_split(np.arange(len(ordered)), BINS)]
    return [(_range_text(part, parameter), part) for part in parts]


def _range_text(trials: Sequence[TrialRecord], parameter: str) -> str:
    return f"{trials[0].parameters[parameter]:.2g} … {trials[-1].parameters[parameter]:.2g}"


def _hashable(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, bool, type(None))) else repr(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _order(value: Any) -> tuple[int, float, str]:
    return (0, float(value), "") if isinstance(value, (int, float)) else (1, 0.0, str(value))
