"""The report as Markdown with pipe tables. Every text from outside is escaped, so that nothing in it becomes markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from results.reports.document import Document
from results.reports.failure_table import FAILED_HEADS, GROUP_HEADS, GROUP_NUMERIC, counts_sentence, group_cells
from results.reports.table import Table
from results.text import printable

_MARKS = re.compile(r"([\\`*\[\]|~#$!{}()]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")
_LEADING = re.compile(r"^(\s*)([-+>=]|\d+[.)])(?=\s|$)")


def escape(text: str) -> str:
    """`text` so that Markdown shows it as it is: no markup, no HTML, no link."""
    text = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = _MARKS.sub(r"\\\1", text).replace("://", "&#58;//").replace("www.", "www&#46;")
    return _LEADING.sub(r"\1\\\2", text)


def table_text(heads: Sequence[str], rows: Iterable[Sequence[str]], numeric: Sequence[bool]) -> str:
    """A pipe table; numeric columns are aligned right."""
    rule = ["---:" if right else "---" for right in numeric]
    lines = [[escape(head) for head in heads], rule, *([escape(text) for text in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def table_section(table: Table, level: int = 2) -> list[str]:
    """A table under its heading, with its note: one block of Markdown each."""
    heads, numeric = table.heads, [shown.numeric for shown in table.shown]
    note = [escape(table.note)] if table.note else []
    return [f"{'#' * level} {escape(table.title)}", *note, table_text(heads, table.rows, numeric)]


def render(document: Document) -> dict[str, str]:
    """`report.md`."""
    parts = [f"# {escape(document.title)}", f"*{escape(document.notice)}*", *map(escape, document.summary)]
    for table in document.architectures:
        parts += table_section(table)
    parts += table_section(document.trials)
    if document.factors:
        parts.append("## One factor at a time")
    for table in document.factors:
        parts += table_section(table, 3)
    for table in (document.patients, document.pairs, document.ranks):
        parts += table_section(table) if table.rows else []
    for section in document.sections:
        parts += [f"## {escape(section.title)}", *map(escape, section.text)]
        for table in section.tables:
            parts += table_section(table, 3) if table.rows else []
    parts += _failures(document)
    parts += ["## Data and run", table_text(("fact", "value"), document.facts, (False, False))]
    parts += ["## Scores", table_text(("score", "definition"), document.definitions, (False, False))]
    parts += ["## Versions", table_text(("package", "version"), document.versions, (False, False))]
    return {"report.md": "\n\n".join(parts) + "\n"}


def _failures(document: Document) -> list[str]:
    if not document.failures:
        return []
    groups = [group_cells(group) for group in document.failure_groups]
    failed = [(item.trial, item.kind, item.message, item.log) for item in document.failures]
    return [
        "## Failures",
        escape(counts_sentence(document)),
        table_text(GROUP_HEADS, groups, GROUP_NUMERIC),
        "### Failed trials",
        table_text(FAILED_HEADS, failed, [False] * len(FAILED_HEADS)),
    ]
