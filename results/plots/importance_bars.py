"""How much each parameter had to do with a good score, beside what chance would give."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from results.plots.marks import mark
from results.plots.style import INK, LINE, SCALE, Plot, label, settings, svg_of
from results.tables.importances import Group

NAME, TITLE = "importances", "Importance of the parameters"
MOST_BARS = 8
_COLUMNS = 2


def importance_bars(groups: Sequence[Group]) -> Plot:
    """One panel a group of trials with its parameters, most important first; without any, a sentence."""
    if not groups:
        return Plot(NAME, TITLE, "There are too few finished trials to tell importances.")
    with settings():
        svg = svg_of(_draw(groups), NAME, "Share of each parameter in the importance, beside what chance gives")
    caption = "Bars that do not pass their mark are pale: chance gives as much. ▸: the mark lies beyond 100 %."
    if any(len(group.importances) > MOST_BARS for group in groups):
        caption += f" At most {MOST_BARS} parameters a panel; the table has all."
    return Plot(NAME, TITLE, caption, svg)


def _draw(groups: Sequence[Group]) -> Figure:
    columns = min(_COLUMNS, len(groups))
    rows = math.ceil(len(groups) / columns)
    bars = max(min(len(group.importances), MOST_BARS) for group in groups)
    figure = Figure(figsize=(10, 0.6 + rows * (0.8 + 0.32 * bars)), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True).flat
    for axes, group in zip(panels, groups, strict=False):
        _panel(axes, group, bars)
    for axes in figure.axes[len(groups) :]:
        axes.set_visible(False)
    handles = [
        Patch(color=SCALE[4], label="more than chance gives"),
        Patch(color=SCALE[0], label="not told from chance"),
        Line2D([], [], color=INK, marker="|", markersize=12, markeredgewidth=2, linestyle="none", label="chance, 95 %"),
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=3, fontsize=9.5)
    return figure


def _panel(axes: Axes, group: Group, bars: int) -> None:
    found = group.importances[:MOST_BARS]
    for row, item in enumerate(found):
        axes.barh(row, item.share, height=0.6, color=SCALE[4] if item.shown else SCALE[0])
        if item.chance <= 1:
            axes.plot([item.chance] * 2, [row - 0.38, row + 0.38], color=INK, linewidth=2)
        else:
            axes.text(1, row, "▸", color=INK, ha="right", va="center")
    axes.set_yticks(range(len(found)), [label(item.parameter, 22) for item in found])
    axes.set_ylim(bars - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    axes.tick_params(labelbottom=True)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_color(LINE)
    power = ", underpowered" if group.underpowered else ""
    axes.set_title(f"{label(group.name)} ({group.trials} trials{power})", loc="left")
    if group.of is not None:
        mark(axes, group.of)
