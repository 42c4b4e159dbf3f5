"""What a ledger line says at such length that it is parsed only when asked for: a trial's history, and further scores of its cases.

The checksum of the line was right, so damage does not explain nonsense in here; another program may. Whatever is not of the
promised form is one `LedgerError` that names the trial.
"""

from __future__ import annotations

import json
import math
from typing import Any

from results.errors import LedgerError
from results.folding import MOST_EPOCHS

NEXT_STEP = "restore the ledger from a copy"


def parse_history(text: bytes, uid: str) -> dict[str, list[float]]:
    """Values per epoch by column, NaN where there was `null`. Columns are equally long.

    Args:
        text: JSON; nothing when empty.
        uid: the trial, for the error.

    Raises:
        LedgerError: not columns of numbers, of different lengths, or `epoch` is not a column of whole numbers from 1 on.
    """
    if not text:
        return {}
    try:
        columns = {name: [_number(value) for value in column] for name, column in _object(text).items()}
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise _nonsense("the history", uid) from error
    lengths = {len(column) for column in columns.values()}
    epochs = columns.get("epoch", ())
    if len(lengths) > 1 or not all(type(epoch) is int and 1 <= epoch <= MOST_EPOCHS for epoch in epochs):
        raise _nonsense("the history", uid)
    return columns


def parse_case_scores(text: bytes, cases: int, uid: str) -> tuple[dict[str, float], ...]:
    """Scores by name of each of a trial's `cases`; the text `inf` is an infinite distance, `null` is NaN.

    Args:
        text: JSON; empty for a trial that was not scored in full, whose dictionaries are empty.
        cases: how many there must be.
        uid: the trial, for the error.

    Raises:
        LedgerError: not one row of numbers a case.
    """
    if not text:
        return tuple({} for _ in range(cases))
    try:
        found = _object(text)
        columns, rows = found["columns"], found["rows"]
        if len(rows) != cases or not all(isinstance(name, str) for name in columns):
            raise ValueError("rows or columns")
        return tuple(
            {name: _score(value) for name, value in zip(columns, _list(row), strict=True)} for row in _list(rows)
        )
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise _nonsense("the scores of its cases", uid) from error


def _object(text: bytes) -> dict[str, Any]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise TypeError("no object")
    return found


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("no list")
    return value


def _score(value: Any) -> float:
    return math.inf if value == "inf" else float(_number(value))


def _number(value: Any) -> float:
    """A finite number as it is, so that whole ones stay whole; NaN for `null`."""
    if value is None:
        return math.nan
    if type(value) not in (int, float) or not math.isfinite(value):
        raise TypeError("no number")
    number: float = value
    return number


def _nonsense(what: str, uid: str) -> LedgerError:
    return LedgerError(
        f"{what} is not of the form that it should have", where=f"trial {uid}", allowed="numbers", next_step=NEXT_STEP
    )
