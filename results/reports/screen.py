"""The report for a terminal: rich tables, or the same as plain text."""

from __future__ import annotations

import io
import textwrap

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from results.failures import FailureGroup
from results.reports.document import Document
from results.reports.failure_table import NO_MESSAGE, sentence
from results.reports.section import Section
from results.reports.table import Table
from results.text import printable

MOST_ROWS = 20
MOST_NAMES = 4
WIDTH = 160


def renderables(
    document: Document, *, width: int = WIDTH, rows: int | None = MOST_ROWS, factors: bool | None = None
) -> list[RenderableType]:
    """What a console prints: architectures, ranked trials, the first architecture against the others, failures, and the
    summary last, where the eye is.

    Args:
        document: the report.
        width: columns of the terminal; tables leave out what does not fit.
        rows: most rows of the trial table; None for all.
        factors: whether to show the one-factor tables; None shows them where stages vary one parameter after another.
    """
    parts: list[RenderableType] = [rich_table(table, width=width) for table in document.architectures]
    if len(document.architectures) > 1 if factors is None else factors:
        parts += [rich_table(table, width=width, rows=rows) for table in document.factors]
    parts.append(rich_table(document.trials, width=width, rows=rows))
    parts += _pairs(document, width)
    for section in document.sections:
        parts += section_renderables(section, width) if section.screen else []
    parts += _failures(document)
    for paragraph in document.summary:
        parts += [Text(paragraph), Text("")]
    fingerprint = document.sweep.sweep.split.fingerprint or "not recorded"
    parts.append(Text(printable(f"Split fingerprint {fingerprint}. {document.notice}"), style="dim"))
    return parts


def rich_table(table: Table, *, width: int = WIDTH, rows: int | None = None) -> RichTable:
    """One table of a report for the terminal, with as many of its columns as fit."""
    shown_rows = table.rows if rows is None else table.rows[:rows]
    keep, widths = table.fitting(width, rows=rows), table.widths(rows)
    rich = RichTable(title=Text(table.title, style="bold"), box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for i in keep:
        shown = table.shown[i]
        head = Text("\n".join(textwrap.wrap(shown.title, max(widths[i], 1), break_long_words=False)))
        rich.add_column(head, justify="right" if shown.numeric else "left", no_wrap=True, overflow="ellipsis")
    for number, cells in enumerate(shown_rows):
        style = "dim italic" if number in table.marked else ("bold" if number == 0 else "")
        rich.add_row(*[Text(cells[i]) for i in keep], style=style)
    hidden = len(table.rows) - len(shown_rows)
    if hidden:
        rich.caption = Text(f"and {hidden} more in the other formats")
        rich.caption_justify = "left"
    return rich


def section_renderables(section: Section, width: int = WIDTH) -> list[RenderableType]:
    """What a console prints of a section: its tables, then its text."""
    parts: list[RenderableType] = [rich_table(table, width=width) for table in section.tables if table.rows]
    for paragraph in section.text:
        parts += [Text(paragraph), Text("")]
    return parts


def _pairs(document: Document, width: int) -> list[RenderableType]:
    """The pairs of the first architecture with every other; nothing where there is no other."""
    scores = document.comparison.scores
    rows = (len(scores.models) - 1) * len(scores.labels)
    return [rich_table(document.pairs, width=width, rows=rows)] if document.pairs.rows else []


def _failures(document: Document) -> list[Text]:
    """A paragraph for each group of failed trials; nothing when none failed."""
    return [paragraph for group in document.failure_groups for paragraph in (_failure(group), Text(""))]


def _failure(group: FailureGroup) -> Text:
    trials = ", ".join(group.trials[:MOST_NAMES]) + (" …" if group.count > MOST_NAMES else "")
    text = Text(f"{group.kind} {group.count} {group.architecture}", style="bold red").append(
        f" ({trials}): ", "default"
    )
    text.append(sentence(group.example or NO_MESSAGE), "red").append(f" {group.advice}", "default")
    return text.append(f" Then: {group.again}" if group.again else "", "default")


def render_text(document: Document, *, width: int = WIDTH, factors: bool | None = None) -> str:
    """The report as plain text of at most `width` columns, without colours. See `renderables` for `factors`."""
    file = io.StringIO()
    console = Console(file=file, width=width, color_system=None, force_terminal=False, legacy_windows=False)
    console.print(Group(*renderables(document, width=width, rows=None, factors=factors)))
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"
