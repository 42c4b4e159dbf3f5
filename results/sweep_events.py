"""Events about the sweep as a whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from results.folding import Folding, count, members, needed, number, numbers, refuse, whole, word, words
from results.ledger_line import Event
from results.records import CLOSINGS, STATES
from results.sweep_parts import (
    CaseFacts,
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
        name=word(facts["name"]),
        objectives=_objectives(event),
        architectures=words(facts["architectures"]),
        trials=needed(event, "trials"),
        labels=words(facts.get("labels", ["liver", "tumour"])),
        schema_version=version,
        hashes=members(facts.get("hashes")),
        versions=members(facts.get("versions")),
        split=_split(facts.get("split") or {}),
        data=_data(facts.get("data") or {}),
        baseline=numbers(facts.get("baseline") or {}),
        stages=words(facts.get("stages")),
        space=members(facts.get("space")),
        spec=members(facts.get("spec")),
        code=members(facts.get("code")),
        cases=members(facts.get("cases")),
        patients=members(facts.get("patients")),
        parents=tuple(map(_parent, facts.get("parents") or ())),
        replication=_replication(event),
        case_facts={uid: _case_facts(event, found) for uid, found in (facts.get("case_facts") or {}).items()},
        runs=1,
        started=event.time,
    )


def _objectives(event: Event) -> tuple[Objective, ...]:
    facts = event.payload["objective"]
    found = tuple(Objective(word(item["metric"]), item.get("direction", "maximize")) for item in facts)
    if not found or any(objective.direction not in ("maximize", "minimize") for objective in found):
        raise refuse(event, "the objective is missing or has no known direction", got=facts)
    return found


def _split(facts: Mapping[str, Any]) -> SplitRecord:
    train, validation, test = (words(facts.get(part)) for part in ("train", "validation", "test"))
    folds = (FoldRecord(words(item["train"]), words(item["validation"])) for item in facts.get("folds") or ())
    return SplitRecord(str(facts.get("fingerprint", "")), train, validation, test, tuple(folds))


def _parent(facts: Mapping[str, Any]) -> Parent:
    return Parent(word(facts["name"]), whole(facts["trials"]), whole(facts.get("opened") or 0))


def _replication(event: Event) -> Replication:
    facts = event.payload.get("replication") or {}
    found = Replication(whole(facts.get("folds", 1)), whole(facts.get("seeds", 1)), str(facts.get("of", "best")))
    if found.folds < 1 or found.seeds < 1 or found.of not in ("best", "all"):
        raise refuse(event, "settings are repeated in no known way", got=facts)
    return found


def _data(facts: Mapping[str, Any]) -> DataRecord:
    cases, slices, tumour_free = (whole(facts.get(name) or 0) for name in ("cases", "slices", "tumour_free"))
    return DataRecord(cases, slices, tumour_free, words(facts.get("skipped")), words(facts.get("reviewed")))


def _case_facts(event: Event, facts: Mapping[str, Any]) -> CaseFacts:
    spacing = tuple(number(value) for value in facts.get("spacing_mm") or (None, None, None))
    if len(spacing) != 3:
        raise refuse(event, "a case has no three spacings", got=facts.get("spacing_mm"))
    volumes = (number(facts.get(name)) for name in ("liver_ml", "tumour_ml"))
    return CaseFacts(whole(facts.get("slices") or 0), spacing, *volumes)


def _on_inherited(folding: Folding, event: Event) -> None:
    """A trial of an older sweep. All are named before the first of this sweep, so that the sampler knows them."""
    facts = event.payload
    source, uid, state = word(facts["source"]), word(facts["uid"]), facts["state"]
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
        parameters=members(facts["parameters"]),
        state=state,
        values=tuple(number(value) for value in facts.get("values") or ()),
        epochs=count(event, "epochs"),
    )


def _on_extended(folding: Folding, event: Event) -> None:
    facts = event.payload
    trials, longer = needed(event, "trials"), words(facts.get("longer"))
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


def _on_ready(folding: Folding, event: Event) -> None:
    """Trials may be handed out: of that only the time is of interest, see `results.time_sheet`."""


def _on_closed(folding: Folding, event: Event) -> None:
    reason = event.payload.get("reason") or "finished"
    if reason not in CLOSINGS:
        raise refuse(event, "the sweep was closed for no known reason", got=reason, allowed=", ".join(CLOSINGS))
    folding.sweep["closed"] = reason
    missing = members(event.payload.get("missing"))
    folding.sweep["missing"] = {word(stage): whole(trials) for stage, trials in missing.items()}


SWEEP_EVENTS: Mapping[str, Callable[[Folding, Event], None]] = {
    "sweep": _on_sweep,
    "inherited": _on_inherited,
    "extended": _on_extended,
    "resumed": _on_resumed,
    "ready": _on_ready,
    "closed": _on_closed,
}
