"""The best score an architecture has reached against what was spent on it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.figure import Figure

from results.columns import column
from results.plots.marks import architectures, mark, mark_legend
from results.plots.style import Plot, label, look, settings, svg_of
from results.records import Sweep, TrialRecord

NAME, TITLE = "budget", "Best so far against budget"

Steps = tuple[list[float], list[float]]


def best_so_far(sweep: Sweep) -> Plot:
    """One stepped line an architecture; without any finished trial, a sentence.

    The budget is the number of gradient updates, summed over the architecture's trials in the order in which they ended
    (pruned and failed ones spend too); epochs when updates were not recorded.
    """
    unit = "updates" if any(trial.updates for trial in sweep.trials) else "epochs"
    lines = {name: _steps(sweep, name, unit) for name in architectures(sweep)}
    lines = {name: steps for name, steps in lines.items() if steps[0]}
    if not lines:
        return Plot(NAME, TITLE, "No trial finished with a score, so there is no best so far.")
    with settings():
        svg = svg_of(_draw(sweep, lines, unit), NAME, f"Best objective so far against {unit} for each architecture")
    caption = (
        f"Best {column(sweep.sweep.objective.metric).title} of the finished trials so far, against the {unit} spent "
    )
    caption += "on the architecture. A line that ends early had a smaller budget."
    return Plot(NAME, TITLE, caption, svg)


def _steps(sweep: Sweep, name: str, unit: str) -> Steps:
    """Budget and best objective after each trial of an architecture; begins with the first finished one."""
    spent, best = 0.0, -math.inf
    budgets: list[float] = []
    scores: list[float] = []
    for trial in _in_order(sweep.trials, name):
        spent += getattr(trial, unit)
        gain = sweep.sweep.objective.gain(trial.metric(sweep.sweep.objective.metric))
        if trial.state == "finished" and math.isfinite(gain):
            best = max(best, gain)
        if math.isfinite(best):
            budgets.append(spent)
            scores.append(sweep.sweep.objective.gain(best))
    return budgets, scores


def _in_order(trials: Sequence[TrialRecord], name: str) -> list[TrialRecord]:
    ended = [trial for trial in trials if trial.architecture == name and trial.ended and not trial.replicate_of]
    return sorted(ended, key=lambda trial: (trial.ended, trial.number))


def _draw(sweep: Sweep, lines: dict[str, Steps], unit: str) -> Figure:
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    axes = figure.subplots()
    names = architectures(sweep)
    looks = look(names)
    for name, (budgets, scores) in lines.items():
        style = {**looks[name], "markersize": 5, "linewidth": 2, "markevery": max(len(budgets) // 12, 1)}
        (line,) = axes.plot(budgets, scores, drawstyle="steps-post", label=label(name), **style)
        mark(line, names.index(name))
    axes.set_xlim(left=0)
    axes.set_xlabel(f"{unit} spent on the architecture")
    axes.set_ylabel(f"best {column(sweep.sweep.objective.metric).title}")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    legend = figure.legend(loc="outside upper left", ncols=min(len(lines), 5))
    mark_legend(legend, [names.index(name) for name in lines])
    return figure
