"""The comparison of architectures, in the shape of the reference study: complexity, time, Dice, standard deviation."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pandas as pd

from results.ranking import best_by_architecture
from results.records import Sweep, TrialRecord
from results.tables.trials import full_columns, score_columns

BASELINE = "(all background)"
# Beyond it a number is no count.
_MOST = 2**53


def architecture_table(sweep: Sweep, *, stage: str | None = None) -> pd.DataFrame:
    """One row an architecture, best first, then the all-background baseline.

    Columns: `architecture`; of its best trial `parameters_m` (millions), `gflops` (one slice, forward),
    `s_per_epoch`, the objectives, `dice_L_mean` for each label, `dice_L_sd` (between patients), the study's slice
    Dice, those of `full_columns`, `n_patients`, `n_tumour_patients`; over all its trials `trials`, `finished`, `pruned`,
    `failed`, `failures` (such as `oom 2, nan 1`), `updates` (spent); and `best_trial`. Architectures
    without a ranked trial come last, with NaN.

    Args:
        sweep: the sweep.
        stage: only the trials of this stage; None for all.
    """
    trials = [trial for trial in sweep.trials if stage is None or trial.stage == stage]
    names = sweep.sweep.architectures if stage is None else ()
    rows = []
    for name, best in best_by_architecture(trials, sweep.sweep.objectives, names).items():
        rows.append(_row(sweep, name, best, [trial for trial in trials if trial.architecture == name]))
    rows.append(_baseline(sweep))
    return pd.DataFrame(rows, columns=_columns(sweep)).astype(dict.fromkeys(_COUNTS, "Int64"))


_COUNTS = ("n_patients", "n_tumour_patients", "trials", "finished", "pruned", "failed", "updates")


def _columns(sweep: Sweep) -> list[str]:
    labels = sweep.sweep.labels
    scores = [f"dice_{label}_{part}" for part in ("mean", "sd") for label in labels]
    others = [name for name in score_columns(sweep) if name not in scores]
    full = [name for name in full_columns(sweep) if name in others]
    objectives = [name for name in others if not name.startswith("slice_") and name not in full]
    study = [name for name in others if name.startswith("slice_")]
    names = ["architecture", "parameters_m", "gflops", "s_per_epoch", *objectives, *scores, *study, *full]
    return [*names, *_COUNTS[:-1], "failures", "updates", "best_trial"]


def _row(sweep: Sweep, name: str, best: TrialRecord | None, trials: Sequence[TrialRecord]) -> dict[str, Any]:
    row: dict[str, Any] = {"architecture": name, "best_trial": best.uid if best else ""}
    if best is not None:
        row |= _of_best(sweep, best)
    states = Counter(trial.state for trial in trials)
    row |= {"trials": len(trials)} | {state: states[state] for state in ("finished", "pruned", "failed")}
    row["failures"] = failures_text(trials)
    row["updates"] = sum(trial.updates for trial in trials)
    return row


def _of_best(sweep: Sweep, best: TrialRecord) -> dict[str, Any]:
    row: dict[str, Any] = {name: best.metric(name) for name in score_columns(sweep)}
    row["parameters_m"] = best.cost.parameters / 1e6
    row["gflops"] = best.cost.gflops
    row["s_per_epoch"] = best.cost.s_per_epoch
    row |= {name: _count(best.metric(name)) for name in ("n_patients", "n_tumour_patients")}
    return row


def _count(value: float) -> Any:
    return int(value) if 0 <= value <= _MOST else pd.NA


def failures_text(trials: Sequence[TrialRecord]) -> str:
    """Failures by kind, commonest first: `oom 2, nan 1`; empty when there are none."""
    kinds = Counter(trial.failure for trial in trials if trial.state == "failed")
    return ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items(), key=lambda item: (-item[1], item[0])))


def _baseline(sweep: Sweep) -> dict[str, Any]:
    metrics = sweep.sweep.baseline
    row: dict[str, Any] = {name: metrics.get(name, math.nan) for name in score_columns(sweep)}
    row |= {name: _count(metrics.get(name, math.nan)) for name in ("n_patients", "n_tumour_patients")}
    return row | {"architecture": BASELINE, "failures": "", "best_trial": ""}
