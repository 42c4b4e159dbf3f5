"""The report formats, by name: built-in ones as an explicit tuple, others through entry points.

An entry point of the group `liversweep.reports` loads to a `ReportFormat`. Nothing heavy is imported until a report
is rendered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from results.errors import ResultsError

if TYPE_CHECKING:
    from results.reports.document import Document

ENTRY_POINTS = "liversweep.reports"


@dataclass(frozen=True, slots=True)
class ReportFormat:
    """A format that reports can be written in.

    Attributes:
        name: the word for it on the command line.
        suffix: of its files, with the dot.
        doc: one line about it.
        render: the files of a report, text by file name (without folders). Pure: the same document, the same text.
    """

    name: str
    suffix: str
    doc: str
    render: Callable[[Document], Mapping[str, str]]


def _screen(document: Document) -> Mapping[str, str]:
    from results.reports.screen import render_text

    return {"report.txt": render_text(document)}


def _csv(document: Document) -> Mapping[str, str]:
    from results.reports.csv import render

    return render(document)


def _markdown(document: Document) -> Mapping[str, str]:
    from results.reports.markdown import render

    return render(document)


def _json(document: Document) -> Mapping[str, str]:
    from results.reports.json import render

    return render(document)


def _html(document: Document) -> Mapping[str, str]:
    from results.reports.html import render

    return render(document)


def _latex(document: Document) -> Mapping[str, str]:
    from results.reports.latex import render

    return render(document)


FORMATS: tuple[ReportFormat, ...] = (
    ReportFormat("screen", ".txt", "plain text as on the terminal", _screen),
    ReportFormat("csv", ".csv", "one file a table, numbers in full", _csv),
    ReportFormat("markdown", ".md", "one page with pipe tables", _markdown),
    ReportFormat("json", ".json", "one document with everything in it", _json),
    ReportFormat("html", ".html", "one self-contained page with tables, curves and pictures", _html),
    ReportFormat("latex", ".tex", "one document that compiles, and each table as a file to input into a paper", _latex),
)


def report_formats() -> dict[str, ReportFormat]:
    """All formats by name; built-in names win.

    Raises:
        ResultsError: an entry point does not load to a `ReportFormat`.
    """
    found = {item.name: item for item in FORMATS}
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name):
        loaded = point.load()
        if not isinstance(loaded, ReportFormat):
            what = "a plug-in for a report format is not a ReportFormat"
            raise ResultsError(what, where=f"{point.name} = {point.value}", got=type(loaded).__name__)
        found.setdefault(loaded.name, loaded)
    return found


def report_format(name: str) -> ReportFormat:
    """The format of that name.

    Raises:
        ResultsError: there is none; lists those there are.
    """
    formats = report_formats()
    if name not in formats:
        raise ResultsError("unknown report format", got=name, allowed=", ".join(formats))
    return formats[name]
