"""Tables as comma-separated files: the numbers in full, under their own names, one file a table.

A cell that a spreadsheet would take for a formula is neutralised by an apostrophe; numbers, negative ones too, are
left.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from results.columns import is_missing
from results.reports.document import Document
from results.reports.failure_table import GROUP_HEADS, group_cells
from results.tables import case_table
from results.text import printable

_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def cell(value: Any) -> str:
    """The text of one cell; empty for None, NaN and NA."""
    if is_missing(value):
        return ""
    if isinstance(value, float):
        return repr(float(value))
    text = printable(str(value))
    risky = text.lstrip().startswith(_STARTS) and not _NUMBER.fullmatch(text)
    return f"'{text}" if risky else text


def frame_text(frame: pd.DataFrame) -> str:
    """A frame as CSV (RFC 4180 quoting, line feeds)."""
    return rows_text([str(name) for name in frame.columns], frame.astype(object).itertuples(index=False, name=None))


def rows_text(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Rows under their heads as CSV."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([cell(name) for name in heads])
    for row in rows:
        writer.writerow([cell(value) for value in row])
    return file.getvalue()


def render(document: Document) -> dict[str, str]:
    """Trials, architectures, factors, patients, pairs, ranks, cases, failures, and the tables of sections: a file each."""
    stages = document.architectures
    architectures = [table.frame.assign(table=table.title) if len(stages) > 1 else table.frame for table in stages]
    factors = [table.frame.assign(parameter=table.title) for table in document.factors]
    further = {f"{table.key}.csv": frame_text(table.frame) for part in document.sections for table in part.tables}
    return further | {
        "trials.csv": frame_text(document.trials.frame),
        "architectures.csv": frame_text(_stack(architectures)),
        "factors.csv": frame_text(_stack(factors)),
        "patients.csv": frame_text(document.patients.frame),
        "pairs.csv": frame_text(document.pairs.frame),
        "ranks.csv": frame_text(document.ranks.frame),
        "cases.csv": frame_text(case_table(document.sweep)),
        "failures.csv": rows_text(GROUP_HEADS, [group_cells(group) for group in document.failure_groups]),
    }


def _stack(frames: list[pd.DataFrame]) -> pd.DataFrame:
    if not frames:
        return pd.DataFrame(columns=["parameter", "value"])
    return pd.concat([frame.astype(object) for frame in frames], ignore_index=True)
