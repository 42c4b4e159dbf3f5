"""Dice of each patient, for the best trial of each architecture: a point a patient, boxes where there are enough."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from results.plots.marks import architectures, mark, mark_rows
from results.plots.style import INK, Plot, label, look, settings, svg_of
from results.ranking import best_by_architecture
from results.records import Sweep
from results.statistics import Scores as PatientScores
from results.statistics import architecture_scores

NAME, TITLE = "patients", "Dice by patient"
FEWEST_FOR_A_BOX = 4

Scores = dict[str, list[float]]


def dice_distribution(sweep: Sweep) -> Plot:
    """One panel a label; labels and architectures without a number are named in the caption."""
    found = architecture_scores(sweep)
    names = [name for name, best in best_by_architecture(sweep.trials, sweep.sweep.objectives).items() if best]
    panels: dict[str, Scores] = {
        part: _scores(found, part, names) for part in ("liver", "tumour") if part in sweep.sweep.labels
    }
    shown = {name: scores for name, scores in panels.items() if any(scores.values())}
    if not shown:
        return Plot(NAME, TITLE, "No finished trial has scores of single patients, so there is no distribution.")
    with settings():
        svg = svg_of(_draw(sweep, shown), NAME, "Dice of each validation patient for each architecture")
    return Plot(NAME, TITLE, _caption(panels, shown), svg)


def _scores(found: PatientScores, part: str, names: Sequence[str]) -> Scores:
    """Dice of the patients that have a number, by name of the patient; a patient's is averaged over repetitions."""
    if part not in found.labels:
        return {name: [] for name in names}
    rows = dict(zip(found.models, found.by_patient(part), strict=True))
    return {name: [float(value) for value in rows.get(name, ()) if math.isfinite(value)] for name in names}


def _caption(panels: dict[str, Scores], shown: dict[str, Scores]) -> str:
    text = (
        "Each mark is one validation patient, scored by the architecture's best setting; n is the number of patients. "
    )
    text += f"Boxes (quartiles and median) from {FEWEST_FOR_A_BOX} patients on."
    missing = [name for name in panels if name not in shown]
    if "tumour" in missing:
        text += " No validation patient has a tumour score, so tumours are not shown."
    return text


def _draw(sweep: Sweep, panels: dict[str, Scores]) -> Figure:
    names = list(next(iter(panels.values())))
    figure = Figure(figsize=(10, 1.2 + 0.55 * len(names)), layout="constrained")
    order = architectures(sweep)
    looks, of = look(order), [order.index(name) for name in names]
    for axes, (title, scores) in zip(
        figure.subplots(1, len(panels), sharey=True, squeeze=False).flat, panels.items(), strict=True
    ):
        for row, name in enumerate(names):
            for artist in _strip(axes, row, scores[name], looks[name]):
                mark(artist, of[row])
        axes.set_title(title, loc="left")
        axes.set_xlim(-0.03, 1.12)
        axes.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1])
        axes.set_xlabel("Dice")
        axes.set_yticks(range(len(names)), [label(name) for name in names])
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.grid(visible=False, axis="y")
    mark_rows(figure.axes[0], of)
    return figure


def _strip(axes: Axes, row: int, scores: Sequence[float], style: dict[str, Any]) -> list[Artist]:
    artists: list[Artist] = [axes.text(1.04, row, f"n={len(scores)}", va="center", fontsize=9)]
    if not scores:
        return artists
    if len(scores) >= FEWEST_FOR_A_BOX:
        q1, median, q3 = np.quantile(scores, [0.25, 0.5, 0.75])
        artists += axes.barh(row, q3 - q1, left=q1, height=0.56, color=style["color"], alpha=0.25)
        artists += axes.plot([median, median], [row - 0.28, row + 0.28], color=INK, linewidth=1.8)
    offsets = np.linspace(-0.16, 0.16, len(scores)) if len(scores) > 1 else np.zeros(1)
    colour, marker = style["color"], style["marker"]
    artists += axes.plot(
        scores, row + offsets, color=colour, marker=marker, linestyle="none", markersize=5.5, alpha=0.9
    )
    return artists
