"""Reports of a sweep in several formats. Importing this loads none of the heavy libraries that rendering needs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from results.reports.formats import FORMATS, ReportFormat, report_format, report_formats

__all__ = ["FORMATS", "ReportFormat", "report_format", "report_formats", "write_reports"]


def write_reports(sweep_folder: Path, formats: Sequence[str]) -> list[Path]:
    """Write reports of a sweep; see `results.reports.write.write_reports`."""
    from results.reports.write import write_reports as write

    return write(sweep_folder, formats)
