"""Events about the locked test patients: that they were opened, for which trials, and what these scored on them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from results.folding import Folding, case_score, number, numbers, refuse, whole
from results.ledger_line import Event
from results.records import CaseScore, TestScore
from results.sweep_parts import Opening
from results.trial_events import ENDED


def _on_opened(folding: Folding, event: Event) -> None:
    facts, split = event.payload, folding.sweep["split"]
    found, expected = whole(facts["opening"]), len(folding.openings) + 1
    if found != expected:
        raise refuse(event, "an opening of the test patients is missing or repeated", got=found, allowed=expected)
    if facts["again"] is not (expected > 1):
        what = "the test patients were opened again without saying so, or for the first time with a word of again"
        raise refuse(event, what, got=facts["again"], allowed=expected > 1)
    trials, patients = _names(event, "trials"), _names(event, "patients")
    for uid in trials:
        if uid not in folding.drafts or folding.drafts[uid].state != "finished":
            raise refuse(event, "the test patients were opened for a trial that had not finished", got=uid)
    if set(patients) != set(split.test):
        raise refuse(event, "other patients were opened than those of the test part", got=", ".join(patients))
    if facts["fingerprint"] != split.fingerprint:
        what = "test patients of another split were opened"
        raise refuse(event, what, got=facts["fingerprint"], allowed=split.fingerprint)
    folding.openings.append(
        Opening(
            number=found,
            time=event.time,
            trials=trials,
            patients=patients,
            fingerprint=split.fingerprint,
            again=expected > 1,
            note=str(facts.get("note") or ""),
            ended_before=sum(draft.state in ENDED for draft in folding.drafts.values()),
        )
    )


def _names(event: Event, part: str) -> tuple[str, ...]:
    """A list of the payload: at least one name, none twice."""
    found = tuple(event.payload[part])
    if not found or len(set(found)) < len(found) or not all(isinstance(name, str) for name in found):
        raise refuse(event, f"`{part}` of an opening is empty, or names one twice", got=found)
    return found


def _on_tested(folding: Folding, event: Event) -> None:
    facts, draft = event.payload, folding.draft(event)
    uid, found = facts["uid"], whole(facts["opening"])
    if not folding.openings or found != folding.openings[-1].number:
        raise refuse(event, "a trial was tested before the test patients were opened", got=f"opening {found}")
    opening = folding.openings[-1]
    if uid not in opening.trials:
        raise refuse(event, "a trial was tested for which the test patients were not opened", got=uid)
    tests: tuple[TestScore, ...] = draft.fields.get("tests", ())
    if any(test.opening == found for test in tests):
        raise refuse(event, "a trial was tested twice in one opening", got=uid)
    cases = tuple([case_score(row) for row in facts["cases"]])
    _check_cases(event, cases, opening)
    score = TestScore(
        opening=found,
        metrics=numbers(facts["metrics"]),
        cases=cases,
        seconds=number(facts.get("seconds")),
        time=event.time,
        scores_json=event.scores,
    )
    draft.fields["tests"] = (*tests, score)


def _check_cases(event: Event, cases: tuple[CaseScore, ...], opening: Opening) -> None:
    """Every test patient is scored, nobody else, no case twice, and no Dice is infinite."""
    if {case.patient for case in cases} != set(opening.patients):
        raise refuse(event, "a trial was tested on other patients than were opened", got=event.payload["uid"])
    if len({case.case for case in cases}) < len(cases):
        raise refuse(event, "a trial was tested twice on one case", got=event.payload["uid"])
    if any(math.isinf(value) for case in cases for value in (case.dice_liver, case.dice_tumour)):
        raise refuse(event, "a Dice score is infinite", got=event.payload["uid"])


OPENING_EVENTS: Mapping[str, Callable[[Folding, Event], None]] = {"opened": _on_opened, "tested": _on_tested}
