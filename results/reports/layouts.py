"""Which columns each table of a report has, under which heads, and which of them share one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from results.columns import column, is_missing
from results.records import Sweep
from results.reports.table import Shown, Table, make_table
from results.tables import BASELINE, architecture_table, factor_table, swept_parameters, trial_table
from results.tables.trials import parameter_column, study_columns

STUDY_NOTE = (
    "Slice Dice* is the reference study's score: per slice, smoothed by 1, so that an empty slice left empty counts as "
    "perfect. It is shown for comparison and never ranked on."
)


def stages(sweep: Sweep) -> tuple[str | None, ...]:
    """Stages that have trials, in order; `(None,)` when there is one stage or none."""
    used = dict.fromkeys(trial.stage for trial in sweep.trials)
    named = [stage for stage in (*sweep.sweep.stages, *used) if stage in used]
    return tuple(dict.fromkeys(named)) if len(used) > 1 else (None,)


def _objectives(sweep: Sweep) -> list[Shown]:
    return [Shown((objective.metric,)) for objective in sweep.sweep.objectives]


def _study(sweep: Sweep) -> Shown:
    return Shown(study_columns(sweep), f"slice Dice* {_labels(sweep)}", priority=7)


def _in_full(sweep: Sweep) -> list[Shown]:
    """Columns of what only trials scored in full have. A distance says little without its failures, so they share a cell."""
    found = []
    for label in sweep.sweep.labels:
        distance = f"hd95_{label}_mean"
        found.append(Shown((distance, f"hd95_{label}_failures"), f"{column(distance).title} / failures", priority=9))
    found += [Shown((f"nsd_{label}_mean",), priority=9) for label in sweep.sweep.labels]
    return [*found, Shown(("lesion_recall_iou50", "lesion_precision_iou50"), "lesion recall / precision", priority=9)]


def _labels(sweep: Sweep) -> str:
    return " / ".join(sweep.sweep.labels)


def _pair(sweep: Sweep, head: str, pattern: str, priority: int) -> Shown:
    """One column for a figure of every label, in the study's way: `0.806 / 0.554`."""
    names = tuple(pattern.format(label) for label in sweep.sweep.labels)
    return Shown(names, f"{head} {_labels(sweep)}", priority=priority)


def architecture_layout(sweep: Sweep, stage: str | None = None) -> Table:
    """The comparison of architectures, with the baseline row set apart."""
    frame = architecture_table(sweep, stage=stage)
    shown = [
        Shown(("architecture",), numeric=False),
        *([Shown(("trainings",), priority=2)] if (frame["trainings"] > 1).any() else []),
        Shown(("parameters_m",), priority=1),
        Shown(("gflops",), priority=3),
        Shown(("s_per_epoch",), "s/epoch", priority=2),
        *_objectives(sweep),
        _pair(sweep, "mean Dice", "dice_{}_mean", 0),
        _pair(sweep, "SD", "dice_{}_sd", 1),
        _study(sweep),
        *_in_full(sweep),
        Shown(("n_patients", "n_tumour_patients"), "patients / with tumour", priority=3),
        Shown(("trials",), priority=3),
        Shown(("failures",), "failed", numeric=False, priority=4),
        Shown(("updates",), "updates spent", priority=8),
        Shown(("best_trial",), numeric=False, priority=6),
    ]
    note = "Scores are those of each architecture's best trial, on the validation patients; SD is between patients. "
    if (frame["trainings"] > 1).any():
        note = (
            "Scores are those of each architecture's best setting on the validation patients of all its trainings; a "
        )
        note += "patient's Dice is averaged over these first; SD is between patients. "
    note += STUDY_NOTE
    if "slice_dice_smooth1_liver_only_mean" in frame.columns:
        note += " Its liver is label 1 alone, without the tumour."
    marked = frozenset(i for i, name in enumerate(frame["architecture"]) if name == BASELINE)
    title = "Architectures" if stage is None else f"Architectures in stage {stage}"
    return make_table(frame, shown, key="architectures", title=title, note=note, marked=marked)


