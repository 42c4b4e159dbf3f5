"""What each architecture's search cost, what share of the whole that is, and each loser at its own budget."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pandas as pd

from results.records import Sweep, TrialRecord
from results.statistics.expected_best import expected_best
from results.statistics.fairness import Fight, late_epochs, late_trials
from results.statistics.fairness import best_of as best_trial_of
from results.statistics.spending import MEASURES, Course, search_courses

_COUNTS = ("trials", "finished", "pruned", "failed", "stopped", "replicates", "epochs", "updates")
_COLUMNS = (
    *("architecture", "trials", "finished", "pruned", "failed", "stopped", "epochs", "updates", "seconds"),
    *("share_trials", "share_updates", "share_seconds", "failed_seconds", "replicates", "best", "best_came", "scored"),
    *("common", "expected_best", "late_trials", "late_epochs", "improving"),
)
_FIGHT_COLUMNS = (
    *("architecture", "against", "budget", "spent", "winner_spent", "of_winner"),
    *("best", "winner_then", "gap_then", "gap", "reading", "outcome"),
)


def budget_table(sweep: Sweep, courses: dict[str, Course] | None = None) -> pd.DataFrame:
    """One row an architecture, in the sweep's order. Repetitions of settings are counted apart and spend nothing here.

    Columns: `architecture`; `trials` that ended, of them `finished`, `pruned`, `failed`; `stopped` (waiting); `epochs`,
    `updates`, `seconds` (in its trials, side by side or not) and `share_…` of them among all architectures, NaN where nothing
    of the kind is recorded; `failed_seconds` (share of its seconds that went into failed trials); `replicates`; `best`
    first objective, `best_came` with which trial, `scored` (finished trials with a score); `common`, the smallest `scored`
    above 0 of all, and `expected_best` of so many; `late_trials` and `late_epochs` (rise in the last quarter, 0 for none worth
    the name); `improving` in words.
    """
    found = search_courses(sweep) if courses is None else courses
    common = min((len(course.scores) for course in found.values() if course.scores), default=0)
    rows = [_row(sweep, course, common) for course in found.values()]
    for measure in MEASURES:
        whole = math.fsum(row[measure] for row in rows)
        for row in rows:
            row[f"share_{measure}"] = row[measure] / whole if whole else math.nan
    return pd.DataFrame(rows, columns=list(_COLUMNS)).astype(dict.fromkeys((*_COUNTS, "scored", "common"), "Int64"))


def _row(sweep: Sweep, course: Course, common: int) -> dict[str, Any]:
    objective, trials = sweep.sweep.objective, [step.trial for step in course.steps]
    states = Counter(trial.state for trial in trials)
    best, late = best_trial_of(course), late_trials(course, objective)
    (expected,) = expected_best([objective.gain(score) for score in course.scores], [common])
    longer = late_epochs(best, objective)
    last = course.steps[-1] if course.steps else None
    return {
        "architecture": course.architecture,
        "trials": last.trials if last else 0,
        **{state: states[state] for state in ("finished", "pruned", "failed", "stopped")},
        "epochs": last.epochs if last else 0,
        "updates": last.updates if last else 0,
        "seconds": last.seconds if last else 0.0,
        "failed_seconds": _failed_share(course),
        "replicates": _replicates(sweep.trials, course.architecture),
        "best": course.best,
        "best_came": trials.index(best) + 1 if best else math.nan,
        "scored": len(course.scores),
        "common": common,
        "expected_best": objective.gain(float(expected)),
        "late_trials": late,
        "late_epochs": longer,
        "improving": improving_text(late, longer) if best else "",
    }


def improving_text(trials: float, epochs: float) -> str:
    """`trials`, `epochs`, both, or `no`."""
    return " and ".join(name for name, rise in (("trials", trials), ("epochs", epochs)) if rise) or "no"


def _failed_share(course: Course) -> float:
    whole, before, lost = course.total("seconds"), 0.0, 0.0
    for step in course.steps:
        lost += (step.seconds - before) if step.trial.state == "failed" else 0.0
        before = step.seconds
    return lost / whole if whole else math.nan


def _replicates(trials: Sequence[TrialRecord], name: str) -> int:
    return sum(bool(trial.replicate_of) and trial.architecture == name for trial in trials)


def fight_table(found: Sequence[Fight]) -> pd.DataFrame:
    """One row a loser and budget: what it got of the winner's, and how the two stood there. Gaps: by how much the winner leads.

    Columns: `architecture`, `against`, `budget`, `spent`, `winner_spent`, `of_winner` (share), `best`, `winner_then` (NaN: no
    score by then), `gap_then`, `gap` (at the end), `reading`, `outcome`. See `results.statistics.fairness`.
    """
    rows = [
        {
            "architecture": fight.architecture,
            "against": fight.winner,
            "budget": share.measure,
            "spent": share.spent,
            "winner_spent": share.winner_spent,
            "of_winner": share.ratio,
            "best": fight.best,
            "winner_then": share.winner_then,
            "gap_then": share.gap_then if math.isfinite(share.gap_then) else math.nan,
            "gap": fight.gap,
            "reading": share.reading if fight.gap > 0 else "not behind",
            "outcome": fight.outcome,
        }
        for fight in found
        for share in fight.shares
    ]
    return pd.DataFrame(rows, columns=list(_FIGHT_COLUMNS))
