"""Scores between patients: the best trial of each architecture, summed up and case by case."""

from __future__ import annotations

from dataclasses import asdict

import pandas as pd

from results.ranking import best_by_architecture, settings
from results.records import CaseScore, Sweep, TrialRecord
from results.statistics import Comparison, Summary, architecture_scores, patient_dice, summaries

__all__ = ["case_table", "patient_dice", "patient_table"]


def patient_table(sweep: Sweep, comparison: Comparison | None = None) -> pd.DataFrame:
    """One row an architecture (its best trial, with its replicates) and label.

    Columns: `architecture`, `label`, `n` (patients with a number), `missing`, `failures`, `mean`, `sd` (between
    patients), `median`, `q1`, `q3`, `ci_low`, `ci_high` (bootstrap over patients, the same resamples for every
    architecture), `seeds`, `seed_sd` (between seeds), `underpowered`. See `results.statistics.Summary`.

    Args:
        sweep: the sweep.
        comparison: of its architectures, where it has been made already.
    """
    found = summaries(architecture_scores(sweep)) if comparison is None else comparison.summaries
    rows = [
        {"architecture": model, "label": label} | asdict(summary) | {"underpowered": summary.underpowered}
        for (model, label), summary in found.items()
    ]
    return pd.DataFrame(rows, columns=["architecture", "label", *Summary.__slots__, "underpowered"])


def _best(sweep: Sweep) -> list[TrialRecord]:
    found = best_by_architecture(sweep.trials, sweep.sweep.objectives)
    return [best for best in found.values() if best is not None]


def case_table(sweep: Sweep) -> pd.DataFrame:
    """One row a validation case of each training of the best setting of each architecture.

    Columns: `architecture`, `trial`, `case`, `patient`, `dice_liver`, `dice_tumour`, `has_tumour`, then whatever more the
    cases were scored on; NaN where an architecture's were not.
    """
    found = settings(sweep.trials)
    rows = [
        {"architecture": trial.architecture, "trial": trial.uid} | case._asdict() | more
        for best in _best(sweep)
        for trial in found[best.uid].trials
        for case, more in zip(trial.cases, trial.case_scores, strict=True)
    ]
    columns = ["architecture", "trial", *CaseScore._fields]
    further = dict.fromkeys(name for row in rows for name in row if name not in columns)
    return pd.DataFrame(rows, columns=[*columns, *further])
