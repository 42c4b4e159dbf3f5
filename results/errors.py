"""The exception tree of `results`.

    ResultsError
    ├── LedgerError    a ledger cannot be read, written or made sense of (carries the line)
    ├── LockedError    another driver is at work on the sweep
    └── StoreError     a store (s3://, gs://, file://) cannot be reached, refuses, or holds what it must not

Every message says what is wrong, where, what was got, what is allowed and what to do next, as far as each is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

GOT_LIMIT = 400
"""Characters of an offending value that a message shows."""


class ResultsError(Exception):
    """Root of everything that `results` raises on purpose.

    Args:
        what: one sentence that says what is wrong.
        where: file, line or name concerned.
        got: the offending value.
        allowed: what would have been accepted.
        next_step: what the reader can do about it.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        got: object = None,
        allowed: object = None,
        next_step: str | None = None,
    ) -> None:
        self.what = what
        self.where = where
        self.got = got if got is None else _short(str(got))
        self.allowed = allowed if allowed is None else str(allowed)
        self.next_step = next_step
        super().__init__(what)

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        if self.got is not None:
            text += f"; got {self.got}"
        if self.allowed is not None:
            text += f"; allowed: {self.allowed}"
        if self.next_step is not None:
            text += f"; {self.next_step}"
        return text

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), dict(self.__dict__))


class LedgerError(ResultsError):
    """A ledger line is damaged, out of order, impossible, or could not be written.

    Args:
        what: one sentence that says what is wrong.
        line: number of the line, counted from 1, when one line is to blame.
    """

    def __init__(
        self,
        what: str,
        *,
        line: int | None = None,
        where: str | None = None,
        got: object = None,
        allowed: object = None,
        next_step: str | None = None,
    ) -> None:
        self.line = line
        if line is not None:
            where = f"{where}, line {line}" if where else f"line {line}"
        super().__init__(what, where=where, got=got, allowed=allowed, next_step=next_step)


class LockedError(ResultsError):
    """Another process holds the lock of the sweep."""


class StoreError(ResultsError):
    """A store cannot be reached, refuses what was asked, or holds what it must not. Never carries a credential."""


def _short(text: str) -> str:
    """The beginning of a text that nobody would read to its end; lines of several problems are kept."""
    return text if len(text) <= GOT_LIMIT or "\n" in text else f"{text[:GOT_LIMIT]}… ({len(text):,} characters)"


def _rebuild(kind: type[ResultsError], state: Mapping[str, Any]) -> ResultsError:
    error = kind.__new__(kind)
    Exception.__init__(error, state["what"])
    error.__dict__.update(state)
    return error
