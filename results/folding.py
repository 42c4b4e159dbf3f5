"""What a fold has in hand while it goes through the events: the sweep so far, and a draft of each trial."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from results.errors import LedgerError
from results.ledger_line import Event
from results.records import CaseScore, TrialRecord
from results.sweep_parts import Extension, InheritedTrial, Opening, State

MOST = 2**53
"""No count in a ledger is larger: every number up to here is exact, also where it becomes a float."""
MOST_EPOCHS = 100_000
"""No trial has more epochs: they become a list."""


class Draft:
    """A trial while events are still being folded into it.

    Attributes:
        fields: what is known of it, by the names of `TrialRecord`.
        values: objective after each epoch, from the first.
        told: the epoch up to which events have told of values: the next ones follow it.
        afresh: whether it failed since it was last started, so that its next attempt may train epochs again.
    """

    __slots__ = ("afresh", "fields", "state", "told", "values")

    def __init__(self, fields: dict[str, Any]) -> None:
        self.state: State = "queued"
        self.fields = fields
        self.values: list[float] = []
        self.told = 0
        self.afresh = False

    def begin(self, epoch: int) -> None:
        """An attempt begins after `epoch` epochs. Those after it are told of again only when the trial had failed."""
        if self.afresh:
            del self.values[epoch:]
            self.told = epoch
        self.told = max(self.told, epoch)
        self.afresh = False

    def tell(self, values: Sequence[Any], done: int) -> None:
        """Values of the last epochs of `done`. Epochs before them of which nothing is known are NaN."""
        start = done - len(values)
        del self.values[start:]
        self.values += [math.nan] * (start - len(self.values))
        self.values += [number(value) for value in values]
        self.told = done

    def tell_at_end(self, values: Sequence[Any], epochs: int) -> None:
        """Values that an end tells of. A dying worker may miscount its epochs, so they follow those told before."""
        start = min(self.told, epochs - len(values)) if epochs >= len(values) else self.told
        self.tell(values, start + len(values))

    def freeze(self) -> TrialRecord:
        """The trial as it stands."""
        return TrialRecord(state=self.state, values=tuple(self.values), **self.fields)


class Folding:
    """The state of a fold.

    Attributes:
        sweep: what is known of the sweep, by the names of `SweepRecord`; empty before the first event.
        drafts: trials by uid.
        numbers: numbers of those.
        openings: of the test patients.
    """

    def __init__(self) -> None:
        self.sweep: dict[str, Any] = {}
        self.drafts: dict[str, Draft] = {}
        self.numbers: set[int] = set()
        self.extended: list[Extension] = []
        self.inherited: dict[tuple[str, str], InheritedTrial] = {}
        self.openings: list[Opening] = []

    def draft(self, event: Event) -> Draft:
        """The trial that the event is about; raises `LedgerError` when it was never suggested."""
        uid = event.payload["uid"]
        found = self.drafts.get(uid)
        if found is None:
            raise refuse(event, "the event is about a trial that was never suggested", got=uid)
        return found

    def trial_ended(self) -> None:
        """A trial has come to an end, which every opening of the test patients so far precedes."""
        self.openings = [replace(opening, ended_after=opening.ended_after + 1) for opening in self.openings]


def case_score(row: Sequence[Any]) -> CaseScore:
    """A row of a payload's `cases`."""
    case, patient, liver, tumour, has_tumour = row
    if type(case) is not str or type(patient) is not str:
        raise TypeError("the name of a case or patient is not text")
    return CaseScore(
        case,
        patient,
        liver if type(liver) is float else number(liver),
        tumour if type(tumour) is float else number(tumour),
        bool(has_tumour),
    )


def refuse(event: Event, what: str, *, got: object = None, allowed: object = None) -> LedgerError:
    """The error of an impossible step; names its line."""
    return LedgerError(what, line=event.seq, got=got, allowed=allowed)


def number(value: Any) -> float:
    """A number of a payload; null is NaN."""
    if value is None:
        return math.nan
    if isinstance(value, (int, float)):
        return float(value)
    raise TypeError(f"{_told(value)} is no number")


def numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """Numbers of a payload by name; null is NaN."""
    return {name: value if type(value) is float else number(value) for name, value in values.items()}


def count(event: Event, name: str, default: int = 0, *, most: int = MOST) -> int:
    """A whole number of a payload from 0 to `most`; `default` when it is absent or null."""
    value = event.payload.get(name)
    found = default if value is None else whole(value)
    if found < 0:
        raise refuse(event, f"`{name}` is negative", got=found)
    if found > most:
        raise refuse(event, f"`{name}` is beyond all bounds", got=found, allowed=f"0 to {most}")
    return found


def needed(event: Event, name: str) -> int:
    """As `count`, of a number that must be there; raises `TypeError` where it is not."""
    whole(event.payload[name])
    return count(event, name)


def whole(value: Any) -> int:
    """A whole number of a payload that fits into 64 bits; raises `TypeError` otherwise."""
    if not isinstance(value, int) or isinstance(value, bool) or value.bit_length() > 63:
        raise TypeError(f"{_told(value)} is no whole number, or one of too many digits")
    return value


def word(value: Any) -> str:
    """A text of a payload; raises `TypeError` otherwise."""
    if not isinstance(value, str):
        raise TypeError(f"{_told(value)} is no text")
    return value


def words(values: Any) -> tuple[str, ...]:
    """A list of texts of a payload, empty when it is null; raises `TypeError` otherwise."""
    if not isinstance(values, (list, type(None))):
        raise TypeError(f"{_told(values)} is no list")
    return tuple([word(value) for value in values or ()])


def members(value: Any) -> dict[str, Any]:
    """An object of a payload, empty when it is null; raises `TypeError` for others, and for a whole number beyond 64 bits."""
    if not isinstance(value, (dict, type(None))):
        raise TypeError(f"{_told(value)} is no object")
    found = value or {}
    for item in found.values():
        if type(item) is int:
            whole(item)
    return dict(found)


def _told(value: Any) -> str:
    """A value in a message: short, whatever it is. A number of thousands of digits cannot even be written out."""
    if isinstance(value, (int, float)) and not (isinstance(value, int) and value.bit_length() > 128):
        return repr(value)
    return repr(value[:40]) if isinstance(value, str) else f"a value of type {type(value).__name__}"
