"""Where the time went: one bar for the wall of the sweep, and one for a trial of each architecture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from results.plots.marks import architectures, mark, mark_rows
from results.plots.style import COLOURS, INK, LINE, PAPER, Plot, label, settings, svg_of
from results.records import Sweep
from results.statistics.time_profile import OF_TRIALS, PARTS, TimeProfile
from results.tables.time import LEAST_UNTOLD, UNTOLD, WORDS

NAME, TITLE = "time", "Where the time went"
_LEAST_TOLD = 0.05
_UNITS = (("h", 3600.0, 7200.0), ("min", 60.0, 180.0), ("s", 1.0, 0.0))
# What trials are there for is blue; what gets them going is warm; what is idle has no colour.
_LOOKS: Mapping[str, dict[str, Any]] = {
    "preparation": {"facecolor": COLOURS[4]},
    "waiting": {"facecolor": LINE},
    "start_up": {"facecolor": COLOURS[1]},
    "tracing": {"facecolor": COLOURS[3]},
    "training": {"facecolor": COLOURS[0]},
    "validation": {"facecolor": COLOURS[5]},
    "checkpointing": {"facecolor": COLOURS[2]},
    "driver": {"facecolor": INK},
    UNTOLD: {"facecolor": PAPER, "hatch": "///"},
}
_LIGHT = ("waiting", "start_up", "validation", "tracing", "preparation", UNTOLD)


def time_bars(sweep: Sweep, profile: TimeProfile) -> Plot:
    """The plot; a sentence where nothing is known."""
    if profile.wall_s <= 0:
        return Plot(NAME, TITLE, "The ledger does not tell where the time went.")
    with settings():
        svg = svg_of(_draw(sweep, profile), NAME, _description(profile))
    caption = "Above, the wall time of the sweep"
    caption += (
        "; below, the mean time for which a trial of each architecture had a slot." if profile.architectures else "."
    )
    return Plot(NAME, TITLE, caption, svg)


def _description(profile: TimeProfile) -> str:
    """The first bar in words."""
    parts = ", ".join(f"{WORDS[part]} {100 * profile.share(part):.0f} %" for part in PARTS)
    return f"Wall time of the sweep, {profile.wall_s:.0f} s: {parts}"


def _draw(sweep: Sweep, profile: TimeProfile) -> Figure:
    count, untold = len(profile.architectures), profile.untold_s > LEAST_UNTOLD * profile.wall_s
    heights = [1.0, 0.62 * count] if count else [1.0]
    figure = Figure(figsize=(10, 1.9 + 0.9 * bool(count) + 0.42 * count), layout="constrained")
    panels = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    wall = [(part, profile.parts_s[part]) for part in PARTS] + ([(UNTOLD, profile.untold_s)] if untold else [])
    _bars(panels[0], [wall], profile.wall_s, "wall time of the sweep", percent=True)
    panels[0].set_yticks([])
    if count:
        names = architectures(sweep)
        means = [_mean(item.parts_s, item.untold_s, item.trials) for item in profile.architectures]
        longest = max(item.slot_s / item.trials for item in profile.architectures)
        of = [names.index(item.name) for item in profile.architectures]
        _bars(panels[1], means, longest, "time of a trial", of)
        panels[1].set_yticks(range(count), [label(item.name) for item in profile.architectures])
        mark_rows(panels[1], of)
    told = [*PARTS, *([UNTOLD] if untold else [])]
    handles = [Patch(edgecolor=LINE, linewidth=0.5, label=WORDS.get(part, part), **_LOOKS[part]) for part in told]
    figure.legend(
        handles=handles, loc="outside upper left", ncols=len(told), fontsize=9, handlelength=1, columnspacing=1
    )
    return figure


def _mean(parts_s: Mapping[str, float], untold_s: float, trials: int) -> list[tuple[str, float]]:
    return [(part, parts_s[part] / trials) for part in OF_TRIALS] + [(UNTOLD, untold_s / trials)]


def _bars(
    axes: Axes,
    rows: Sequence[Sequence[tuple[str, float]]],
    longest_s: float,
    axis: str,
    of: Sequence[int] = (),
    *,
    percent: bool = False,
) -> None:
    """One bar a row; the larger parts carry their time in the axis' unit, or their share."""
    unit, divisor, _ = next(item for item in _UNITS if longest_s >= item[2])
    for row, parts in enumerate(rows):
        start = 0.0
        for part, seconds in parts:
            if seconds <= 0:
                continue
            width = seconds / divisor
            edge: dict[str, Any] = {"edgecolor": LINE if part == UNTOLD else PAPER, "linewidth": 0.8}
            (piece,) = axes.barh(row, width, left=start, height=0.66, **edge, **_LOOKS[part])
            position = of[row] if of else None
            mark(piece, position)
            if seconds >= _LEAST_TOLD * longest_s:
                ink = INK if part in _LIGHT else PAPER
                text = f"{100 * seconds / longest_s:.0f} %" if percent else f"{width:.3g}"
                middle = start + width / 2
                mark(axes.text(middle, row, text, color=ink, ha="center", va="center", fontsize=9), position)
            start += width
    axes.set_xlim(left=0)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel(f"{axis} ({unit})")
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
