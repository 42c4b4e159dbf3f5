"""A comparison of sweeps on the screen and in files. Every text from outside is escaped, as in the reports of one sweep."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.text import Text

from results.comparisons.document import SweepComparison
from results.errors import ResultsError
from results.reports import csv, latex, markdown
from results.reports.json import section_as_json
from results.reports.latex_table import fragment
from results.reports.latex_text import escape
from results.reports.screen import WIDTH, rich_table
from results.reports.table import Table
from results.storage import write_atomic

SCHEMA_VERSION = 1
MOST_ROWS = 24


def as_json(document: SweepComparison) -> dict[str, Any]:
    """The comparison in JSON types."""
    return {
        "schema_version": SCHEMA_VERSION,
        "notice": document.notice,
        "sweeps": list(document.names),
        "basis": document.basis,
        "warnings": list(document.warnings),
        "summary": list(document.summary),
        "sections": {section.key: section_as_json(section) for section in document.sections},
        "facts": dict(document.facts),
    }


def renderables(document: SweepComparison, *, width: int = WIDTH) -> list[RenderableType]:
    """What a console prints: warnings first, then the tables that say most, and the verdict last, where the eye is."""
    parts: list[RenderableType] = [Text(f"warning: {text}", style="yellow") for text in document.warnings]
    for section in document.sections:
        if section.screen:
            parts += [rich_table(table, width=width, rows=MOST_ROWS) for table in section.tables if table.rows]
            parts += [part for text in section.text for part in (Text(text), Text(""))]
    parts += [part for text in document.summary for part in (Text(text), Text(""))]
    fingerprints = ", ".join(f"{name} {value}" for name, value in document.facts if name.endswith("test fingerprint"))
    return [*parts, Text(f"{fingerprints}. {document.notice}", style="dim")]


def render_text(document: SweepComparison, *, width: int = WIDTH) -> str:
    """The same as plain text of at most `width` columns."""
    file = io.StringIO()
    console = Console(file=file, width=width, color_system=None, force_terminal=False, legacy_windows=False)
    console.print(Group(*renderables(document, width=width)))
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"


def _tables(document: SweepComparison) -> tuple[Table, ...]:
    return tuple(table for section in document.sections for table in section.tables)


def _screen(document: SweepComparison) -> Mapping[str, str]:
    return {"comparison.txt": render_text(document)}


def _json(document: SweepComparison) -> Mapping[str, str]:
    return {"comparison.json": json.dumps(as_json(document), indent=1, allow_nan=False, ensure_ascii=True) + "\n"}


def _csv(document: SweepComparison) -> Mapping[str, str]:
    return {f"{table.key}.csv": csv.frame_text(table.frame) for table in _tables(document)}


def _markdown(document: SweepComparison) -> Mapping[str, str]:
    parts = [f"# {markdown.escape(document.title)}", f"*{markdown.escape(document.notice)}*"]
    parts += [f"**Warning:** {markdown.escape(text)}" for text in document.warnings]
    parts += map(markdown.escape, document.summary)
    for section in document.sections:
        parts += [f"## {markdown.escape(section.title)}", *map(markdown.escape, section.text)]
        for table in section.tables:
            parts += markdown.table_section(table, 3) if table.rows else []
    parts += ["## Parts of the split", markdown.table_text(("fact", "value"), document.facts, (False, False))]
    return {"comparison.md": "\n\n".join(parts) + "\n"}


def _latex(document: SweepComparison) -> Mapping[str, str]:
    fragments = {table.key: fragment(table, table.key) for table in _tables(document) if table.rows}
    parts = [f"\\emph{{{escape(document.notice)}}}\n"]
    parts += [
        latex.paragraph(text) for text in (*(f"Warning: {text}" for text in document.warnings), *document.summary)
    ]
    for section in document.sections:
        parts += [latex.heading(section.title), *map(latex.paragraph, section.text)]
        parts += [fragments[table.key] for table in section.tables if table.key in fragments]
    parts += [latex.heading("Parts of the split") + latex.listing(("fact", "value"), document.facts)]
    files = {"comparison.tex": latex.page(document.title, parts)}
    return files | {f"{key}.tex": text for key, text in fragments.items()}


FORMATS: Mapping[str, Callable[[SweepComparison], Mapping[str, str]]] = {
    "markdown": _markdown,
    "csv": _csv,
    "json": _json,
    "latex": _latex,
    "screen": _screen,
}


def render(document: SweepComparison, formats: Sequence[str]) -> dict[str, str]:
    """The files of a comparison, text by name; the same sweeps, the same text.

    Raises:
        ResultsError: unknown format; lists those there are.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise ResultsError("unknown format of a comparison", got=unknown[0], allowed=", ".join(FORMATS))
    return {file: text for name in dict.fromkeys(formats) for file, text in FORMATS[name](document).items()}


def write_comparison(document: SweepComparison, folder: Path, formats: Sequence[str]) -> list[Path]:
    """Write the files into a folder, which is made; nothing is written when any format cannot be rendered.

    Raises:
        ResultsError: unknown format, or the folder cannot be written.
    """
    files = render(document, formats)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            write_atomic(folder / name, text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise ResultsError("the comparison cannot be written", where=str(folder), got=error.strerror) from error
    return [folder / name for name in files]
