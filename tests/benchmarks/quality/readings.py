"""What the traces of all methods say: final Dice, and the epochs to the Dice at which the study's protocol ended.

The unit is the repeat: its own patients, split and training seed. The searches with another search seed on the same repeat are
averaged first, so that intervals tell of other patients and trainings, and not of a table read twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from results.statistics.resampling import mean_interval
from tests.benchmarks.quality.choices import EPOCHS
from tests.benchmarks.quality.curves import Table
from tests.benchmarks.quality.methods import METHODS, PLAIN, STUDY, spec_of
from tests.benchmarks.quality.searches import Floats, Trace, search
from tests.benchmarks.quality.twists import twisted

BUDGET = 14 * EPOCHS
GOAL = 1 / 3
NEARLY = 0.95
"""Of the final Dice: what two trainings of one configuration with different seeds may well differ by."""
AXES = ("epochs", "gflop", "cpu_s")

Traces = dict[str, dict[int, list[Trace]]]
"""By method and repeat, one a search seed."""


def all_traces(tables: Mapping[int, Table], search_seeds: int, slots: int = 1) -> Traces:
    """Every method on every repeat; those without a lot once."""
    return {
        method: {
            repeat: [_search(method, seed, table, slots) for seed in range(1 if method in PLAIN else search_seeds)]
            for repeat, table in tables.items()
        }
        for method in METHODS
    }


def _search(method: str, seed: int, table: Table, slots: int) -> Trace:
    known = METHODS[method]
    with twisted(known.get("twists", ())):
        return search(spec_of(method, seed), table, BUDGET, slots)


def spent_until(trace: Trace, target: float, axis: str) -> float:
    """What it took to get to a Dice; infinite when it was not reached."""
    reached = np.flatnonzero(trace.best >= target)
    if not reached.size:
        return float("inf")
    return float(reached[0] + 1) if axis == "epochs" else float(getattr(trace, axis)[reached[0]])


def ratios(traces: Traces, method: str, axis: str, reference: str = STUDY, part: float = 1.0) -> dict[int, Floats]:
    """Of each repeat: spending until the reference's final Dice, over all of the reference's spending; a search seed each.

    A search that did not get there counts as 1 of the epochs (it spent them all), on the other axes as what it spent: both
    are too little, so means of them are lower bounds.
    """
    found = {}
    for repeat, own in traces[method].items():
        whole = traces[reference][repeat][0]
        total = float(BUDGET) if axis == "epochs" else float(getattr(whole, axis)[-1])
        spent = [spent_until(trace, part * float(whole.best[-1]), axis) for trace in own]
        most = [float(BUDGET) if axis == "epochs" else float(getattr(trace, axis)[-1]) for trace in own]
        found[repeat] = np.minimum(spent, most) / total
    return found


def read(traces: Traces, reference: str = STUDY) -> dict[str, dict[str, Any]]:
    """One row a method."""
    return {method: _row(traces, method, reference) for method in traces}


def mean_curve(own: Mapping[int, Sequence[Trace]]) -> tuple[Floats, Floats, Floats]:
    """Best Dice so far after each epoch, mean over repeats, and its interval."""
    curves = np.array([np.mean([trace.best for trace in group], axis=0) for group in own.values()])
    ends = np.array([mean_interval(column) for column in curves.T])
    return curves.mean(axis=0), ends[:, 0], ends[:, 1]


def _row(traces: Traces, method: str, reference: str) -> dict[str, Any]:
    own = traces[method]
    final = {repeat: float(np.mean([trace.best[-1] for trace in group])) for repeat, group in own.items()}
    base = {repeat: float(group[0].best[-1]) for repeat, group in traces[reference].items()}
    row: dict[str, Any] = {
        "final": _with_interval(list(final.values())),
        "gain": _with_interval([final[repeat] - base[repeat] for repeat in final]),
        "at_goal": _with_interval(
            [
                float(np.mean([trace.best[round(BUDGET * GOAL) - 1] for trace in group])) - base[repeat]
                for repeat, group in own.items()
            ]
        ),
    }
    for axis in AXES:
        found = ratios(traces, method, axis, reference)
        row[f"ratio_{axis}"] = _with_interval([float(values.mean()) for values in found.values()])
        row[f"median_{axis}"] = float(np.median(np.concatenate(list(found.values()))))
    nearly = ratios(traces, method, "epochs", reference, NEARLY)
    row["ratio_nearly"] = _with_interval([float(values.mean()) for values in nearly.values()])
    targets = [(base[repeat], trace) for repeat, group in own.items() for trace in group]
    spent = [spent_until(trace, target, "epochs") for target, trace in targets]
    row["reached"] = float(np.mean(np.isfinite(spent)))
    row["reached_by_goal"] = float(np.mean(np.array(spent) <= BUDGET * GOAL))
    row["mean_curve_ratio"] = _mean_curve_ratio(own, float(np.mean(list(base.values()))))
    for name in ("trials", "finished", "repeated"):
        row[name] = float(np.mean([getattr(trace, name) for group in own.values() for trace in group]))
    return row


def _mean_curve_ratio(own: Mapping[int, Sequence[Trace]], target: float) -> float | None:
    """Where the mean curve passes the reference's mean final Dice, over the budget; None where it does not."""
    reached = np.flatnonzero(mean_curve(own)[0] >= target - 1e-12)
    return float(reached[0] + 1) / BUDGET if reached.size else None


def _with_interval(values: Sequence[float]) -> dict[str, float]:
    low, high = mean_interval(values)
    return {"mean": float(np.mean(values)), "low": low, "high": high}
