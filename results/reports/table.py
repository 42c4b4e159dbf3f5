"""A table as reports show it: text cells under heads, some of them several columns of a frame in one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from results.columns import MISSING, column, is_missing
from results.text import printable


@dataclass(frozen=True, slots=True)
class Shown:
    """One shown column.

    Attributes:
        head: its title; empty takes that of the (first) frame column.
        names: frame columns whose texts are joined by `separator`.
        numeric: aligned right.
        priority: where there is little room (a terminal), columns are left out from the highest down; 0 never.
    """

    names: tuple[str, ...]
    head: str = ""
    separator: str = " / "
    numeric: bool = True
    priority: int = 0

    @property
    def title(self) -> str:
        """The head."""
        return printable(self.head) or column(self.names[0]).head

    def text(self, row: Mapping[str, Any]) -> str:
        """One cell; a single dash when every part is missing."""
        parts = [column(name).text(row.get(name)) for name in self.names]
        if all(part == MISSING for part in parts):
            return MISSING
        if self.separator == " ± " and MISSING in parts[1:]:
            return parts[0]
        return self.separator.join(parts)


@dataclass(frozen=True, slots=True)
class Table:
    """A table ready to be shown.

    Attributes:
        key: short name, used for files and anchors.
        title, note: heading and a sentence below it (may be empty).
        frame: the numbers behind it, under their own names.
        shown: the columns.
        rows: text cells, one tuple a row.
        sort_keys: for each cell the number or text to sort by.
        marked: rows that are set apart (the baseline).
    """

    key: str
    title: str
    note: str
    frame: pd.DataFrame
    shown: tuple[Shown, ...]
    rows: tuple[tuple[str, ...], ...]
    sort_keys: tuple[tuple[str, ...], ...]
    marked: frozenset[int] = frozenset()

    @property
    def heads(self) -> tuple[str, ...]:
        """Titles of the columns."""
        return tuple(shown.title for shown in self.shown)

    def widths(self, rows: int | None = None) -> tuple[int, ...]:
        """Characters that each column needs in the first `rows` rows when heads may be broken at spaces."""
        words = [max(map(len, head.split())) if head.split() else 0 for head in self.heads]
        return tuple(max([words[i], *(len(row[i]) for row in self.rows[:rows])]) for i in range(len(self.shown)))

    def fitting(self, width: int, *, rows: int | None = None, gap: int = 3) -> tuple[int, ...]:
        """Positions of the columns that fit into `width` characters, `gap` between them."""
        widths = self.widths(rows)
        keep = list(range(len(self.shown)))
        for i in sorted(keep, key=lambda i: (-self.shown[i].priority, -i)):
            if sum(widths[j] + gap for j in keep) <= width or self.shown[i].priority == 0:
                break
            keep.remove(i)
        return tuple(keep)


def make_table(
    frame: pd.DataFrame,
    shown: Sequence[Shown],
    *,
    key: str,
    title: str,
    note: str = "",
    marked: frozenset[int] = frozenset(),
) -> Table:
    """The table of a frame. Columns that are missing in the frame altogether are left out."""
    kept = tuple(item for item in shown if any(name in frame.columns for name in item.names))
    records: list[dict[str, Any]] = frame.astype(object).to_dict("records")  # type: ignore[assignment]
    rows = tuple(tuple(item.text(record) for item in kept) for record in records)
    keys = tuple(tuple(_sort_key(record.get(item.names[0])) for item in kept) for record in records)
    return Table(key, printable(title), note, frame, kept, rows, keys, marked)


def _sort_key(value: Any) -> str:
    if is_missing(value):
        return ""
    return repr(float(value)) if isinstance(value, (int, float)) else printable(str(value))
