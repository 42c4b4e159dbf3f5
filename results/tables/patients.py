"""Scores between patients: the best trial of each architecture, summed up and case by case."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pandas as pd

from results.ranking import best_by_architecture
from results.records import CaseScore, Sweep, TrialRecord
from results.statistics import Summary, summarise

_SCORES = {"liver": "dice_liver", "tumour": "dice_tumour"}


def patient_dice(trial: TrialRecord, label: str) -> dict[str, float]:
    """Dice of a label by patient: mean over the patient's cases with a number; NaN when no case has one.

    Tumour counts only where there is tumour: a false finding in a tumour-free patient is a matter of specificity, and its
    Dice of 0 is part of no mean, as in the scores that rank.
    """
    found: dict[str, list[float]] = {}
    for case in trial.cases:
        value = getattr(case, _SCORES[label])
        counts = value == value and (label != "tumour" or case.has_tumour)
        found.setdefault(case.patient, []).extend([value] if counts else [])
    return {patient: sum(values) / len(values) if values else float("nan") for patient, values in found.items()}


def patient_table(sweep: Sweep) -> pd.DataFrame:
    """One row an architecture (its best trial) and label.

    Columns: `architecture`, `label`, `n` (patients with a number), `missing`, `mean`, `sd`, `median`, `q1`, `q3`,
    `ci_low`, `ci_high` (bootstrap over patients, the same resamples for every architecture), `underpowered`.
    """
    rows = [
        _row(best, label) for best in _best(sweep) for label in sweep.sweep.labels if label in _SCORES and best.cases
    ]
    return pd.DataFrame(rows, columns=["architecture", "label", *Summary.__slots__, "underpowered"])


def _row(best: TrialRecord, label: str) -> dict[str, Any]:
    dice = patient_dice(best, label)
    summary = summarise([dice[patient] for patient in sorted(dice)])
    return (
        {"architecture": best.architecture, "label": label} | asdict(summary) | {"underpowered": summary.underpowered}
    )


def _best(sweep: Sweep) -> list[TrialRecord]:
    found = best_by_architecture(sweep.trials, sweep.sweep.objectives)
    return [best for best in found.values() if best is not None]


def case_table(sweep: Sweep) -> pd.DataFrame:
    """One row a validation case of the best trial of each architecture.

    Columns: `architecture`, `trial`, `case`, `patient`, `dice_liver`, `dice_tumour`, `has_tumour`, then whatever more the
    cases were scored on; NaN where an architecture's were not.
    """
    rows = [
        {"architecture": best.architecture, "trial": best.uid} | case._asdict() | more
        for best in _best(sweep)
        for case, more in zip(best.cases, best.case_scores, strict=True)
    ]
    columns = ["architecture", "trial", *CaseScore._fields]
    further = dict.fromkeys(name for row in rows for name in row if name not in columns)
    return pd.DataFrame(rows, columns=[*columns, *further])
