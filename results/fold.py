"""From events to records: the ledger is folded, event by event, and every impossible step is refused with its line.

The life of a trial:

    suggested ──> queued ──started──> running ──> finished | pruned | failed | stopped
                     └──────────────────────────> (an end may be written without a start)
    running, stopped, failed ──started──> running (continued by a resume, or tried again)

`finished` and `pruned` are final.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from results.collector import paused_collector
from results.errors import LedgerError
from results.ledger_line import Event
from results.records import (
    CaseScore,
    Checkpoint,
    Cost,
    DataRecord,
    Objective,
    SplitRecord,
    State,
    Sweep,
    SweepRecord,
    TrialRecord,
)

SCHEMA_VERSION = 1
_UID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_OPEN: frozenset[State] = frozenset({"queued", "running"})
_FINAL: frozenset[State] = frozenset({"finished", "pruned"})


class _Draft:
    """A trial while events are still being folded into it."""

    __slots__ = ("fields", "state")

    def __init__(self, fields: dict[str, Any]) -> None:
        self.state: State = "queued"
        self.fields = fields

    def freeze(self) -> TrialRecord:
        return TrialRecord(state=self.state, **self.fields)


class _Folding:
    """The state of a fold: the sweep's payload and the drafts by uid."""

    def __init__(self) -> None:
        self.sweep: dict[str, Any] = {}
        self.drafts: dict[str, _Draft] = {}
        self.numbers: set[int] = set()

    def draft(self, event: Event) -> _Draft:
        uid = event.payload["uid"]
        found = self.drafts.get(uid)
        if found is None:
            raise _refuse(event, "the event is about a trial that was never suggested", got=uid)
        return found


def fold(events: Iterable[Event]) -> Sweep:
    """The sweep that the events tell of.

    Raises:
        LedgerError: names the line: no or a second `sweep` event, an unknown event or trial, a trial suggested twice, a
            second end state, or a payload that lacks what its event must have.
    """
    with paused_collector():
        return _fold(events)


def _fold(events: Iterable[Event]) -> Sweep:
    folding = _Folding()
    last: Event | None = None
    for event in events:
        last = event
        _apply(folding, event)
    if last is None:
        raise LedgerError("the ledger is empty", next_step="delete the folder and run the sweep again")
    folding.sweep["updated"] = last.time
    if last.name != "closed":
        folding.sweep["closed"] = ""
    trials = sorted((draft.freeze() for draft in folding.drafts.values()), key=lambda trial: trial.number)
    return Sweep(SweepRecord(**folding.sweep), tuple(trials))


def _apply(folding: _Folding, event: Event) -> None:
    handler = _HANDLERS.get(event.name)
    if handler is None:
        raise _refuse(event, "the event is unknown", got=event.name, allowed=", ".join(_HANDLERS))
    if bool(folding.sweep) == (event.name == "sweep"):
        raise _refuse(event, "a ledger begins with one `sweep` event", got=event.name)
    try:
        handler(folding, event)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"the `{event.name}` event lacks a part or has one of the wrong kind"
        raise _refuse(event, what, got=f"{type(error).__name__}: {error}") from error


def _refuse(event: Event, what: str, *, got: object = None, allowed: object = None) -> LedgerError:
    return LedgerError(what, line=event.seq, got=got, allowed=allowed)


def _on_sweep(folding: _Folding, event: Event) -> None:
    facts = event.payload
    version = facts.get("schema_version", SCHEMA_VERSION)
    if version != SCHEMA_VERSION:
        raise _refuse(event, "the sweep is of another version", got=version, allowed=SCHEMA_VERSION)
    objectives = tuple(Objective(item["metric"], item.get("direction", "maximize")) for item in facts["objective"])
    if not objectives or any(objective.direction not in ("maximize", "minimize") for objective in objectives):
        raise _refuse(event, "the objective is missing or has no known direction", got=facts["objective"])
    folding.sweep.update(
        name=str(facts["name"]),
        objectives=objectives,
        architectures=tuple(facts["architectures"]),
        trials=int(facts["trials"]),
        labels=tuple(facts.get("labels", ("liver", "tumour"))),
        schema_version=version,
        hashes=dict(facts.get("hashes") or {}),
        versions=dict(facts.get("versions") or {}),
        split=_split(facts.get("split") or {}),
        data=_data(facts.get("data") or {}),
        baseline=_numbers(facts.get("baseline") or {}),
        stages=tuple(facts.get("stages") or ()),
        space=dict(facts.get("space") or {}),
        started=event.time,
    )


