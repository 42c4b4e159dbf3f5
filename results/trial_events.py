"""Events about one trial, and which of them its state allows."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any

from results.folding import (
    MOST_EPOCHS,
    Draft,
    Folding,
    case_score,
    count,
    members,
    needed,
    number,
    numbers,
    refuse,
    whole,
    word,
    words,
)
from results.ledger_line import Event
from results.records import Checkpoint, Cost
from results.sweep_parts import State

_UID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# A stopped trial is not lost: a resume may find that it had ended, unseen, before it could be stopped.
ENDED: frozenset[State] = frozenset({"finished", "pruned", "failed"})
_FINAL: frozenset[State] = frozenset({"finished", "pruned"})
# Files that retention deletes, and what is then no longer there.
_RELEASED = {"weights": "weights", "state": "checkpoint"}


def _on_suggested(folding: Folding, event: Event) -> None:
    facts = event.payload
    uid, position = facts["uid"], needed(event, "number")
    if not _UID.fullmatch(uid):
        raise refuse(event, "the name of a trial could leave its folder", got=repr(uid), allowed=_UID.pattern)
    if uid in folding.drafts or position in folding.numbers:
        raise refuse(event, "a trial was suggested twice", got=f"{uid}, number {position}")
    continues = str(facts.get("continues") or "")
    if continues and continues not in folding.drafts:
        raise refuse(event, "a trial continues one that was never suggested", got=continues)
    replicate_of = _replicated(folding, event)
    unknown = [known for known in words(facts.get("drawn")) if known not in folding.drafts]
    if unknown:
        raise refuse(event, "the sampler chose the parameters of a trial that was never suggested", got=unknown[0])
    folding.numbers.add(position)
    folding.drafts[uid] = Draft(
        {
            "uid": uid,
            "number": position,
            "architecture": word(facts["architecture"]),
            "parameters": members(facts["parameters"]),
            "stage": str(facts.get("stage") or ""),
            "seed": whole(facts.get("seed") or 0),
            "fold": count(event, "fold"),
            "planned_epochs": count(event, "epochs", most=MOST_EPOCHS),
            "continues": continues,
            "replicate_of": replicate_of,
            "suggested": event.time,
        }
    )


def _replicated(folding: Folding, event: Event) -> str:
    """The trial whose setting the event's trial repeats; empty when it repeats none."""
    facts = event.payload
    first = str(facts.get("replicate_of") or "")
    if not first:
        return ""
    known = folding.drafts.get(first)
    if known is None or known.fields["replicate_of"]:
        raise refuse(event, "a trial repeats one that was never suggested, or that is itself a repetition", got=first)
    if any(known.fields[name] != facts[name] for name in ("architecture", "parameters")):
        raise refuse(event, "a trial repeats another setting than its own", got=first)
    return first


def _on_queued(folding: Folding, event: Event) -> None:
    draft = folding.draft(event)
    if draft.state in _FINAL or draft.state == "queued":
        raise refuse(event, f"a {draft.state} trial was put back into the queue", got=event.payload["uid"])
    _reopen(draft, "queued")


def _on_started(folding: Folding, event: Event) -> None:
    draft = folding.draft(event)
    if draft.state in _FINAL:
        raise refuse(event, f"a {draft.state} trial was started again", got=event.payload["uid"])
    _reopen(draft, "running")
    fields = draft.fields
    fields["started"] = event.time
    fields["attempts"] = count(event, "attempt") or fields.get("attempts", 0) + 1
    fields["continued_from"] = epoch = count(event, "epoch", most=MOST_EPOCHS)
    draft.begin(epoch)


def _reopen(draft: Draft, state: State) -> None:
    draft.afresh = draft.afresh or draft.state == "failed"
    draft.state = state
    for name in ("failure", "message", "ended"):
        draft.fields.pop(name, None)


