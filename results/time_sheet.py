"""What a fold learns of time: when a driver was at work, and which trial had one of its slots from when to when.

Moments are those of the ledger's lines. What the time went into was measured by driver and workers themselves and is told as
`times_s` with the events of a trial, always for its present attempt from the beginning. Ledgers of older versions tell
nothing of the kind.

    ready  (slots, seconds since the command began, parts_s)   once a run, before the first trial is handed out
    started, checkpoint, finished, pruned, failed, stopped, queued   times_s
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from results.folding import Draft, Folding, members, number, refuse, whole
from results.ledger_line import Event
from results.stints import Drive, Stint

MOST_S = 1e9
"""No span is longer: thirty years."""
MOST_SLOTS = 1_000_000
_ENDS = frozenset({"finished", "pruned", "failed", "stopped"})
# These are written by who goes on with a sweep, before it says that it does.
_BETWEEN = frozenset({"queued", "extended"})


class TimeSheet:
    """The drives so far; stints are kept with the trials."""

    def __init__(self) -> None:
        self._drives: list[Drive] = []
        self._driving = self._closed = False
        self._last = ""

    @property
    def drives(self) -> tuple[Drive, ...]:
        """The drives, the present one up to the last event."""
        return (*self._drives[:-1], self._present_drive()) if self._drives else ()

    def take(self, folding: Folding, event: Event) -> None:
        """Take in an event that the fold has accepted.

        Raises:
            LedgerError, TypeError: it tells of times that cannot be.
        """
        name, payload = event.name, event.payload
        if name == "resumed":
            self._leave()
        elif name == "ready":
            self._ready(folding, event)
        else:
            if "times_s" in payload or name in _ENDS:
                draft = folding.drafts.get(payload.get("uid", ""))
                if draft is not None:
                    self._note(draft, event)
            if self._driving and (name not in _BETWEEN or "times_s" in payload):
                self._last, self._closed = event.time, name == "closed"
                if self._closed:
                    self._leave()

    def _present_drive(self) -> Drive:
        drive, last = self._drives[-1], _moment(self._last)
        return drive if last is None else replace(drive, ended=max(last, drive.ended), closed=self._closed)

    def _leave(self) -> None:
        """The present drive has had its last event."""
        if self._drives:
            self._drives[-1] = self._present_drive()
        self._driving, self._last = False, ""

    def _ready(self, folding: Folding, event: Event) -> None:
        facts = event.payload
        run, slots = whole(facts["run"]), whole(facts["slots"])
        if run != folding.sweep["runs"] or self._driving:
            raise refuse(event, "a driver is ready out of turn", got=f"run {run}", allowed=folding.sweep["runs"])
        if not 0 <= slots <= MOST_SLOTS:
            raise refuse(event, "there cannot be so many slots", got=slots, allowed=f"0 to {MOST_SLOTS}")
        seconds = facts.get("seconds")
        known = math.nan if seconds is None else _seconds(event, seconds)
        moment = _moment(event.time)
        if moment is not None:
            parts = _times(event, facts.get("parts_s"))
            self._drives.append(Drive(run, slots, moment, moment, False, known, parts))
            self._driving, self._closed, self._last = True, False, ""

    def _note(self, draft: Draft, event: Event) -> None:
        stints: tuple[Stint, ...] = draft.fields.get("stints", ())
        times_s = _times(event, event.payload.get("times_s"))
        last = stints[-1] if stints and math.isnan(stints[-1].ended) else None
        moment = _moment(event.time)
        if moment is None:
            return
        if not self._driving:
            # Written by a driver that found how it had ended: the time was that of an earlier run.
            found = None if last is None or not times_s else replace(last, times_s=times_s)
        else:
            found = self._present(event.name, last, moment, times_s)
        if found is not None:
            replaces = last is not None and found.run == last.run and event.name != "started"
            draft.fields["stints"] = (*(stints[:-1] if replaces else stints), found)

    def _present(self, name: str, last: Stint | None, moment: float, times_s: Mapping[str, float]) -> Stint | None:
        """The stint of the present run that an event tells of; None when it tells of none."""
        run, ended = self._drives[-1].run, moment if name in _ENDS or name == "queued" else math.nan
        if name != "started" and last is not None and last.run == run:
            return replace(last, ended=ended, times_s=times_s or last.times_s)
        if not times_s:
            return None
        return Stint(run, moment - math.fsum(times_s.values()), ended, times_s)


def _moment(time: str) -> float | None:
    """A ledger's time in seconds since 1970; None for one that is none."""
    try:
        return datetime.fromisoformat(time).timestamp()
    except (ValueError, OverflowError):
        return None


def _times(event: Event, value: Any) -> dict[str, float]:
    return {str(name): _seconds(event, seconds) for name, seconds in members(value).items()}


def _seconds(event: Event, value: Any) -> float:
    found = number(value)
    if not 0 <= found <= MOST_S:
        raise refuse(event, "a time is negative, or beyond all bounds", got=found, allowed=f"0 to {MOST_S:.0f} s")
    return found
