"""Validation score per epoch: one panel an architecture, its best trial bold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from results.plots.marks import architectures, mark
from results.plots.style import LINE, Plot, label, limit_score, look, settings, svg_of
from results.ranking import rank_trials
from results.records import Sweep, TrialRecord

NAME, TITLE = "curves", "Learning curves"
MOST_TRIALS = 40
_COLUMNS = 3


class Curve(NamedTuple):
    """Number of a trial, and its scores after epochs."""

    trial: int
    epochs: list[float]
    scores: list[float]


def learning_curves(sweep: Sweep, metric: str = "val_dice") -> Plot:
    """Small panels with the same axes; without any history, a sentence."""
    curves = _curves(sweep, metric)
    if not curves:
        return Plot(NAME, TITLE, "No trial has left a history, so there are no learning curves.")
    with settings():
        figure = _draw(sweep, curves)
        svg = svg_of(figure, NAME, "Validation Dice by epoch for each architecture")
    caption = "Validation Dice after each epoch. Bold: the best trial; thin: the others"
    caption += (
        f", at most {MOST_TRIALS} an architecture." if any(len(c) >= MOST_TRIALS for c in curves.values()) else "."
    )
    return Plot(NAME, TITLE, caption, svg)


def _curves(sweep: Sweep, metric: str) -> dict[str, list[Curve]]:
    """Curves by architecture, best trial first."""
    found: dict[str, list[Curve]] = {}
    own = [trial for trial in sweep.trials if not trial.replicate_of]
    for place in rank_trials(own, sweep.sweep.objectives):
        known = found.get(place.trial.architecture, [])
        if len(known) < MOST_TRIALS and place.trial.history_json:
            curve = _curve(place.trial, metric)
            if curve:
                found.setdefault(place.trial.architecture, known).append(curve)
    order = {name: i for i, name in enumerate(sweep.sweep.architectures)}
    return dict(sorted(found.items(), key=lambda item: order.get(item[0], len(order))))


def _curve(trial: TrialRecord, metric: str) -> Curve | None:
    history = trial.history
    scores = history.get(metric, [])
    epochs = history.get("epoch") or list(range(1, len(scores) + 1))
    known = any(map(math.isfinite, scores)) and len(epochs) == len(scores)
    return Curve(trial.number, epochs, scores) if known else None


def _draw(sweep: Sweep, curves: dict[str, list[Curve]]) -> Figure:
    rows = math.ceil(len(curves) / _COLUMNS)
    figure = Figure(figsize=(10, 0.5 + 2.5 * rows), layout="constrained")
    panels = figure.subplots(rows, min(_COLUMNS, len(curves)), sharex=True, sharey=True, squeeze=False).flat
    names = architectures(sweep)
    looks = look(names)
    scores = [score for found in curves.values() for curve in found for score in curve.scores if math.isfinite(score)]
    for axes, (name, found) in zip(panels, curves.items(), strict=False):
        _panel(axes, found, looks[name]["color"])
        mark(axes, names.index(name))
        axes.set_title(label(name), loc="left")
        limit_score(axes, min(scores), max(scores))
    for i, axes in enumerate(figure.axes[len(curves) :], len(curves)):
        axes.set_visible(False)
        if i >= _COLUMNS:  # the panel above the gap is now the last of its column
            figure.axes[i - _COLUMNS].tick_params(labelbottom=True)
    figure.supxlabel("epoch", fontsize=11)
    figure.supylabel("validation Dice", fontsize=11)
    return figure


def _panel(axes: Axes, curves: Sequence[Curve], colour: str) -> None:
    for curve in reversed(curves[1:]):
        (line,) = axes.plot(curve.epochs, curve.scores, color=colour, alpha=0.35, linewidth=0.9)
        mark(line, None, curve.trial)
    epochs, scores = curves[0].epochs, curves[0].scores
    (line,) = axes.plot(epochs, scores, color=colour, linewidth=2.6, marker="o" if len(epochs) == 1 else None)
    mark(line, None, curves[0].trial)
    best = max(score for score in scores if math.isfinite(score))
    axes.axhline(best, color=LINE, linewidth=0.8, zorder=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
