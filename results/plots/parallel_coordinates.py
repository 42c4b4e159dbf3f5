"""All trials at once: a line a trial, an axis a parameter, the score last; the better, the stronger the line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from results.columns import column
from results.parameters import Axis, architecture_axis, parameter_axis, value_text
from results.plots.marks import architectures, mark
from results.plots.parameter_scores import scored_trials
from results.plots.style import INK, LINE, PAPER, SCALE, Plot, label, settings, svg_of
from results.ranking import rank_trials
from results.records import Sweep, TrialRecord
from results.tables.factors import swept_parameters

NAME, TITLE = "parallel", "All trials at once"
MOST_AXES = 10
MISSING_AT = -0.14
_CROWDED = 95  # characters that fit side by side
_GOLDEN = (math.sqrt(5) - 1) / 2


def parallel_coordinates(sweep: Sweep) -> Plot:
    """One axis for the architecture, one for each parameter that varied (at most `MOST_AXES`), one for the score.

    Repetitions of a setting on other folds or with other seeds are left out.
    """
    sweep = replace(sweep, trials=tuple(trial for trial in sweep.trials if not trial.replicate_of))
    names = swept_parameters(sweep.trials)
    scored = scored_trials(sweep)
    if not names or not scored:
        return Plot(NAME, TITLE, "No trial finished with a score, or no parameter varied.")
    axes = [
        architecture_axis(reversed(architectures(sweep))),
        *(parameter_axis(sweep, name, sweep.trials) for name in names[:MOST_AXES]),
    ]
    with settings():
        svg = svg_of(_draw(sweep, axes, scored), NAME, "Architecture, parameters and score of every trial as a line")
    return Plot(NAME, TITLE, _caption(sweep, names), svg)


def _caption(sweep: Sweep, names: Sequence[str]) -> str:
    text = "A line a trial, in six equal groups by rank: the better, the stronger. The best is bold."
    if any(trial.state != "finished" for trial in sweep.trials):
        text += " Dashed: trials without a final score."
    if any(name not in trial.parameters for name in names for trial in sweep.trials):
        text += " At – the trial has no such parameter."
    if len(names) > MOST_AXES:
        text += f" The first {MOST_AXES} of {len(names)} parameters."
    return text


def _draw(sweep: Sweep, parameters: Sequence[Axis], scored: Sequence[TrialRecord]) -> Figure:
    figure = Figure(figsize=(10, 4.8), layout="constrained")
    axes = figure.subplots()
    metric = sweep.sweep.objective.metric
    scores = [trial.metric(metric) for trial in scored]
    score = Axis(metric, (), min(scores), max(scores))
    places = rank_trials(sweep.trials, sweep.sweep.objectives)
    ranked = [place.trial for place in places if place.rank is not None]
    groups = [min(i * len(SCALE) // len(ranked), len(SCALE) - 1) for i in range(len(ranked))]
    order = architectures(sweep)
    unranked = {trial.uid for trial in sweep.trials} - {trial.uid for trial in ranked}
    for trial in (trial for trial in sweep.trials if trial.uid in unranked):
        line = _line(axes, parameters, trial, color=LINE, linewidth=0.9, linestyle=(0, (3, 3)))
        mark(line, order.index(trial.architecture), trial.number)
    for i in reversed(range(len(ranked))):
        look = {"color": SCALE[-1 - groups[i]], "linewidth": 3.0 if i == 0 else 1.1, "alpha": 1 if i == 0 else 0.75}
        line = _line(axes, parameters, ranked[i], score, **look)
        mark(line, order.index(ranked[i].architecture), ranked[i].number)
    _axes(axes, (*parameters, score), sweep)
    _legend(figure, ranked, groups, metric)
    return figure


def _line(axes: Axes, parameters: Sequence[Axis], trial: TrialRecord, score: Axis | None = None, **look: Any) -> Line2D:
    heights = [_height(parameter, trial) for parameter in parameters]
    if score is not None:
        heights.append(_share(score, trial.metric(score.name)))
    (line,) = axes.plot(range(len(heights)), heights, solid_joinstyle="round", **look)
    return line


def _height(parameter: Axis, trial: TrialRecord) -> float:
    spread = (trial.number * _GOLDEN % 1 - 0.5) * 0.05
    if not parameter.has(trial):
        return MISSING_AT + spread / 2
    return _between(parameter, parameter.place(trial)) + (spread if parameter.choices else 0)


def _share(parameter: Axis, value: Any) -> float:
    return _between(parameter, parameter.position(value))


def _between(parameter: Axis, position: float) -> float:
    low, high = parameter.ends
    return (position - low) / (high - low) if high > low else 0.5


def _axes(axes: Axes, parameters: Sequence[Axis], sweep: Sweep) -> None:
    score = parameters[-1]
    crowded = any(len(parameter.name) * len(parameters) > _CROWDED for parameter in parameters)
    for i, parameter in enumerate(parameters):
        axes.plot([i, i], [0, 1], color=INK, linewidth=1, zorder=3)
        title = column(parameter.name).title if parameter is score else parameter.name
        axes.text(
            i,
            1.06 + (0.07 * (i % 2) if crowded else 0),
            label(title, 20),
            ha="center",
            va="bottom",
            fontsize=9.5,
            weight="bold",
        )
        for height, word in _ticks(parameter):
            _word(axes, i, height, word, left=i == 0)
        if parameter is not score and not all(parameter.has(trial) for trial in sweep.trials):
            _word(axes, i, MISSING_AT, "–", left=False)
    axes.set_xlim(-0.75, len(parameters) - 0.45)
    axes.set_ylim(-0.2, 1.22 if crowded else 1.15)
    axes.axis("off")


def _ticks(parameter: Axis) -> list[tuple[float, str]]:
    if parameter.choices:
        return [
            (_share(parameter, choice), word) for choice, word in zip(parameter.choices, parameter.words, strict=True)
        ]
    low, high = parameter.ends
    middle = math.exp((low + high) / 2) if parameter.log else (low + high) / 2
    values = (parameter.low, middle, parameter.high) if high > low else (parameter.low,)
    return [(_share(parameter, value), value_text(float(f"{value:.3g}"))) for value in values]


def _word(axes: Axes, i: int, height: float, word: str, *, left: bool) -> None:
    box = {"facecolor": PAPER, "alpha": 0.78, "linewidth": 0, "pad": 1.2}
    shift, align = (-0.06, "right") if left else (0.05, "left")
    axes.text(i + shift, height, label(word, 18), ha=align, va="center", fontsize=8.5, bbox=box, zorder=4)


def _legend(figure: Figure, ranked: Sequence[TrialRecord], groups: Sequence[int], metric: str) -> None:
    handles = []
    for group in sorted(set(groups)):
        scores = [trial.metric(metric) for trial, own in zip(ranked, groups, strict=True) if own == group]
        words = " … ".join(dict.fromkeys(map(column(metric).text, (min(scores), max(scores)))))
        handles.append(Line2D([], [], color=SCALE[-1 - group], linewidth=2.5, label=words))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=9, handlelength=1.2)
