"""What is unlike a model's training scans, case by case, as a table for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sweeps.validation.validated import Judged


def unlike_table(side: Judged, names: Mapping[str, str]) -> Any:
    """A Rich table, a row for each warning.

    Args:
        side: a model with at least one warning.
        names: of the cases, by pseudonym.
    """
    from rich.table import Table
    from rich.text import Text

    from results.text import printable

    table = Table(title=Text(f"{printable(side.label)}: Unlike its training scans"), title_justify="left")
    for head in ("case", "what", "here", "would be like them"):
        table.add_column(head, justify="left" if head in ("case", "what") else "right")
    for one in side.seen:
        name = names[one.score.name]
        for warning in one.warnings:
            unit = {"": "", "%": "%"}.get(warning["unit"], f" {warning['unit']}")
            value, low, high = (f"{warning[key]:g}" for key in ("value", "low", "high"))
            cells = (name, warning["feature"], f"{value}{unit}", f"{low} to {high}{unit}")
            table.add_row(*(Text(printable(cell)) for cell in cells))
            name = ""
    return table