def _on_checkpoint(folding: Folding, event: Event) -> None:
    draft = folding.draft(event)
    if draft.state in _FINAL:
        raise refuse(event, f"a {draft.state} trial made a checkpoint", got=event.payload["uid"])
    found = _files(event, event.payload)
    values = event.payload.get("values")
    # Before there were states to continue from, the event told of the best epoch's weights, and had no values.
    if values is None and PurePosixPath(found.path).name == "checkpoint":
        draft.fields["weights"] = found
        return
    draft.fields["checkpoint"] = found
    if values and len(values) > found.epoch:
        raise refuse(event, "there are more values than epochs", got=len(values), allowed=found.epoch)
    if values:
        draft.tell(values, found.epoch)


def _files(event: Event, facts: Mapping[str, Any]) -> Checkpoint:
    path, digest = facts["path"], facts["sha256"]
    if not isinstance(path, str) or not isinstance(digest, str):
        raise TypeError("a path or a digest is not text")
    below = PurePosixPath(path)
    if below.is_absolute() or ".." in below.parts or "\0" in path:
        what = "files of a trial lie outside the sweep's folder"
        raise refuse(event, what, got=repr(path), allowed="a path below the sweep's folder")
    epoch = whole(facts["epoch"])
    if not 0 <= epoch <= MOST_EPOCHS:
        raise refuse(event, "files are of an epoch beyond all bounds", got=epoch, allowed=f"0 to {MOST_EPOCHS}")
    return Checkpoint(epoch, path, digest)


def _end(folding: Folding, event: Event, state: State) -> dict[str, Any]:
    draft = folding.draft(event)
    if draft.state in ENDED:
        raise refuse(event, f"a trial that had {draft.state} ended a second time", got=event.payload["uid"])
    draft.state = state
    if state in ENDED:
        folding.trial_ended()
    fields = draft.fields
    fields["ended"] = event.time
    facts = event.payload
    fields["epochs"] = count(event, "epochs", most=MOST_EPOCHS)
    fields["seconds"] = number(facts.get("seconds"))
    values = facts.get("values")
    if values:
        draft.tell_at_end(values, fields["epochs"])
    return fields


def _on_finished(folding: Folding, event: Event) -> None:
    _check_kinds(event)
    fields = _end(folding, event, "finished" if event.name == "finished" else "pruned")
    facts = event.payload
    best = facts.get("best_epoch")
    cost = facts.get("cost") or {}
    fields.update(
        metrics=numbers(facts["metrics"]),
        best_epoch=None if best is None else count(event, "best_epoch", most=MOST_EPOCHS),
        updates=count(event, "updates"),
        stop_reason=str(facts.get("stop_reason") or ""),
        cost=Cost(*[number(cost.get(name)) for name in Cost.__slots__]),
        cases=tuple([case_score(row) for row in facts.get("cases") or ()]),
        history_json=event.history,
        scores_json=event.scores,
    )
    weights = facts.get("weights")
    if weights is not None:
        fields["weights"] = _files(event, weights)


def _check_kinds(event: Event) -> None:
    """The members that are parsed later are objects, if nothing more is known of them yet."""
    for name, text in (("history", event.history), ("scores", event.scores)):
        if text and not text.startswith(b"{"):
            raise refuse(event, f"`{name}` is no object", got=text[:20].decode("ascii", "replace"))


def _on_failed(folding: Folding, event: Event) -> None:
    fields = _end(folding, event, "failed")
    fields["failure"] = str(event.payload["kind"])
    fields["message"] = str(event.payload.get("message") or "")


def _on_stopped(folding: Folding, event: Event) -> None:
    _end(folding, event, "stopped")


def _on_released(folding: Folding, event: Event) -> None:
    draft = folding.draft(event)
    for what in event.payload["what"]:
        if what not in _RELEASED:
            raise refuse(event, "no such files are released", got=what, allowed=", ".join(_RELEASED))
        draft.fields[_RELEASED[what]] = None


TRIAL_EVENTS: Mapping[str, Callable[[Folding, Event], None]] = {
    "suggested": _on_suggested,
    "queued": _on_queued,
    "started": _on_started,
    "checkpoint": _on_checkpoint,
    "finished": _on_finished,
    "pruned": _on_finished,
    "failed": _on_failed,
    "stopped": _on_stopped,
    "released": _on_released,
}
