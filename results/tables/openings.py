"""The openings of the locked test patients, and validation beside test for the trials that they were opened for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from results.records import Sweep
from results.statistics import HeldOut, OpeningScores, held_out

_FIGURES = ("mean", "sd", "n")
_HELD_OUT = (
    *("opening", "architecture", "label", "trials", "validation_mean", "validation_sd", "validation_n"),
    *("test_mean", "test_sd", "test_n", "test_ci_low", "test_ci_high", "drop", "ci_low", "ci_high", "underpowered"),
)
_OPENINGS = ("opening", "time", "again", "note", "trials", "tested", "patients", "ended_before", "ended_after")


def held_out_table(sweep: Sweep, found: Sequence[OpeningScores]) -> pd.DataFrame:
    """One row an opening, architecture and label.

    Columns: `opening`, `architecture`, `label`, `trials` (tested, all of one setting), `validation_mean`,
    `validation_sd`, `validation_n`, `test_mean`, `test_sd` (between patients), `test_n`, `test_ci_low`, `test_ci_high` (95 %
    bootstrap interval of the mean), `drop` (validation − test) with `ci_low`, `ci_high` (its interval), `underpowered`.
    """
    rows = [_row(sweep, scores, item) for scores in found for item in held_out(scores.validation, scores.test)]
    return pd.DataFrame(rows, columns=list(_HELD_OUT))


def _row(sweep: Sweep, scores: OpeningScores, item: HeldOut) -> dict[str, Any]:
    tested = [uid for uid in scores.opening.trials if uid not in scores.missing]
    trials = sum(sweep.trial(uid).architecture == item.model for uid in tested)
    row: dict[str, Any] = {"opening": scores.opening.number, "architecture": item.model, "label": item.label}
    row |= {"trials": trials, "drop": item.drop, "ci_low": item.ci_low, "ci_high": item.ci_high}
    for part in ("validation", "test"):
        row |= {f"{part}_{name}": getattr(getattr(item, part), name) for name in _FIGURES}
    row |= {"test_ci_low": item.test.ci_low, "test_ci_high": item.test.ci_high}
    return row | {"underpowered": item.validation.underpowered or item.test.underpowered}


def opening_table(found: Sequence[OpeningScores]) -> pd.DataFrame:
    """One row an opening.

    Columns: `opening`, `time`, `again`, `note`, `trials` (selected for it), `tested` (of them), `patients`, `ended_before`,
    `ended_after` (trials that had ended before it, and ends of trials since).
    """
    rows = [
        {
            "opening": scores.opening.number,
            "time": scores.opening.time,
            "again": scores.opening.again,
            "note": scores.opening.note,
            "trials": len(scores.opening.trials),
            "tested": len(scores.opening.trials) - len(scores.missing),
            "patients": len(scores.opening.patients),
            "ended_before": scores.opening.ended_before,
            "ended_after": scores.opening.ended_after,
        }
        for scores in found
    ]
    return pd.DataFrame(rows, columns=list(_OPENINGS))


def held_out_cases(sweep: Sweep) -> list[dict[str, Any]]:
    """One record a tested trial and test case: `opening`, `architecture`, `trial`, the case, and all that it was scored on."""
    return [
        {"opening": test.opening, "architecture": trial.architecture, "trial": trial.uid} | case._asdict() | more
        for trial in sweep.trials
        for test in trial.tests
        for case, more in zip(test.cases, test.case_scores, strict=True)
    ]
