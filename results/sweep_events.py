"""Events about the sweep as a whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from results.folding import Folding, count, number, numbers, refuse
from results.ledger_line import Event
from results.records import (
    CLOSINGS,
    STATES,
    DataRecord,
    Extension,
    FoldRecord,
    InheritedTrial,
    Objective,
    Parent,
    Replication,
    SplitRecord,
)

SCHEMA_VERSION = 1


def _on_sweep(folding: Folding, event: Event) -> None:
    facts = event.payload
    version = facts.get("schema_version", SCHEMA_VERSION)
    if version != SCHEMA_VERSION:
        raise refuse(event, "the sweep is of another version", got=version, allowed=SCHEMA_VERSION)
    folding.sweep.update(
        name=str(facts["name"]),
        objectives=_objectives(event),
        architectures=tuple(facts["architectures"]),
        trials=int(facts["trials"]),
        labels=tuple(facts.get("labels", ("liver", "tumour"))),
        schema_version=version,
        hashes=dict(facts.get("hashes") or {}),
        versions=dict(facts.get("versions") or {}),
        split=_split(facts.get("split") or {}),
        data=_data(facts.get("data") or {}),
        baseline=numbers(facts.get("baseline") or {}),
        stages=tuple(facts.get("stages") or ()),
        space=dict(facts.get("space") or {}),
        spec=dict(facts.get("spec") or {}),
        code=dict(facts.get("code") or {}),
        cases=dict(facts.get("cases") or {}),
        parents=tuple(Parent(str(item["name"]), int(item["trials"])) for item in facts.get("parents") or ()),
        replication=_replication(event),
        runs=1,
        started=event.time,
    )


def _objectives(event: Event) -> tuple[Objective, ...]:
    facts = event.payload["objective"]
    found = tuple(Objective(item["metric"], item.get("direction", "maximize")) for item in facts)
    if not found or any(objective.direction not in ("maximize", "minimize") for objective in found):
        raise refuse(event, "the objective is missing or has no known direction", got=facts)
    return found


def _split(facts: Mapping[str, Any]) -> SplitRecord:
    train, validation, test = (tuple(facts.get(part) or ()) for part in ("train", "validation", "test"))
    folds = (FoldRecord(tuple(item["train"]), tuple(item["validation"])) for item in facts.get("folds") or ())
    return SplitRecord(str(facts.get("fingerprint", "")), train, validation, test, tuple(folds))


def _replication(event: Event) -> Replication:
    facts = event.payload.get("replication") or {}
    found = Replication(int(facts.get("folds", 1)), int(facts.get("seeds", 1)), str(facts.get("of", "best")))
    if found.folds < 1 or found.seeds < 1 or found.of not in ("best", "all"):
        raise refuse(event, "settings are repeated in no known way", got=facts)
    return found


def _data(facts: Mapping[str, Any]) -> DataRecord:
    cases, slices, tumour_free = (int(facts.get(name) or 0) for name in ("cases", "slices", "tumour_free"))
    return DataRecord(cases, slices, tumour_free, tuple(facts.get("skipped") or ()))


def _on_inherited(folding: Folding, event: Event) -> None:
    """A trial of an older sweep. All are named before the first of this sweep, so that the sampler knows them."""
    facts = event.payload
    source, uid, state = str(facts["source"]), str(facts["uid"]), facts["state"]
    if folding.drafts:
        raise refuse(event, "a trial was inherited after the first was suggested", got=uid)
    if (source, uid) in folding.inherited:
        raise refuse(event, "a trial was inherited twice", got=f"{uid} of {source}")
    if state not in STATES:
        raise refuse(event, "an inherited trial is in no known state", got=state, allowed=", ".join(STATES))
    folding.inherited[source, uid] = InheritedTrial(
        source=source,
        uid=uid,
        number=count(event, "number"),
        stage=str(facts.get("stage") or ""),
        architecture=str(facts["architecture"]),
        parameters=dict(facts["parameters"]),
        state=state,
        values=tuple(number(value) for value in facts.get("values") or ()),
        epochs=count(event, "epochs"),
    )


def _on_extended(folding: Folding, event: Event) -> None:
    facts = event.payload
    trials, longer = int(facts["trials"]), tuple(facts.get("longer") or ())
    if trials < folding.sweep["trials"]:
        raise refuse(event, "an extension takes trials away", got=trials, allowed=f"{folding.sweep['trials']} or more")
    unknown = [uid for uid in longer if uid not in folding.drafts]
    if unknown:
        raise refuse(event, "a trial that was never suggested is to be trained longer", got=unknown[0])
    added, folding.sweep["trials"] = trials - folding.sweep["trials"], trials
    note, space = str(facts.get("note") or ""), facts.get("space")
    folding.extended.append(Extension(trials, added, count(event, "epochs"), longer, space, note, event.time))


def _on_resumed(folding: Folding, event: Event) -> None:
    expected = folding.sweep["runs"] + 1
    run = count(event, "run", expected)
    if run != expected:
        raise refuse(event, "a run is missing or repeated", got=f"run {run}", allowed=expected)
    folding.sweep["runs"] = run


def _on_closed(folding: Folding, event: Event) -> None:
    reason = event.payload.get("reason") or "finished"
    if reason not in CLOSINGS:
        raise refuse(event, "the sweep was closed for no known reason", got=reason, allowed=", ".join(CLOSINGS))
    folding.sweep["closed"] = reason


SWEEP_EVENTS: Mapping[str, Callable[[Folding, Event], None]] = {
    "sweep": _on_sweep,
    "inherited": _on_inherited,
    "extended": _on_extended,
    "resumed": _on_resumed,
    "closed": _on_closed,
}
