"""How firm the ranking is: for each architecture how often it had each rank when the patients are drawn anew."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from results.plots.marks import architectures, mark, mark_rows
from results.plots.style import INK, PAPER, SCALE, Plot, label, settings, svg_of
from results.records import Sweep
from results.statistics import Comparison, Ranking

NAME, TITLE = "rank-distribution", "Share of each rank"
_LEAST_TOLD = 0.1


def rank_distribution(sweep: Sweep, comparison: Comparison) -> Plot:
    """One panel a ranking (each label, then all labels); with fewer than two architectures a sentence."""
    known = [ranking for ranking in comparison.rankings if len(ranking.models) > 1 and ranking.leader]
    if not known:
        return Plot(NAME, TITLE, "There are no two architectures to rank on the same patients.")
    with settings():
        svg = svg_of(_draw(sweep, known), NAME, "Share of resamples in which each architecture had each rank")
    caption = f"Share of {comparison.resamples} resamples of the patients in which an architecture had each rank. "
    caption += "One long dark bar is a firm rank; many pieces are none."
    return Plot(NAME, TITLE, caption.replace("dark", "strong"), svg)


def _draw(sweep: Sweep, known: list[Ranking]) -> Figure:
    count = len(known[0].models)
    figure = Figure(figsize=(10, 1.4 + 0.42 * count), layout="constrained")
    rows = np.argsort(known[-1].ranks, kind="stable")
    of = [architectures(sweep).index(known[0].models[i]) for i in rows]
    panels = figure.subplots(1, len(known), sharey=True, squeeze=False).flat
    for axes, ranking in zip(panels, known, strict=True):
        for row, i in enumerate(rows):
            _bar(axes, row, ranking.chances[i], of[row])
        axes.set_title(f"{label(ranking.label)} (n={ranking.n})", loc="left")
        axes.set_xlim(0, 1)
        axes.set_xticks([0, 0.5, 1], ["0", "50 %", "100 %"])
        axes.set_ylim(count - 0.5, -0.5)
        axes.grid(visible=False)
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
    figure.axes[0].set_yticks(range(count), [label(known[0].models[i]) for i in rows])
    mark_rows(figure.axes[0], of)
    handles = [Patch(color=_shade(rank, count), label=f"rank {rank + 1}") for rank in range(count)]
    figure.legend(handles=handles, loc="outside upper left", ncols=min(count, 8), fontsize=9.5, handlelength=1)
    return figure


def _shade(rank: int, count: int) -> str:
    """The strongest of the scale for the first rank, the weakest for the last."""
    return SCALE[-1 - round(rank / max(count - 1, 1) * (len(SCALE) - 1))]


def _bar(axes: Axes, row: int, chances: np.ndarray, of: int) -> None:
    start = 0.0
    for rank, chance in enumerate(map(float, chances)):
        if chance <= 0:
            continue
        shade = _shade(rank, len(chances))
        (piece,) = axes.barh(row, chance, left=start, height=0.66, color=shade, edgecolor=PAPER, linewidth=0.8)
        mark(piece, of)
        if chance >= _LEAST_TOLD:
            ink = PAPER if SCALE.index(shade) >= 3 else INK
            middle = start + chance / 2
            word = axes.text(middle, row, f"{100 * chance:.0f}", color=ink, ha="center", va="center", fontsize=9)
            mark(word, of)
        start += chance
