"""The ranked table of trials."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from results.ranking import RankedTrial, rank_trials, settings
from results.records import Sweep
from results.sweep_parts import Objective
from results.tables.factors import swept_parameters

FIXED_COLUMNS = frozenset(
    {"rank", "front", "trial", "number", "stage", "fold", "seed", "architecture", "state", "failure", "best_epoch"}
    | {"continues", "replicate_of", "trainings", "mean_objective", "planned_epochs", "epochs", "updates", "seconds"}
    | {"parameters", "gflops", "s_per_epoch"}
)


def trial_table(sweep: Sweep, *, stage: str | None = None) -> pd.DataFrame:
    """One row a trial, best first (see `results.ranking`).

    Columns: `rank`, `front` (several objectives only), `trial`, `number`, `architecture`, `stage` and `fold` (where
    there are several), `continues` (the trial that it trains on; where there is one), `replicate_of` (the trial whose
    setting it repeats; where there is one), `trainings` and `mean_objective` (of ranked settings, where any was
    repeated), one for each parameter that varies, `state`, `failure`, `best_epoch`, `epochs`, `planned_epochs` (where
    trials differ in length), `updates`, the objectives (`val_dice`), `dice_liver_mean`, `dice_liver_sd`,
    `dice_tumour_mean`, `dice_tumour_sd` (for the labels of the sweep), the study's slice Dice, `seconds`, `s_per_epoch`,
    `parameters`, `gflops`. Missing numbers are NaN or `pd.NA`.

    Args:
        sweep: the sweep.
        stage: only the trials of this stage; None for all.
    """
    trials = [trial for trial in sweep.trials if stage is None or trial.stage == stage]
    objectives = sweep.sweep.objectives
    places = rank_trials(trials, objectives)
    columns = _identity(places, objectives) | _parameters(places, swept_parameters(trials))
    columns |= _repeated(sweep, places) | _progress(places) | _scores(places, score_columns(sweep)) | _costs(places)
    return pd.DataFrame(columns)


def _identity(places: Sequence[RankedTrial], objectives: Sequence[Objective]) -> dict[str, Any]:
    columns: dict[str, Any] = {"rank": _integers([place.rank for place in places])}
    if len(objectives) > 1:
        columns["front"] = _integers([place.front for place in places])
    columns["trial"] = _texts([place.trial.uid for place in places])
    columns["number"] = [place.trial.number for place in places]
    columns["architecture"] = _texts([place.trial.architecture for place in places])
    if len({place.trial.stage for place in places}) > 1:
        columns["stage"] = _texts([place.trial.stage for place in places])
    for name in ("fold", "seed"):
        values = [getattr(place.trial, name) for place in places]
        if len(set(values)) > 1:
            columns[name] = values
    if any(place.trial.continues for place in places):
        columns["continues"] = _texts([place.trial.continues for place in places])
    if any(place.trial.replicate_of for place in places):
        columns["replicate_of"] = _texts([place.trial.replicate_of for place in places])
    return columns


def _repeated(sweep: Sweep, places: Sequence[RankedTrial]) -> dict[str, Any]:
    """How often a ranked setting was trained, and its mean, by which it is ranked; nothing where none was repeated."""
    found = settings(sweep.trials)
    if all(len(setting.trials) == 1 for setting in found.values()):
        return {}
    objective = sweep.sweep.objective.metric
    ranked = [found[place.trial.uid] if place.rank is not None else None for place in places]
    return {
        "trainings": _integers([len(setting.trials) if setting else None for setting in ranked]),
        "mean_objective": [setting.mean(objective) if setting else math.nan for setting in ranked],
    }


def _parameters(places: Sequence[RankedTrial], names: Sequence[str]) -> dict[str, Any]:
    return {
        parameter_column(name): pd.array([place.trial.parameters.get(name) for place in places], dtype=object)
        for name in names
    }


def parameter_column(name: str) -> str:
    """Name of the column of a parameter: its own, unless a column of another meaning has that."""
    return f"parameter_{name}" if name in FIXED_COLUMNS else name


def _progress(places: Sequence[RankedTrial]) -> dict[str, Any]:
    planned = [place.trial.planned_epochs for place in places]
    columns = {
        "state": _texts([place.trial.state for place in places]),
        "failure": _texts([place.trial.failure for place in places]),
        "best_epoch": _integers([place.trial.best_epoch for place in places]),
        "epochs": [place.trial.epochs for place in places],
    }
    if len(set(planned)) > 1:
        columns["planned_epochs"] = _integers([epochs or None for epochs in planned])
    return columns | {"updates": [place.trial.updates for place in places]}


def _scores(places: Sequence[RankedTrial], names: Sequence[str]) -> dict[str, Any]:
    return {name: [place.trial.metric(name) for place in places] for name in names}


def _costs(places: Sequence[RankedTrial]) -> dict[str, Any]:
    columns: dict[str, Any] = {"seconds": [place.trial.seconds for place in places]}
    for name in ("s_per_epoch", "parameters", "gflops"):
        columns[name] = [getattr(place.trial.cost, name) for place in places]
    return columns


def score_columns(sweep: Sweep) -> tuple[str, ...]:
    """Names of the scores that tables show: objectives, Dice of each label with its SD, the study's slice Dice, `full_columns`."""
    names = [objective.metric for objective in sweep.sweep.objectives]
    names = [name for name in names if name not in FIXED_COLUMNS]
    for label in sweep.sweep.labels:
        names += [f"dice_{label}_mean", f"dice_{label}_sd"]
    names += [*study_columns(sweep), *full_columns(sweep)]
    return tuple(dict.fromkeys(names))


def full_columns(sweep: Sweep) -> tuple[str, ...]:
    """Names of the scores that only trials scored in full have, of those that tables show; empty when no trial has been.

    HD95 with its failures and NSD of each label, recall and precision of lesions.
    """
    names = [name for label in sweep.sweep.labels for name in (f"hd95_{label}_mean", f"hd95_{label}_failures")]
    names += [f"nsd_{label}_mean" for label in sweep.sweep.labels]
    names += ["lesion_recall_iou50", "lesion_precision_iou50"]
    measured = {name for trial in sweep.trials for name in trial.metrics if name in names}
    return tuple(name for name in names if name in measured)


def study_columns(sweep: Sweep) -> tuple[str, ...]:
    """Names of the slice Dice to show: of the study's liver (label 1 alone) where measured, else of the liver."""
    measured = sweep.sweep.baseline or next((trial.metrics for trial in sweep.trials if trial.metrics), {})
    labels = ["liver_only" if "slice_dice_smooth1_liver_only_mean" in measured else "liver"]
    labels += [label for label in sweep.sweep.labels if label != "liver"]
    return tuple(f"slice_dice_smooth1_{label}_mean" for label in labels)


def _integers(values: Sequence[int | None]) -> Any:
    return pd.array([pd.NA if value is None else value for value in values], dtype="Int64")


def _texts(values: Sequence[str]) -> Any:
    return pd.array(values, dtype=object)
