"""The score against each parameter that varied: a point a trial, one panel a parameter."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from results.columns import column
from results.parameters import Axis, parameter_axis, value_text
from results.plots.marks import architectures, mark, mark_legend, points
from results.plots.style import INK, Plot, label, limit_score, look, settings, svg_of
from results.records import Sweep, TrialRecord
from results.tables.factors import swept_parameters

NAME, TITLE = "parameter-scores", "Score against each parameter"
MOST_PANELS = 12
_COLUMNS = 3
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_NARROW = math.log(200)
_GOLDEN = (math.sqrt(5) - 1) / 2


def scored_trials(sweep: Sweep) -> tuple[TrialRecord, ...]:
    """Finished trials of the search with a number for the first objective.

    Repetitions of a setting on other folds or with other seeds are left out: other patients have other scores.
    """
    metric = sweep.sweep.objective.metric
    return tuple(
        trial
        for trial in sweep.trials
        if trial.state == "finished" and not trial.replicate_of and math.isfinite(trial.metric(metric))
    )


def parameter_scores(sweep: Sweep) -> Plot:
    """One panel a parameter, at most `MOST_PANELS`; without any, a sentence."""
    trials = scored_trials(sweep)
    names = swept_parameters(trials)
    if not names:
        return Plot(NAME, TITLE, "No parameter had several values among the finished trials.")
    axes = [parameter_axis(sweep, name, trials) for name in names[:MOST_PANELS]]
    with settings():
        svg = svg_of(_draw(sweep, trials, axes), NAME, "Score of each finished trial against each of its parameters")
    caption = "A point a finished trial; the best is ringed. Points of one choice are spread sideways to be told apart."
    if len(names) > MOST_PANELS:
        caption += f" The first {MOST_PANELS} of {len(names)} parameters."
    return Plot(NAME, TITLE, caption, svg)


def _draw(sweep: Sweep, trials: Sequence[TrialRecord], parameters: Sequence[Axis]) -> Figure:
    rows = math.ceil(len(parameters) / _COLUMNS)
    figure = Figure(figsize=(10, 0.7 + 2.7 * rows), layout="constrained")
    panels = figure.subplots(rows, _COLUMNS, sharey=True, squeeze=False).flat
    metric = sweep.sweep.objective.metric
    scores = [trial.metric(metric) for trial in trials]
    for axes, parameter in zip(panels, parameters, strict=False):
        _panel(axes, sweep, trials, parameter)
        limit_score(axes, min(scores), max(scores))
    for axes in figure.axes[len(parameters) :]:
        axes.set_visible(False)
    figure.supylabel(column(metric).title, fontsize=11)
    _legend(figure, sweep, trials)
    return figure


def _panel(axes: Axes, sweep: Sweep, trials: Sequence[TrialRecord], parameter: Axis) -> None:
    objective, names = sweep.sweep.objective, architectures(sweep)
    looks = look(names)
    best = max(trials, key=lambda trial: (objective.gain(trial.metric(objective.metric)), -trial.number))
    for of, name in enumerate(names):
        own = [trial for trial in trials if trial.architecture == name and parameter.name in trial.parameters]
        x, y = [_place(parameter, trial) for trial in own], [trial.metric(objective.metric) for trial in own]
        style = {"color": looks[name]["color"], "marker": looks[name]["marker"]}
        points(axes, x, y, of, [trial.number for trial in own], s=26, alpha=0.8, linewidths=0, **style)
    if parameter.name in best.parameters:
        x, y = [_place(parameter, best)], [best.metric(objective.metric)]
        ring = axes.scatter(x, y, s=110, facecolors="none", edgecolors=INK, linewidths=1.4)
        mark(ring, names.index(best.architecture))
    axes.set_title(label(parameter.name), loc="left")
    _scale(axes, parameter)


def _place(parameter: Axis, trial: TrialRecord) -> float:
    if not parameter.choices:
        return float(trial.parameters[parameter.name])
    return parameter.place(trial) + (trial.number * _GOLDEN % 1 - 0.5) * 0.5


def _scale(axes: Axes, parameter: Axis) -> None:
    if parameter.choices:
        axes.set_xticks(range(len(parameter.choices)), [label(word, 14) for word in parameter.words])
        axes.set_xlim(-0.6, len(parameter.choices) - 0.4)
        axes.grid(visible=False, axis="x")
        if len(parameter.choices) > 3 and max(map(len, parameter.words)) > 5:
            axes.tick_params(axis="x", labelrotation=30)
    elif parameter.log:
        axes.set_xscale("log")
        axes.minorticks_off()
        low, high = parameter.ends
        if high - low < _NARROW:  # too narrow for two powers of ten
            ticks = [float(f"{math.exp(at):.2g}") for at in (low, (low + high) / 2, high)]
            axes.set_xticks(ticks, [value_text(tick) for tick in ticks])
        else:
            axes.xaxis.set_major_formatter(lambda value, _: power_of_ten(value))


def power_of_ten(value: float) -> str:
    """`10⁻⁵`; other values as they are."""
    exponent = round(math.log10(value))
    if not math.isclose(value, 10.0**exponent):
        return f"{value:.3g}"
    return "10" + str(exponent).translate(_SUPERSCRIPTS)


def _legend(figure: Figure, sweep: Sweep, trials: Sequence[TrialRecord]) -> None:
    names, used = architectures(sweep), {trial.architecture for trial in trials}
    shown = [name for name in names if name in used]
    looks = look(names)
    handles = [
        Line2D([], [], linestyle="none", color=looks[name]["color"], marker=looks[name]["marker"], label=label(name))
        for name in shown
    ]
    legend = figure.legend(handles=handles, loc="outside upper left", ncols=min(len(shown), 5), handletextpad=0.2)
    mark_legend(legend, [names.index(name) for name in shown])
