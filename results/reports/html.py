"""The report as one HTML page that needs nothing else: no network, no files beside it.

Everything from outside passes through Jinja2's autoescape. The page's content-security policy allows no request, and no
script but those of `results.reports.assets`, by their hashes.
"""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from results.plots.best_so_far import best_so_far
from results.plots.dice_distribution import dice_distribution
from results.plots.learning_curves import learning_curves
from results.plots.pictures import LABEL_COLOURS, PictureGrid, picture_grid
from results.plots.style import Plot
from results.reports.assets import content_policy, scripts, styles
from results.reports.document import Document
from results.reports.failure_table import GROUP_HEADS, counts_sentence, group_cells


def render(document: Document) -> dict[str, str]:
    """`report.html`."""
    template = _environment().get_template("report.html.j2")
    return {"report.html": template.render(_content(document)) + "\n"}


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
    plots: tuple[Plot, ...] = (learning_curves(sweep), best_so_far(sweep), dice_distribution(sweep))
    grid: PictureGrid = picture_grid(sweep, document.pictures)
    return {
        "document": document,
        "policy": content_policy(),
        "scripts": [Markup(text) for text in scripts()],
        "styles": [Markup(text) for text in styles()],
        "plots": [(plot, Markup(plot.svg)) for plot in plots],
        "sections": [(section, [(plot, Markup(plot.svg)) for plot in section.draw()]) for section in document.sections],
        "grid": grid,
        "colours": {name: "#" + bytes(LABEL_COLOURS[value]).hex() for name, value in (("liver", 1), ("tumour", 2))},
        "headline": document.architectures[0],
        "failure_counts": counts_sentence(document),
        "group_heads": GROUP_HEADS,
        "groups": [group_cells(group) for group in document.failure_groups],
    }
