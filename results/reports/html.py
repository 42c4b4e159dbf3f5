"""The report as one HTML page that needs nothing else: no network, no files beside it.

Everything from outside passes through Jinja2's autoescape. The page's content-security policy allows no request, and no
script but the one below, by its hash.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from results.plots.dice_distribution import dice_distribution
from results.plots.learning_curves import learning_curves
from results.plots.pictures import LABEL_COLOURS, PictureGrid, picture_grid
from results.plots.style import Plot
from results.reports.document import Document
from results.reports.failure_table import GROUP_HEADS, counts_sentence, group_cells

# Sorts a table by the column whose head was pressed. Works on attributes only; without it the page is complete.
SCRIPT = """
for (const head of document.querySelectorAll("table.sortable th button")) {
  head.addEventListener("click", () => {
    const th = head.parentElement, body = th.closest("table").tBodies[0];
    const column = [...th.parentElement.children].indexOf(th);
    const down = th.getAttribute("aria-sort") === "ascending";
    for (const other of th.parentElement.children) other.removeAttribute("aria-sort");
    th.setAttribute("aria-sort", down ? "descending" : "ascending");
    const key = row => row.children[column].dataset.key;
    const compare = (a, b) => {
      const x = key(a), y = key(b);
      if (x === "" || y === "") return (x === "") - (y === "");
      const numbers = x - y, order = isNaN(numbers) ? (x < y ? -1 : x > y ? 1 : 0) : numbers;
      return down ? -order : order;
    };
    body.append(...[...body.rows].sort(compare));
  });
}
"""


def content_policy(script: str = SCRIPT) -> str:
    """The content-security policy: nothing is loaded, and only this script runs."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    parts = ("default-src 'none'", f"script-src 'sha256-{digest}'", "style-src 'unsafe-inline'", "img-src data:")
    return "; ".join((*parts, "base-uri 'none'", "form-action 'none'"))


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
    plots: tuple[Plot, ...] = (learning_curves(sweep), dice_distribution(sweep))
    grid: PictureGrid = picture_grid(sweep, document.pictures)
    return {
        "document": document,
        "policy": content_policy(),
        "script": Markup(SCRIPT),
        "plots": [(plot, Markup(plot.svg)) for plot in plots],
        "sections": [(section, [(plot, Markup(plot.svg)) for plot in section.draw()]) for section in document.sections],
        "grid": grid,
        "colours": {name: "#" + bytes(LABEL_COLOURS[value]).hex() for name, value in (("liver", 1), ("tumour", 2))},
        "headline": document.architectures[0],
        "failure_counts": counts_sentence(document),
        "group_heads": GROUP_HEADS,
        "groups": [group_cells(group) for group in document.failure_groups],
    }
