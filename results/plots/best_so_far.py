"""The best score an architecture has reached against what was spent on it, by every budget there is."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from results.columns import column
from results.plots.marks import architectures, mark, mark_legend
from results.plots.style import Plot, label, look, settings, svg_of
from results.records import Sweep
from results.statistics.expected_best import expected_best
from results.statistics.spending import Course, Step, search_courses
from results.sweep_parts import Objective

NAME, TITLE = "best-so-far", "Best so far against budget"
MOST_COUNTS = 60
"""Points of a line of expected bests."""


@dataclass(frozen=True, slots=True)
class _Budget:
    """One panel: the word on its axis, and a trial's place on it."""

    axis: str
    spent: Callable[[Step], float]
    whole: bool = True


_UNITS = (("h", 3600.0, 7200.0), ("min", 60.0, 120.0), ("s", 1.0, 0.0))


def best_so_far(sweep: Sweep) -> Plot:
    """A panel a budget with one stepped line an architecture, and one for trials in any order; or a sentence.

    Budgets are those of the search: trials that ended, gradient updates (epochs when updates were not recorded) and time
    in trials, summed over the architecture's trials in the order in which they ended; pruned and failed ones spend too. The
    last panel is the expected best of n finished trials (`expected_best`).
    """
    courses = {name: course for name, course in search_courses(sweep).items() if course.scores}
    if not courses:
        return Plot(NAME, TITLE, "No trial finished with a score, so there is no best so far.")
    title = column(sweep.sweep.objective.metric).title
    with settings():
        svg = svg_of(_draw(sweep, courses), NAME, "Best objective so far for each architecture against its budgets")
    caption = (
        f"Best {title} of the finished trials so far, against what the search had spent on the architecture. A line that ends "
        "early had a smaller budget. In the last panel the order does not matter: the expected best of n of its finished "
        "trials."
    )
    return Plot(NAME, TITLE, caption, svg)


def _draw(sweep: Sweep, courses: Mapping[str, Course]) -> Figure:
    budgets, title = _budgets(courses), column(sweep.sweep.objective.metric).title
    rows = math.ceil((len(budgets) + 1) / 2)
    figure = Figure(figsize=(10, 0.6 + 3.1 * rows), layout="constrained")
    panels = list(figure.subplots(rows, 2, sharey=True, squeeze=False).flat)
    all_names = architectures(sweep)
    looks = look(all_names)
    for name, course in courses.items():
        style = {**looks[name], "markersize": 5, "linewidth": 2}
        steps = [step for step in course.steps if not math.isnan(step.best)]
        for axes, budget in zip(panels, budgets, strict=False):
            x = [budget.spent(step) for step in steps]
            (line,) = axes.plot(x, [step.best for step in steps], drawstyle="steps-post", **style)
            mark(line, all_names.index(name))
        counts, means = _expected(course, sweep.sweep.objective)
        (line,) = panels[len(budgets)].plot(counts, means, label=label(name), **style)
        mark(line, all_names.index(name))
    for axes, budget in zip(panels, (*budgets, _Budget("n finished trials in any order", _trials)), strict=False):
        _scale(axes, budget)
    for axes in panels[len(budgets) + 1 :]:
        axes.set_visible(False)
    figure.supylabel(f"best {title}", fontsize=11)
    handles, names = panels[len(budgets)].get_legend_handles_labels()
    legend = figure.legend(handles, names, loc="outside upper left", ncols=min(len(courses), 5))
    mark_legend(legend, [all_names.index(name) for name in courses])
    return figure


def _scale(axes: Axes, budget: _Budget) -> None:
    axes.set_xlim(left=0)
    axes.set_xlabel(budget.axis)
    if budget.whole:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")


def _trials(step: Step) -> float:
    return float(step.trials)


def _budgets(courses: Mapping[str, Course]) -> list[_Budget]:
    """Those of which something is recorded."""
    found = [_Budget("trials ended", _trials)]
    if any(course.total("updates") for course in courses.values()):
        found.append(_Budget("gradient updates", lambda step: float(step.updates)))
    else:
        found.append(_Budget("epochs", lambda step: float(step.epochs)))
    longest = max(course.total("seconds") for course in courses.values())
    if longest:
        unit, divisor, _ = next(item for item in _UNITS if longest >= item[2])
        found.append(_Budget(f"time in trials ({unit})", lambda step: step.seconds / divisor, whole=False))
    return found


def _expected(course: Course, objective: Objective) -> tuple[list[int], list[float]]:
    """Counts of trials and the expected best of each."""
    total = len(course.scores)
    counts = sorted({round(value) for value in np.linspace(1, total, min(total, MOST_COUNTS))})
    means = expected_best([objective.gain(score) for score in course.scores], counts)
    return counts, [objective.gain(float(mean)) for mean in means]
