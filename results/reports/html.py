"""The report as one HTML page that needs nothing else: no network, no files beside it.

Everything from outside passes through Jinja2's autoescape. The page's content-security policy allows no request, and no
script but those of `results.reports.assets`, by their hashes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from results.plots.dice_distribution import dice_distribution
from results.plots.learning_curves import learning_curves
from results.plots.marks import architectures
from results.plots.pictures import LABEL_COLOURS, PictureGrid, picture_grid
from results.plots.rank_distribution import rank_distribution
from results.plots.style import Plot, series
from results.reports.assets import content_policy, scripts, styles
from results.reports.document import Document
from results.reports.failure_table import GROUP_HEADS, counts_sentence, group_cells
from results.reports.page_rows import PageRows
from results.reports.tiles import tiles
from results.text import printable

LONG_NOTE = 220


def render(document: Document) -> dict[str, str]:
    """`report.html`."""
    template = _environment().get_template("report.html.j2")
    return {"report.html": template.render(_content(document)) + "\n"}


def parted(note: str) -> tuple[str, str]:
    """What of a note is shown at once, and the rest: a long one is cut after its first sentence."""
    first, stop, rest = note.partition(". ")
    return (first + ".", rest) if stop and len(note) > LONG_NOTE else (note, "")


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("results.reports", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _content(document: Document) -> dict[str, Any]:
    sweep = document.sweep
    grid: PictureGrid = picture_grid(sweep, document.pictures)
    rows = PageRows(sweep)
    return {
        "document": document,
        "policy": content_policy(),
        "scripts": [Markup(text) for text in scripts()],
        "styles": [Markup(text) for text in styles()],
        "tiles": tiles(sweep),
        "parted": parted,
        "rows": rows,
        "chips": [(of, printable(name), Markup(series(of))) for of, name in enumerate(architectures(sweep))],
        "patients_plot": _drawn([dice_distribution(sweep)])[0],
        "ranks_plot": _drawn([rank_distribution(sweep, document.comparison)])[0],
        "training": _drawn([learning_curves(sweep)]),
        "sections": [(section, _drawn(section.draw())) for section in document.sections],
        "grid": grid,
        "colours": {name: "#" + bytes(LABEL_COLOURS[value]).hex() for name, value in (("liver", 1), ("tumour", 2))},
        "headline": document.architectures[0],
        "verdicts": _verdicts(document, rows),
        "failure_counts": counts_sentence(document),
        "group_heads": GROUP_HEADS,
        "groups": [group_cells(group) for group in document.failure_groups],
    }


def _drawn(plots: Iterable[Plot]) -> list[tuple[Plot, Markup]]:
    return [(plot, Markup(plot.svg)) for plot in plots]


def _verdicts(document: Document, rows: PageRows) -> list[tuple[str, str]]:
    """The pairs in words, each with the positions of its two architectures."""
    frame = document.pairs.frame
    cells = zip(frame["first"], frame["second"], frame["verdict"], strict=True)
    return [(str(verdict), rows.of(first, second)) for first, second, verdict in cells]
