"""Where architectures disagree: the spread of their Dice on one case, and the cases that are worth looking at."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from results.ranking import best_by_architecture, settings
from results.records import Sweep, TrialRecord

LABELS = ("liver", "tumour")
MOST_CASES = 4
MOST_DISPUTED = 2

Dice = Mapping[str, float]
"""By label; NaN where it is not defined, or does not count: tumour Dice in a case without tumour."""


@dataclass(frozen=True, slots=True)
class ChosenCase:
    """A case that is worth looking at, and why, in words."""

    case: str
    reasons: tuple[str, ...]


def selected_trials(sweep: Sweep) -> dict[str, tuple[TrialRecord, ...]]:
    """The trials of each architecture's best setting, its repetitions included; best architecture first."""
    best = best_by_architecture(sweep.trials, sweep.sweep.objectives)
    groups = settings(sweep.trials)
    return {
        name: groups[trial.uid].trials if trial.uid in groups else (trial,)
        for name, trial in best.items()
        if trial is not None
    }


def case_dice(sweep: Sweep) -> dict[str, dict[str, Dice]]:
    """Dice by case, then architecture, then label: the mean over the trials of its best setting that scored the case.

    Architectures come best first, cases in the order in which the trials name them.
    """
    found: dict[str, dict[str, dict[str, list[float]]]] = {}
    for name, trials in selected_trials(sweep).items():
        for case in (case for trial in trials for case in trial.cases):
            labels = found.setdefault(case.case, {}).setdefault(name, {label: [] for label in LABELS})
            labels["liver"].append(case.dice_liver)
            labels["tumour"].append(case.dice_tumour if case.has_tumour else math.nan)
    return {
        case: {name: {label: _mean(values) for label, values in labels.items()} for name, labels in rows.items()}
        for case, rows in found.items()
    }


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return math.fsum(known) / len(known) if known else math.nan


def disagreement_table(sweep: Sweep) -> pd.DataFrame:
    """One row a case that at least two architectures scored, largest spread first.

    Columns: `case`, `spread` (the larger one of the labels' spreads), for each label `spread_…` (highest minus lowest Dice
    of the architectures), `best_…`, `best_dice_…`, `worst_…`, `worst_dice_…` (which architecture, and its Dice; the
    better placed one of equals), then `tumour_ml`, `thickness_mm` (between slices) and `slices` of the scan; missing where not
    known. Tumour counts only in
    cases with tumour. Ties go to the case that comes first by name.
    """
    facts = _facts(sweep)
    rows = [
        {"case": case} | _spreads(dice) | facts.get(case, {})
        for case, dice in case_dice(sweep).items()
        if len(dice) > 1
    ]
    rows.sort(key=lambda row: (-row["spread"] if row["spread"] == row["spread"] else math.inf, row["case"]))
    names = [f"{part}_{label}" for label in LABELS for part in ("spread", "best", "best_dice", "worst", "worst_dice")]
    frame = pd.DataFrame(rows, columns=["case", "spread", *names, "tumour_ml", "thickness_mm", "slices"])
    return frame.astype({"slices": "Int64"})


def _spreads(dice: Mapping[str, Dice]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for label in LABELS:
        known = {name: values[label] for name, values in dice.items() if not math.isnan(values[label])}
        if len(known) < 2:
            row |= {f"spread_{label}": math.nan}
            continue
        best, worst = max(known, key=lambda name: known[name]), min(known, key=lambda name: known[name])
        row |= {f"best_{label}": best, f"best_dice_{label}": known[best]}
        row |= {f"worst_{label}": worst, f"worst_dice_{label}": known[worst]}
        row |= {f"spread_{label}": known[best] - known[worst]}
    spreads = [row[f"spread_{label}"] for label in LABELS if not math.isnan(row[f"spread_{label}"])]
    return {"spread": max(spreads, default=math.nan)} | row


def _facts(sweep: Sweep) -> dict[str, dict[str, Any]]:
    """Tumour volume, distance of slices and their number by case: from the sweep, else from trials scored in full."""
    facts: dict[str, dict[str, Any]] = {}
    for trial in (trial for trials in selected_trials(sweep).values() for trial in trials):
        for case, more in zip(trial.cases, trial.case_scores, strict=True):
            volume = more.get("voxel_ml", math.nan) * more.get("reference_voxels_tumour", math.nan)
            slices = more.get("slices", math.nan)
            facts.setdefault(case.case, {"tumour_ml": volume, "slices": None if math.isnan(slices) else int(slices)})
    for name, known in sweep.sweep.case_facts.items():
        fact = facts.setdefault(name, {})
        fact["thickness_mm"] = known.spacing_mm[2]
        fact["slices"] = known.slices or fact.get("slices")
        fact["tumour_ml"] = fact.get("tumour_ml", math.nan) if math.isnan(known.tumour_ml) else known.tumour_ml
    return facts


def cases_to_look_at(sweep: Sweep) -> tuple[ChosenCase, ...]:
    """At most `MOST_CASES`: those with the largest spread, and the best and the worst of the best architecture.

    Where these are the same ones, the cases with the next largest spread follow. A case's score is the mean of its Dice of
    liver and tumour, as far as there is one; ties go to the case that comes first by name.
    """
    frame = disagreement_table(sweep)
    disputed = [row for row in frame.to_dict("records") if row["spread"] > 0]
    reasons: dict[str, list[str]] = {}
    for row in disputed[:MOST_DISPUTED]:
        reasons.setdefault(row["case"], []).append(_dispute(row))
    for case, reason in _extremes(sweep):
        reasons.setdefault(case, []).append(reason)
    for row in disputed[MOST_DISPUTED:]:
        if len(reasons) < MOST_CASES and row["case"] not in reasons:
            reasons[row["case"]] = [_dispute(row)]
    return tuple(ChosenCase(case, tuple(why)) for case, why in list(reasons.items())[:MOST_CASES])


def _dispute(row: Mapping[Any, Any]) -> str:
    label = max(LABELS, key=lambda label: (row[f"spread_{label}"] == row["spread"], label == "liver"))
    low, high = row[f"worst_dice_{label}"], row[f"best_dice_{label}"]
    ends = f"{low:.2f} ({row[f'worst_{label}']}) to {high:.2f} ({row[f'best_{label}']})"
    return f"the architectures disagree: {label} Dice from {ends}"


def _extremes(sweep: Sweep) -> list[tuple[str, str]]:
    """The best architecture's worst and best case; one of them only where they are the same."""
    first = next(iter(selected_trials(sweep)), None)
    scores = {
        case: _mean(list(dice[first].values())) for case, dice in case_dice(sweep).items() if first and first in dice
    }
    known = sorted((case for case in scores if not math.isnan(scores[case])), key=lambda case: (scores[case], case))
    if not known:
        return []
    found = [(known[0], f"the worst case of {first}, the best architecture")]
    if scores[known[-1]] > scores[known[0]]:
        best = min(case for case in known if scores[case] == scores[known[-1]])
        found.append((best, f"the best case of {first}"))
    return found
