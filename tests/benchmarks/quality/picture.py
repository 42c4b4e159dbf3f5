"""Best Dice so far against epochs and against operations spent, as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.quality.methods import GRID, JOINT, RANDOM, STRONG_STUDY, STUDY
from tests.benchmarks.quality.readings import BUDGET, GOAL, Traces, mean_curve
from tests.benchmarks.quality.searches import Floats, Trace

SHOWN = {STUDY: "#444444", STRONG_STUDY: "#999999", GRID: "#b07aa1", RANDOM: "#e08214", JOINT: "#1f77b4"}


def draw(traces: Traces, file: Path) -> None:
    """Two panels: mean curves with intervals (95 %, over repeats) against epochs, and mean curves against operations."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4), sharey=True, layout="constrained")
    for method, colour in SHOWN.items():
        _epochs(left, traces[method], method, colour)
        _gflop(right, traces, method, colour)
    left.axhline(float(mean_curve(traces[STUDY])[0][-1]), color=SHOWN[STUDY], linewidth=0.8, linestyle=":")
    left.axvline(BUDGET * GOAL, color="#888888", linewidth=0.8, linestyle="--")
    left.annotate(
        "a third", (BUDGET * GOAL + 1.5, 0.02), xycoords=("data", "axes fraction"), fontsize=8, color="#666666"
    )
    left.set(xlabel="epochs spent, all trainings", ylabel="best validation Dice so far (liver and tumour)")
    left.set_xlim(0, BUDGET)
    right.set(xlabel="convolutions computed, share of the study's whole protocol")
    right.set_xlim(0, 1.0)
    left.legend(loc="lower right", fontsize=8)
    figure.savefig(file, dpi=90)
    plt.close(figure)


def _epochs(axes: Any, own: Mapping[int, Sequence[Trace]], method: str, colour: str) -> None:
    mean, low, high = mean_curve(own)
    epochs = np.arange(1, BUDGET + 1)
    axes.plot(epochs, mean, color=colour, label=method, linewidth=1.6)
    axes.fill_between(epochs, low, high, color=colour, alpha=0.13, linewidth=0)


def _gflop(axes: Any, traces: Traces, method: str, colour: str) -> None:
    shares = np.linspace(0.01, 1, 100)
    curves = []
    for repeat, group in traces[method].items():
        whole = traces[STUDY][repeat][0].gflop[-1]
        curves.append(np.mean([_at(trace, shares * whole) for trace in group], axis=0))
    axes.plot(shares, np.mean(curves, axis=0), color=colour, linewidth=1.6)


def _at(trace: Trace, spent: Floats) -> Floats:
    """Best so far after so much; 0 before the first epoch."""
    places = np.searchsorted(trace.gflop, spent, side="right")
    return np.concatenate([[0.0], trace.best])[places]
