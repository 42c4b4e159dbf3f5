"""Selection bias: what the best validation score owes to having been the best, and what is left of it elsewhere."""

from __future__ import annotations

from typing import Any

import pandas as pd

from results.records import Sweep
from results.reports.history import counted
from results.reports.section import Material, Section
from results.reports.summary import searched, selected_on, selection_sentence
from results.reports.table import Shown, Table, make_table
from results.statistics import FEWEST, Optimism, label_mean, opening_scores
from results.text import printable

_LEFT = "What is left of it on patients that had no part in the choice, "
_COLUMNS = ("estimate", "patients", "mean", "ci_low", "ci_high", "difference", "underpowered")


def make_selection(material: Material) -> Section | None:
    """Selection bias of a sweep; None where nothing was selected from."""
    sweep, optimism = material.sweep, material.optimism
    if searched(sweep) < 2:
        return None
    tests = [] if optimism is None else _tests(sweep, optimism)
    texts = (
        selection_sentence(sweep, optimism),
        "Selection of the best epoch within each trial, on the same patients, comes on top of this and is not estimated.",
        _beside(sweep, tests),
    )
    return Section(
        key="selection",
        title="Selection bias",
        short="Selection",
        text=tuple(printable(text) for text in texts),
        tables=(_table(optimism, tests),) if optimism is not None else (),
    )


def _tests(sweep: Sweep, optimism: Optimism) -> list[dict[str, Any]]:
    """The selected setting on the test patients, a row an opening in which it was scored."""
    rows = []
    for opening in sweep.sweep.openings:
        if optimism.selected not in opening.trials:
            continue
        test, model = opening_scores(sweep, opening).test, sweep.trial(optimism.selected).architecture
        if model not in test.models:
            continue
        found = label_mean(test, model, labels=[label for label in selected_on(sweep) if label in test.labels])
        row: dict[str, Any] = {"estimate": f"test patients, opening {opening.number}", "patients": found.n}
        row |= {"mean": found.mean, "ci_low": found.ci_low, "ci_high": found.ci_high}
        rows.append(row | {"difference": found.mean - optimism.apparent, "underpowered": found.n < FEWEST})
    return rows


def _beside(sweep: Sweep, tests: list[dict[str, Any]]) -> str:
    if tests:
        patients = counted(tests[0]["patients"], "patient")
        return f"{_LEFT}the test patients have told: a mean Dice of {tests[0]['mean']:.3f} on {patients}."
    if sweep.sweep.openings:
        return f"{_LEFT}is not known: the test patients were opened for other trials."
    if sweep.sweep.split.test:
        return f"{_LEFT}the test patients would tell, which are locked."
    return f"{_LEFT}nothing can tell: there are no test patients."


def _table(optimism: Optimism, tests: list[dict[str, Any]]) -> Table:
    few = optimism.underpowered
    rows: list[dict[str, Any]] = [
        {"estimate": "as selected", "patients": optimism.patients, "mean": optimism.apparent, "underpowered": few},
        {
            "estimate": "selected anew, on patients left out",
            "patients": optimism.patients,
            "mean": optimism.corrected,
            "ci_low": optimism.low,
            "ci_high": optimism.high,
            "difference": -optimism.optimism,
            "underpowered": few,
        },
        *tests,
    ]
    shown = [
        Shown(("estimate",), "score of the best", numeric=False),
        Shown(("patients",)),
        Shown(("mean",), "mean Dice"),
        Shown(("ci_low", "ci_high"), "95 % interval", " … "),
        Shown(("difference",), "against as selected"),
        Shown(("underpowered",), numeric=False),
    ]
    note = (
        "Mean over labels of the mean Dice over patients. As selected: the best of all settings on the validation patients, "
        "which is optimistic. Selected anew: patients are resampled, the best on a resample is scored on those left out "
        "(bootstrap bias correction, Tsamardinos, Greasidou, Borboudakis 2018); the interval holds 95 % of those scores."
    )
    frame = pd.DataFrame(rows, columns=list(_COLUMNS))
    return make_table(frame, shown, key="selection", title="The best score, and what is left of it", note=note)
