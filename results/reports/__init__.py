"""Reports of a sweep in several formats. Importing this loads none of the heavy libraries that rendering needs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from results.reports.formats import FORMATS, ReportFormat, report_format, report_formats

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = [
    "FORMATS",
    "ReportFormat",
    "json_document",
    "report_format",
    "report_formats",
    "screen_tables",
    "write_reports",
]


def write_reports(sweep_folder: Path, formats: Sequence[str] | None = None) -> list[Path]:
    """Write reports into `<sweep folder>/report/` and return the files; None writes all formats but `screen`.

    See `results.reports.write.write_reports`.
    """
    from results.reports.write import write_reports as write

    return write(sweep_folder, [name for name in report_formats() if name != "screen"] if formats is None else formats)


def json_document(sweep_folder: Path) -> dict[str, Any]:
    """What `report.json` holds, in JSON types; raises `LedgerError`."""
    from results.reports.json import as_json
    from results.reports.write import read_document

    return as_json(read_document(sweep_folder))


def screen_tables(sweep_folder: Path, *, width: int | None = None, rows: int | None = 20) -> list[RenderableType]:
    """What a console prints about a sweep, one renderable a part; raises `LedgerError`.

    Args:
        sweep_folder: the folder of the sweep.
        width: columns to fit the tables into; None for those of the terminal (200 where there is none).
        rows: most rows of the trial table; None for all.
    """
    import shutil

    from results.reports.screen import renderables
    from results.reports.write import read_document

    columns = width or shutil.get_terminal_size((200, 24)).columns
    return renderables(read_document(sweep_folder), width=columns, rows=rows)
