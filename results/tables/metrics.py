"""Every score that the validation cases have, for the selected setting of each architecture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import pandas as pd

from results.metrics import LABEL_TITLES, metric
from results.ranking import best_by_architecture, settings
from results.records import Sweep, TrialRecord
from results.statistics.metrics import (
    CASE_METRICS,
    LesionSummary,
    MetricSummary,
    finite_mean,
    lesion_summary,
    metric_summary,
)

_FIGURES = tuple(MetricSummary.__slots__)


def selected_trials(sweep: Sweep) -> dict[str, tuple[TrialRecord, ...]]:
    """The trials of the selected setting of each architecture, best architecture first; those without cases are left out."""
    groups = settings(sweep.trials)
    chosen = best_by_architecture(sweep.trials, sweep.sweep.objectives)
    return {name: groups[trial.uid].trials for name, trial in chosen.items() if trial is not None and trial.cases}


def metric_table(selected: Mapping[str, Sequence[TrialRecord]], label: str) -> pd.DataFrame:
    """One row a score of one label and an architecture, the architectures of a score together.

    Columns: `metric` (title), `name`, `better` (`higher`, `lower`, or `nearer to 0`), `architecture`, then those of
    `results.statistics.metrics.MetricSummary`. Scores that no case has are left out.

    Args:
        selected: from `selected_trials`.
        label: `liver` or `tumour`.
    """
    rows = []
    for name in CASE_METRICS:
        for architecture, trials in selected.items():
            found = metric_summary(trials, label, name)
            if found is not None:
                rows.append(_head(name, label) | {"architecture": architecture} | asdict(found))
    counts = dict.fromkeys(("n", "failures", "undefined"), "Int64")
    return pd.DataFrame(rows, columns=["metric", "name", "better", "architecture", *_FIGURES]).astype(counts)


def _head(name: str, label: str) -> dict[str, str]:
    full = f"{name}_{label}_mean"
    title = metric(full).title.replace(f" {LABEL_TITLES[label]}", "")
    better = "lower" if metric(full).direction == "minimize" else "higher"
    return {"metric": title, "name": full, "better": "nearer to 0" if name == "rvd" else better}


def lesion_table(selected: Mapping[str, Sequence[TrialRecord]]) -> pd.DataFrame:
    """One row an architecture: the columns of `results.statistics.metrics.LesionSummary`, shares as they are."""
    rows = []
    for architecture, trials in selected.items():
        found = lesion_summary(trials)
        if found is not None:
            rows.append({"architecture": architecture} | asdict(found))
    return pd.DataFrame(rows, columns=["architecture", *LesionSummary.__slots__])


def pooled_table(selected: Mapping[str, Sequence[TrialRecord]], labels: Sequence[str]) -> pd.DataFrame:
    """One row an architecture: scores that are of no single patient, as means over replicates; all NaN where not recorded.

    Columns: `architecture`, then for each label `dice_global_L` and the study's `slice_dice_smooth1_L_mean` and `…_sd`.
    """
    names = [f"dice_global_{label}" for label in labels]
    names += [f"slice_dice_smooth1_{label}_{part}" for label in labels for part in ("mean", "sd")]
    rows = [
        {"architecture": architecture} | {name: finite_mean([trial.metric(name) for trial in trials]) for name in names}
        for architecture, trials in selected.items()
    ]
    return pd.DataFrame(rows, columns=["architecture", *names])
