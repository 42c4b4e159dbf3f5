"""All scores of the selected settings, label by label, and the tumours one by one."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from results.columns import Column
from results.metrics import LABEL_TITLES, metric
from results.reports.section import Material, Section
from results.reports.table import Shown, Table, make_table
from results.tables.metrics import lesion_table, metric_table, pooled_table, selected_trials

_FIGURES = ("mean", "sd", "median", "q1", "q3")
_TEXT = (
    "Every score of each architecture's selected setting on the validation patients, whole volumes on the scan's own grid. "
    "A patient's value is the mean over scans, folds and seeds; mean ± SD, median and quartiles are over patients with a finite "
    "value.",
    "A surface distance is infinite where one side is empty: nothing was found of what is there, or something of what is not. "
    "Such a patient is a failure, which no mean contains: a small mean distance beside many failures is no good result. "
    "Scores of the tumour are over patients that have one. Distances are lower the better.",
)
_LESION_NOTE = (
    "All tumours of all validation patients pooled, 26-connected, none too small to count; where a setting has several seeds "
    "their counts are added. Found: IoU > 0.5 with one predicted tumour. False tumours: predicted in a tumour-free patient, mean "
    "over those patients. Tumour burden: tumour volume over liver volume."
)


def make_metrics(material: Material) -> Section | None:
    """The section, or None where no trial was scored in full (pruned trials, ledgers of older versions)."""
    selected = selected_trials(material.sweep)
    if not any(any(trial.case_scores) for trials in selected.values() for trial in trials):
        return None
    labels = [label for label in material.sweep.sweep.labels if label in LABEL_TITLES]
    tables = [_metric_layout(metric_table(selected, label), label) for label in labels]
    tables += [_pooled_layout(pooled_table(selected, labels), labels), _lesion_layout(lesion_table(selected))]
    return Section(
        key="metrics",
        title="All metrics",
        short="Metrics",
        text=_TEXT,
        tables=tuple(table for table in tables if table.rows),
    )


def _metric_layout(frame: pd.DataFrame, label: str) -> Table:
    shown = [
        Shown(("metric",), "score", numeric=False),
        Shown(("better",), numeric=False, priority=4),
        Shown(("architecture",), numeric=False),
        Shown(("mean", "sd"), "mean ± SD", " ± "),
        Shown(("median",)),
        Shown(("q1", "q3"), "quartiles", " … ", priority=3),
        Shown(("n",), "patients"),
        Shown(("failures",)),
        Shown(("undefined",), priority=2),
    ]
    table = make_table(frame, shown, key=f"metrics-{label}", title=f"All metrics: {LABEL_TITLES[label]}")
    return replace(table, rows=tuple(_row(table, record) for record in frame.astype(object).to_dict("records")))


def _row(table: Table, record: Mapping[Hashable, Any]) -> tuple[str, ...]:
    """The cells of one row, its figures with the decimals that the score of the row deserves."""
    decimals = metric(record["name"]).decimals
    figures = {name: Column(name, name, decimals).text(record[name]) for name in _FIGURES}
    return tuple(
        shown.text({**{str(name): value for name, value in record.items()}, **figures}) for shown in table.shown
    )


def _pooled_layout(frame: pd.DataFrame, labels: Sequence[str]) -> Table:
    shown = [
        Shown(("architecture",), numeric=False),
        *[Shown((f"dice_global_{label}",)) for label in labels],
        *[
            Shown((f"slice_dice_smooth1_{label}_mean", f"slice_dice_smooth1_{label}_sd"), separator=" ± ", priority=1)
            for label in labels
        ],
    ]
    note = "Over all voxels of all patients, and over all slices (slice Dice*, the study's smoothed score: never ranked on)."
    return make_table(frame, shown, key="metrics-pooled", title="All patients pooled", note=note)


def _lesion_layout(frame: pd.DataFrame) -> Table:
    shown = [
        Shown(("architecture",), numeric=False),
        Shown(("reference",), "tumours"),
        Shown(("prediction",), "predicted"),
        Shown(("recall_iou50",), "recall (IoU > 0.5)"),
        Shown(("precision_iou50",), "precision (IoU > 0.5)"),
        Shown(("recall_any",), "recall (touched)", priority=2),
        Shown(("precision_any",), "precision (touching)", priority=2),
        Shown(("false_tumours",), "false tumours", priority=1),
        Shown(("burden_rmse",), "tumour burden RMSE", priority=1),
    ]
    return make_table(frame, shown, key="metrics-lesions", title="Tumours one by one", note=_LESION_NOTE)
