"""One row for each architecture of each sweep: what it scored, on which patients, and at what cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from results.comparisons.entries import Entry
from results.comparisons.scores import Model
from results.ranking import best_by_architecture
from results.records import TrialRecord
from results.reports.layouts import STUDY_NOTE
from results.reports.table import Shown, Table, make_table
from results.statistics import Comparison, Summary
from results.tables import BASELINE
from results.tables.architectures import setting_metrics
from results.tables.trials import study_columns


def side_by_side(
    entries: Sequence[Entry],
    labels: Sequence[str],
    models: Sequence[Model],
    test: Comparison | None,
    validation: Comparison | None,
) -> pd.DataFrame:
    """One row a sweep and architecture, then one a sweep for the all-background baseline.

    Columns: `rank` (where all may be ranked together), `sweep`, `architecture`, `test_L_mean`, `test_L_sd` and `test_n` (where
    `test` is given), `dice_L_mean`, `dice_L_sd` (validation, of the best setting), the study's slice Dice as `slice_L`,
    `parameters_m`, `finished` and `trials` of the architecture, `n_patients` (validation), `best_trial`.

    Args:
        entries: the sweeps.
        labels: those that all of them scored.
        models: those that take part in the comparison.
        test: the comparison over test patients, which ranks; None where there is none.
        validation: the same over validation patients, which ranks where there is no other.
    """
    ranks = _ranks(test or validation)
    names = {(model.entry, model.architecture): model.name for model in models}
    rows = []
    for entry in entries:
        best = best_by_architecture(entry.sweep.trials, entry.record.objectives, entry.record.architectures)
        for architecture, trial in best.items():
            name = names.get((entry.name, architecture), "")
            row: dict[str, Any] = {"rank": ranks.get(name, math.nan), "sweep": entry.name, "architecture": architecture}
            rows.append(row | _test(test, name, labels) | _own(entry, architecture, trial, labels))
    if ranks:
        rows.sort(key=lambda row: (math.isnan(row["rank"]), row["rank"]))
    rows += [_baseline(entry, labels) for entry in entries]
    columns = _columns(labels, test is not None)
    return pd.DataFrame(rows, columns=[name for name in columns if name != "rank" or ranks])


def _columns(labels: Sequence[str], tested: bool) -> list[str]:
    test = [f"test_{label}_{part}" for part in ("mean", "sd") for label in labels] + ["test_n"] if tested else []
    own = [f"dice_{label}_{part}" for part in ("mean", "sd") for label in labels]
    study = [f"slice_{label}" for label in labels]
    ends = ["n_patients", "parameters_m", "finished", "trials", "best_trial"]
    return ["rank", "sweep", "architecture", *test, *own, *study, *ends]


def _ranks(comparison: Comparison | None) -> dict[str, float]:
    if comparison is None or comparison.ranking is None or len(comparison.ranking.ranks) == 0:
        return {}
    ranking = comparison.ranking
    if not all(math.isfinite(mean) for mean in ranking.means):
        return {}
    return dict(zip(ranking.models, map(float, ranking.ranks), strict=True))


def _test(comparison: Comparison | None, name: str, labels: Sequence[str]) -> dict[str, Any]:
    found: Mapping[tuple[str, str], Summary] = comparison.summaries if comparison is not None else {}
    row: dict[str, Any] = {}
    for label in labels:
        summary = found.get((name, label))
        if summary is not None:
            row |= {f"test_{label}_mean": summary.mean, f"test_{label}_sd": summary.sd}
            row["test_n"] = max(row.get("test_n", 0), summary.n)
    return row


def _own(entry: Entry, architecture: str, trial: TrialRecord | None, labels: Sequence[str]) -> dict[str, Any]:
    own = [item for item in entry.sweep.trials if not item.replicate_of]
    trials = [item for item in own if item.architecture == architecture]
    row: dict[str, Any] = {"finished": sum(item.state == "finished" for item in trials), "trials": len(trials)}
    if trial is None:
        return row | {"best_trial": ""}
    row |= {"best_trial": trial.uid, "parameters_m": trial.cost.parameters / 1e6}
    return row | _scores(entry, setting_metrics(entry.sweep, trial), labels)


def _baseline(entry: Entry, labels: Sequence[str]) -> dict[str, Any]:
    row: dict[str, Any] = {"sweep": entry.name, "architecture": BASELINE, "best_trial": "", "rank": math.nan}
    return row | _scores(entry, entry.record.baseline, labels)


def _scores(entry: Entry, metrics: Mapping[str, float], labels: Sequence[str]) -> dict[str, Any]:
    names = [f"dice_{label}_{part}" for part in ("mean", "sd") for label in labels]
    row: dict[str, Any] = {name: metrics.get(name, math.nan) for name in names}
    study = dict(
        zip(("liver", *[x for x in entry.record.labels if x != "liver"]), study_columns(entry.sweep), strict=True)
    )
    row |= {f"slice_{label}": metrics.get(study.get(label, ""), math.nan) for label in labels}
    patients = metrics.get("n_patients", math.nan)
    return row | {"n_patients": int(patients) if math.isfinite(patients) else None}


def side_by_side_layout(frame: pd.DataFrame, labels: Sequence[str], *, validation_equal: bool) -> Table:
    """The table under its heads; where validation patients are not the same, it says so above their figures."""
    words = " / ".join(labels)
    own = "validation Dice" if validation_equal else "Dice on own validation (not comparable)"
    shown = [
        Shown(("rank",)),
        Shown(("sweep",), "sweep", numeric=False),
        Shown(("architecture",), numeric=False),
        Shown(tuple(f"test_{label}_mean" for label in labels), f"test Dice {words}"),
        Shown(tuple(f"test_{label}_sd" for label in labels), f"SD {words}", priority=2),
        Shown(("test_n",), "test patients", priority=3),
        Shown(tuple(f"dice_{label}_mean" for label in labels), f"{own} {words}", priority=1),
        Shown(tuple(f"dice_{label}_sd" for label in labels), f"its SD {words}", priority=3),
        Shown(("n_patients",), "validation patients", priority=4),
        Shown(tuple(f"slice_{label}" for label in labels), f"slice Dice* {words}", priority=5),
        Shown(("finished", "trials"), "finished / trials", priority=4),
        Shown(("parameters_m",), priority=5),
        Shown(("best_trial",), numeric=False, priority=6),
    ]
    note = "Each architecture's best trial. SD is between patients. "
    if not validation_equal:
        note += "The sweeps were validated on different patients: figures on validation patients are each sweep's own, and may "
        note += "not be compared between sweeps. "
    marked = frozenset(i for i, name in enumerate(frame["architecture"]) if name == BASELINE)
    return make_table(frame, shown, key="sweeps", title="Side by side", note=note + STUDY_NOTE, marked=marked)
