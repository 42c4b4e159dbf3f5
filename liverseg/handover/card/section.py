"""What a card is made of: sections with paragraphs, lists and tables; and how numbers are written in them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

NOT_RECORDED = "not recorded"


@dataclass(frozen=True, slots=True)
class CardTable:
    """Rows of text under heads; `numeric` says which columns are numbers."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """One section.

    Attributes:
        key: for programs.
        title: for people.
        text: paragraphs.
        points: a list after them.
        tables: after that.
        notes: paragraphs after the tables.
    """

    key: str
    title: str
    text: tuple[str, ...] = ()
    points: tuple[str, ...] = ()
    tables: tuple[CardTable, ...] = ()
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def facts_table(rows: Sequence[tuple[str, str]], heads: tuple[str, str] = ("what", "value")) -> CardTable:
    """Names and values."""
    return CardTable(heads, tuple(rows), (False, False))


def counted(number: int, noun: str) -> str:
    """`1 patient`, `2 patients`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def known(number: int | None) -> str:
    """A count, or that it was not recorded."""
    return NOT_RECORDED if number is None else str(number)


def dice_text(value: float | None) -> str:
    """Three decimals; `—` where there is none."""
    return "—" if value is None or math.isnan(value) else f"{value:.3f}"


def interval_text(low: float | None, high: float | None) -> str:
    """`0.912 to 0.953`; `—` where there is none."""
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return "—"
    return f"{low:.3f} to {high:.3f}"


def duration_text(seconds: float) -> str:
    """`45 s`, `12 min`, `3.4 h`."""
    if not math.isfinite(seconds):
        return NOT_RECORDED
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)