def _split(facts: Mapping[str, Any]) -> SplitRecord:
    parts = (tuple(facts.get(part) or ()) for part in ("train", "validation", "test"))
    return SplitRecord(str(facts.get("fingerprint", "")), *parts)


def _data(facts: Mapping[str, Any]) -> DataRecord:
    cases, slices, tumour_free = (int(facts.get(name) or 0) for name in ("cases", "slices", "tumour_free"))
    return DataRecord(cases, slices, tumour_free, tuple(facts.get("skipped") or ()))


def _on_suggested(folding: _Folding, event: Event) -> None:
    facts = event.payload
    uid, number = facts["uid"], int(facts["number"])
    if not _UID.fullmatch(uid):
        raise _refuse(event, "the name of a trial could leave its folder", got=repr(uid), allowed=_UID.pattern)
    if uid in folding.drafts or number in folding.numbers:
        raise _refuse(event, "a trial was suggested twice", got=f"{uid}, number {number}")
    folding.numbers.add(number)
    folding.drafts[uid] = _Draft(
        {
            "uid": uid,
            "number": number,
            "architecture": str(facts["architecture"]),
            "parameters": dict(facts["parameters"]),
            "stage": str(facts.get("stage") or ""),
            "seed": int(facts.get("seed") or 0),
            "fold": int(facts.get("fold") or 0),
            "suggested": event.time,
        }
    )


def _on_started(folding: _Folding, event: Event) -> None:
    draft = folding.draft(event)
    if draft.state in _FINAL:
        raise _refuse(event, f"a {draft.state} trial was started again", got=event.payload["uid"])
    draft.state = "running"
    for name in ("failure", "message", "ended"):
        draft.fields.pop(name, None)
    draft.fields["started"] = event.time
    draft.fields["attempts"] = int(event.payload.get("attempt") or draft.fields.get("attempts", 0) + 1)


def _on_checkpoint(folding: _Folding, event: Event) -> None:
    facts = event.payload
    folding.draft(event).fields["checkpoint"] = Checkpoint(int(facts["epoch"]), facts["path"], facts["sha256"])


def _end(folding: _Folding, event: Event, state: State) -> dict[str, Any]:
    draft = folding.draft(event)
    if draft.state not in _OPEN:
        raise _refuse(event, f"a trial that had {draft.state} ended a second time", got=event.payload["uid"])
    draft.state = state
    fields = draft.fields
    fields["ended"] = event.time
    facts = event.payload
    fields["epochs"] = int(facts.get("epochs") or 0)
    fields["seconds"] = _number(facts.get("seconds"))
    return fields


def _on_finished(folding: _Folding, event: Event) -> None:
    fields = _end(folding, event, "finished" if event.name == "finished" else "pruned")
    facts = event.payload
    best = facts.get("best_epoch")
    cost = facts.get("cost") or {}
    fields.update(
        metrics=_numbers(facts["metrics"]),
        best_epoch=None if best is None else int(best),
        updates=int(facts.get("updates") or 0),
        stop_reason=str(facts.get("stop_reason") or ""),
        cost=Cost(*[_number(cost.get(name)) for name in Cost.__slots__]),
        cases=tuple([_case(row) for row in facts.get("cases") or ()]),
        history_json=event.history,
    )


def _case(row: Sequence[Any]) -> CaseScore:
    case, patient, liver, tumour, has_tumour = row
    return CaseScore(
        case,
        patient,
        liver if type(liver) is float else _number(liver),
        tumour if type(tumour) is float else _number(tumour),
        bool(has_tumour),
    )


def _on_failed(folding: _Folding, event: Event) -> None:
    fields = _end(folding, event, "failed")
    fields["failure"] = str(event.payload["kind"])
    fields["message"] = str(event.payload.get("message") or "")


def _on_stopped(folding: _Folding, event: Event) -> None:
    _end(folding, event, "stopped")


def _on_extended(folding: _Folding, event: Event) -> None:
    """`trials` is the new number of trials in all."""
    folding.sweep["trials"] = int(event.payload["trials"])


def _on_closed(folding: _Folding, event: Event) -> None:
    folding.sweep["closed"] = str(event.payload.get("reason") or "finished")


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    return {name: value if type(value) is float else _number(value) for name, value in values.items()}


_HANDLERS: Mapping[str, Callable[[_Folding, Event], None]] = {
    "sweep": _on_sweep,
    "suggested": _on_suggested,
    "started": _on_started,
    "checkpoint": _on_checkpoint,
    "finished": _on_finished,
    "pruned": _on_finished,
    "failed": _on_failed,
    "stopped": _on_stopped,
    "extended": _on_extended,
    "closed": _on_closed,
}
