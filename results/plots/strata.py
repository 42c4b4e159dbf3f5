"""Dice of every patient by class of patients: tumours by their size, livers by slice thickness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from results.plots.style import Plot, label, look, settings, svg_of
from results.records import Sweep
from results.statistics.casewise import Figures
from results.statistics.strata import Strata, Stratum, scored_in
from results.statistics.summary import FEWEST

NAME, TITLE = "strata", "Dice by class of patients"


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: a score by classes."""

    title: str
    score: str
    strata: Strata


def strata_plot(sweep: Sweep, figures: Figures, panels: Sequence[Panel]) -> Plot:
    """A column a class and architecture, a mark a patient, a bar at the mean; a sentence where there is nothing to show."""
    shown = [panel for panel in panels if any(_values(figures, panel, found) for found in panel.strata.classes)]
    if not shown:
        return Plot(NAME, TITLE, "No patient can be put into a class.")
    with settings():
        svg = svg_of(_draw(sweep, figures, shown), NAME, "Dice of each patient for each class and architecture")
    caption = "Each mark is one validation patient, scored by the architecture's selected setting; bars are means. "
    caption += (
        f"n: patients. Pale marks: fewer than {FEWEST} patients in the class, from which nothing is to be concluded."
    )
    return Plot(NAME, TITLE, caption, svg)


def _values(figures: Figures, panel: Panel, stratum: Stratum) -> dict[str, list[float]]:
    """Sorted scores by architecture, without architectures that have none there."""
    found = {name: sorted(scored_in(several, stratum, panel.score).tolist()) for name, several in figures.items()}
    return {name: values for name, values in found.items() if values}


def _draw(sweep: Sweep, figures: Figures, panels: Sequence[Panel]) -> Figure:
    figure = Figure(figsize=(10, 4.0), layout="constrained")
    looks = look(tuple(dict.fromkeys((*sweep.sweep.architectures, *figures))))
    for axes, panel in zip(figure.subplots(1, len(panels), sharey=True, squeeze=False).flat, panels, strict=True):
        ticks = []
        for place, stratum in enumerate(panel.strata.classes):
            values = _values(figures, panel, stratum)
            ticks.append(f"{stratum.name}\nn = {max(map(len, values.values()), default=0)}")
            _cluster(axes, place, list(figures), values, looks)
        axes.set_xticks(range(len(ticks)), ticks)
        axes.set_xlim(-0.5, len(ticks) - 0.5)
        axes.set_title(panel.title, loc="left")
        axes.grid(visible=False, axis="x")
    figure.axes[0].set_ylabel("Dice")
    figure.axes[0].set_ylim(-0.03, 1.03)
    marks = [
        figure.axes[0].plot([], [], color=looks[name]["color"], marker=looks[name]["marker"], linestyle="none")[0]
        for name in figures
    ]
    figure.legend(marks, [label(name) for name in figures], loc="outside upper left", ncols=min(len(figures), 5))
    return figure


def _cluster(
    axes: Axes, place: int, names: Sequence[str], values: Mapping[str, Sequence[float]], looks: Mapping[str, Any]
) -> None:
    """The architectures side by side in one class."""
    width = 0.8 / len(names)
    for i, name in enumerate(names):
        scores = values.get(name, ())
        if not scores:
            continue
        x = place - 0.4 + (i + 0.5) * width
        style = {"color": looks[name]["color"], "alpha": 0.75 if len(scores) >= FEWEST else 0.35}
        spread = np.linspace(-0.2, 0.2, len(scores)) * width if len(scores) > 1 else np.zeros(1)
        axes.plot(x + spread, scores, marker=looks[name]["marker"], linestyle="none", markersize=4.5, **style)
        mean = float(np.mean(scores))
        axes.plot([x - 0.4 * width, x + 0.4 * width], [mean, mean], linewidth=2.4, **style)
