"""One look for all plots: colours that colour-blind readers can tell apart, and SVG that follows the page it is put in.

Ink and lines are written as CSS variables with a fallback (`var(--ink, #1b1f24)`), so that a page in dark mode turns
them light; so are the colours of series. Text stays text; identifiers are the same for the same figure, and carry the plot's name.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from results.plots.marks import marked
from results.text import printable

# Okabe & Ito's set, without yellow (too pale on white) and black (taken by the ink).
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9")
MARKERS = ("o", "s", "^", "D", "v", "P")
DASHES: tuple[Any, ...] = ("solid", (0, (6, 2)), (0, (2, 2)), (0, (6, 2, 2, 2)), (0, (1, 1)), (0, (4, 1, 1, 1, 1, 1)))

INK, LINE, PAPER = "#010203", "#c0c1c2", "#fdfcfb"
# From the worst to the best sixth of the trials. A page turns the scale round in the dark: the best stand out in both.
SCALE = ("#020301", "#020302", "#020303", "#020304", "#020305", "#020306")
_SCALE_COLOURS = ("#c9d3dd", "#a9bccb", "#86a5bb", "#5c8aa8", "#2c6d92", "#003a5d")
_VARIABLES = {INK: "var(--ink, #1b1f24)", LINE: "var(--line, #d0d4da)", PAPER: "var(--paper, #ffffff)"}
_VARIABLES |= {colour: f"var(--series-{i}, {colour})" for i, colour in enumerate(COLOURS)}
_VARIABLES |= {
    sentinel: f"var(--scale-{i}, {colour})"
    for i, (sentinel, colour) in enumerate(zip(SCALE, _SCALE_COLOURS, strict=True))
}
_NAMES = re.compile("|".join(_VARIABLES))
_SETTINGS: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "liversweep",
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": 11.0,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": LINE,
    "axes.titlesize": 11.0,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "axes.formatter.useoffset": False,
}


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot for a page.

    Attributes:
        name: short name, prefix of every identifier in the SVG.
        title: heading.
        caption: what it shows, or why there is nothing to show.
        svg: an `<svg>` element; empty when there is nothing to show.
    """

    name: str
    title: str
    caption: str
    svg: str = ""


def look(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Colour, marker and dashes of each architecture, by its place in the sweep."""
    return {
        name: {
            "color": COLOURS[i % len(COLOURS)],
            "marker": MARKERS[i % len(MARKERS)],
            "linestyle": DASHES[i // len(COLOURS) % len(DASHES)],
        }
        for i, name in enumerate(names)
    }


def series(position: int) -> str:
    """The colour of an architecture as a page writes it: a variable with a fallback."""
    return _VARIABLES[COLOURS[position % len(COLOURS)]]


def settings() -> Any:
    """The look as a context: figures must be made and drawn inside it."""
    return matplotlib.rc_context(_SETTINGS)  # type: ignore[arg-type]


def label(text: str, most: int = 28) -> str:
    """A name fit for a plot: printable and not too long."""
    text = printable(text)
    return text if len(text) <= most else text[: most - 1] + "…"


def limit_score(axes: Axes, low: float, high: float) -> None:
    """Limits for a score between 0 and 1, with a little room, never more than it needs."""
    room = max((high - low) * 0.08, 0.02)
    axes.set_ylim(
        max(low - room, -0.02) if low >= 0 else low - room, min(high + room, 1.02) if high <= 1 else high + room
    )


def svg_of(figure: Figure, name: str, description: str) -> str:
    """The figure as an `<svg>` element that fills the width it is given, the same text for the same figure."""
    canvas: Any = FigureCanvasSVG(figure)
    file = io.StringIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # glyphs that the measuring font lacks: the browser has others
        canvas.print_svg(file, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return _embeddable(file.getvalue(), name, description)


def _embeddable(text: str, name: str, description: str) -> str:
    text = text[text.index("<svg") :]
    text = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    text = text.replace("<svg", f'<svg role="img" aria-label="{description}"', 1)
    text = marked(text)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'((?:xlink:)?href="|url\()#', rf"\1#{name}-", text)
    text = text.replace("'DejaVu Sans'", "var(--sans, sans-serif)")
    text = _NAMES.sub(lambda found: _VARIABLES[found[0]], text)
    return re.sub(r"\n\s*\n+", "\n", text).strip()
