"""The comparison of architectures, in the shape of the reference study: complexity, time, Dice, standard deviation."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from results.ranking import Setting, best_by_architecture, settings
from results.records import Sweep, TrialRecord
from results.statistics import architecture_scores
from results.tables.trials import full_columns, score_columns

BASELINE = "(all background)"
# Beyond it a number is no count.
_MOST = 2**53


def architecture_table(sweep: Sweep, *, stage: str | None = None) -> pd.DataFrame:
    """One row an architecture, best first, then the all-background baseline.

    Columns: `architecture`; `trainings`, on so many folds and seeds its best setting was trained; of that setting
    `parameters_m` (millions), `gflops` (one slice, forward), `s_per_epoch`, the objectives, `dice_L_mean` for each label,
    `dice_L_sd` (between patients), the study's slice Dice, those of `full_columns` (failures of several trainings are added),
    `n_patients`, `n_tumour_patients` (of several trainings the means; a patient's Dice is averaged over them first); over all
    its trials of the search `trials`, `finished`, `pruned`, `failed`, `failures` (such as `oom 2, nan 1`), `updates` (spent);
    and `best_trial`. Architectures without a ranked trial come last, with NaN.

    Args:
        sweep: the sweep.
        stage: only the trials of this stage; None for all.
    """
    trials = [trial for trial in sweep.trials if stage is None or trial.stage == stage]
    names = sweep.sweep.architectures if stage is None else ()
    found = settings(trials)
    rows = []
    for name, best in best_by_architecture(trials, sweep.sweep.objectives, names).items():
        setting = found.get(best.uid) if best else None
        rows.append(_row(sweep, name, setting, [trial for trial in trials if trial.architecture == name]))
    rows.append(_baseline(sweep))
    return pd.DataFrame(rows, columns=_columns(sweep)).astype(dict.fromkeys(_COUNTS, "Int64"))


_COUNTS = ("trainings", "n_patients", "n_tumour_patients", "trials", "finished", "pruned", "failed", "updates")


def _columns(sweep: Sweep) -> list[str]:
    labels = sweep.sweep.labels
    scores = [f"dice_{label}_{part}" for part in ("mean", "sd") for label in labels]
    others = [name for name in score_columns(sweep) if name not in scores]
    full = [name for name in full_columns(sweep) if name in others]
    objectives = [name for name in others if not name.startswith("slice_") and name not in full]
    study = [name for name in others if name.startswith("slice_")]
    names = ["architecture", _COUNTS[0], "parameters_m", "gflops", "s_per_epoch", *objectives, *scores, *study, *full]
    return [*names, *_COUNTS[1:-1], "failures", "updates", "best_trial"]


def _row(sweep: Sweep, name: str, best: Setting | None, trials: Sequence[TrialRecord]) -> dict[str, Any]:
    row: dict[str, Any] = {"architecture": name, "best_trial": best.first.uid if best else ""}
    if best is not None:
        row |= setting_figures(sweep, best)
    own = [trial for trial in trials if not trial.replicate_of]
    states = Counter(trial.state for trial in own)
    row |= {"trials": len(own)} | {state: states[state] for state in ("finished", "pruned", "failed")}
    row["failures"] = failures_text(trials)
    row["updates"] = sum(trial.updates for trial in trials)
    return row


def setting_figures(sweep: Sweep, best: Setting) -> dict[str, Any]:
    """The columns of `architecture_table` that are about a setting."""
    first = best.first
    row: dict[str, Any] = {name: _of_setting(best, name) for name in score_columns(sweep)}
    row |= {"trainings": len(best.trials), "parameters_m": first.cost.parameters / 1e6, "gflops": first.cost.gflops}
    row["s_per_epoch"] = best.mean("s_per_epoch")
    row |= {name: _count(first.metric(name)) for name in ("n_patients", "n_tumour_patients")}
    return row | (_over_patients(sweep, best) if len(best.trials) > 1 else {})


def _of_setting(best: Setting, name: str) -> float:
    if name.endswith("_failures"):
        return sum(trial.metric(name) for trial in best.trials)
    return best.mean(name)


def setting_metrics(sweep: Sweep, best: TrialRecord) -> dict[str, float]:
    """Scores of the setting of its first trial: means over its trainings, Dice over all patients that these scored."""
    setting = settings(sweep.trials).get(best.uid)
    if setting is None or len(setting.trials) == 1:
        return dict(best.metrics)
    return {name: setting.mean(name) for name in best.metrics} | _over_patients(sweep, setting)


def _over_patients(sweep: Sweep, best: Setting) -> dict[str, Any]:
    """Dice over all patients that any of the trainings was scored on, each patient averaged over those."""
    scores = architecture_scores(sweep, {best.first.architecture: best.first})
    row: dict[str, Any] = {}
    if not scores.models:
        return row
    for label in scores.labels:
        values = scores.by_patient(label)[0]
        values = values[~np.isnan(values)]
        row[f"dice_{label}_mean"] = values.mean() if values.size else math.nan
        row[f"dice_{label}_sd"] = values.std(ddof=1) if values.size > 1 else math.nan
    return row | {"n_patients": len(scores.patients), "n_tumour_patients": int(scores.has_tumour.sum())}


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