def trial_layout(sweep: Sweep) -> Table:
    """All trials, ranked."""
    frame = trial_table(sweep)
    shown = _trial_columns(sweep, frame, [parameter_column(name) for name in swept_parameters(sweep.trials)])
    note = "Finished trials by rank; pruned trials got less training than the others and have no rank. "
    note += "Dice is mean ± SD between patients."
    if "replicate_of" in frame.columns:
        note += (
            " A setting that was trained on other folds or with other seeds is ranked by the mean of all its trainings."
        )
    if "continues" in frame.columns:
        note += " A trial that continues another began with its state, and has its parameters and seed."
    return make_table(_with_outcome(frame), shown, key="trials", title="Trials", note=note)


def _with_outcome(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with the state and kind of failure in one column, and parameters in millions."""
    failed = frame["failure"] != ""
    outcome = frame["state"].where(~failed, "failed: " + frame["failure"].astype(str))
    return frame.assign(outcome=outcome, parameters_m=frame["parameters"] / 1e6)


def _trial_columns(sweep: Sweep, frame: pd.DataFrame, parameters: Sequence[str]) -> Sequence[Shown]:
    dice = [
        Shown((f"dice_{label}_mean", f"dice_{label}_sd"), f"Dice {label}", " ± ", priority=1)
        for label in sweep.sweep.labels
    ]
    return [
        Shown(("rank",)),
        Shown(("front",)),
        Shown(("trial",), numeric=False, priority=5),
        Shown(("number",), priority=0),
        Shown(("architecture",), numeric=False),
        Shown(("stage",), numeric=False, priority=2),
        Shown(("fold",), priority=3),
        Shown(("seed",), priority=3),
        Shown(("continues",), numeric=False, priority=3),
        Shown(("replicate_of",), numeric=False, priority=4),
        Shown(("outcome",), "state", numeric=False, priority=2),
        Shown(("trainings",), priority=3),
        Shown(("mean_objective",), "mean of trainings", priority=0),
        Shown(("best_epoch", "epochs"), "best epoch", priority=4),
        Shown(("planned_epochs",), priority=4),
        *_objectives(sweep),
        *dice,
        _study(sweep),
        *_in_full(sweep),
        *[Shown((name,), priority=2, numeric=_all_numbers(frame[name])) for name in parameters],
        Shown(("seconds",), "s", priority=4),
        Shown(("parameters_m",), priority=6),
        Shown(("gflops",), priority=5),
    ]


def factor_layouts(sweep: Sweep) -> tuple[Table, ...]:
    """A one-factor table for each parameter that varied, stage by stage when there are several."""
    return tuple(table for stage in stages(sweep) for table in _of_stage(sweep, stage))


def _of_stage(sweep: Sweep, stage: str | None) -> list[Table]:
    trials = [trial for trial in sweep.trials if stage is None or trial.stage == stage]
    tables: list[Table] = []
    for parameter in swept_parameters(trials):
        frame = factor_table(sweep, parameter, stage=stage)
        title = parameter if stage is None else f"{stage}: {parameter}"
        tables.append(make_table(frame, _factor_columns(sweep, frame), key=f"factor-{len(tables)}", title=title))
    return tables


def _factor_columns(sweep: Sweep, frame: pd.DataFrame) -> Sequence[Shown]:
    objective = sweep.sweep.objective.metric
    return [
        Shown(("value",), "value", numeric=_all_numbers(frame["value"])),
        Shown(("finished", "trials"), "finished / trials", priority=2),
        Shown((objective,), f"best {column(objective).title}"),
        _pair(sweep, "its Dice", "dice_{}_mean", 1),
        _pair(sweep, "its SD", "dice_{}_sd", 2),
        Shown((f"average_{objective}",), priority=2),
        _pair(sweep, "average Dice", "average_dice_{}_mean", 3),
        Shown(("best_trial",), numeric=False, priority=5),
    ]


def _all_numbers(values: Iterable[Any]) -> bool:
    """Whether every value is a number or missing, so that the column is aligned right."""
    return all(isinstance(value, (int, float)) or is_missing(value) for value in values)
