"""Events about the sweep as a whole: runs, extensions, and what a fork was given."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

import pytest

from results.errors import LedgerError
from results.fold import fold
from results.sweep_parts import CaseFacts, Extension, InheritedTrial, Parent
from tests.results.test_fold import FINISHED, STARTED, SWEEP, events, suggested

INHERITED = (
    "inherited",
    {
        "source": "older",
        "uid": "t7",
        "number": 7,
        "stage": "size",
        "architecture": "unet",
        "parameters": {"size": 64},
        "state": "finished",
        "values": [0.5, None],
        "epochs": 9,
    },
)
CLOSED = ("closed", {"reason": "finished"})


def inherited(**changes: Any) -> tuple[str, dict[str, Any]]:
    return "inherited", INHERITED[1] | changes


def test_the_sweep_keeps_what_a_resume_compares() -> None:
    facts = {"spec": {"seed": 7}, "code": {"liverseg/a.py": "0" * 12}, "cases": {"case-1": "1" * 12}}
    record = fold(events(("sweep", SWEEP[1] | facts))).sweep
    assert (record.spec, record.code, record.cases) == tuple(facts.values())
    assert json.dumps(asdict(record))


def test_the_sweep_keeps_plain_facts_of_each_case() -> None:
    known = {"slices": 90, "spacing_mm": [0.7, 0.8, 2.5], "liver_ml": 1500.0, "tumour_ml": None}
    record = fold(events(("sweep", SWEEP[1] | {"case_facts": {"case-1": known, "case-2": {}}}))).sweep
    first, second = record.case_facts["case-1"], record.case_facts["case-2"]
    assert (first.slices, first.spacing_mm, first.liver_ml) == (90, (0.7, 0.8, 2.5), 1500.0)
    assert math.isnan(first.tumour_ml)
    assert second.slices == 0 and all(map(math.isnan, second.spacing_mm)), "what is not told is not known"
    assert asdict(record)["case_facts"]["case-1"]["slices"] == 90
    assert CaseFacts().slices == 0


@pytest.mark.parametrize(
    "facts", [[1], {"case-1": [1]}, {"case-1": {"spacing_mm": [1, 2]}}, {"case-1": {"liver_ml": "x"}}]
)
def test_facts_of_another_shape_are_refused_with_their_line(facts: Any) -> None:
    with pytest.raises(LedgerError, match="line 1"):
        fold(events(("sweep", SWEEP[1] | {"case_facts": facts})))


def test_each_resume_is_a_run_and_opens_the_sweep_again() -> None:
    steps = (SWEEP, CLOSED, ("resumed", {"run": 2}), ("closed", {"reason": "interrupted"}), ("resumed", {"run": 3}))
    assert [fold(events(*steps[:n])).sweep.runs for n in range(1, 6)] == [1, 1, 2, 2, 3]
    assert [fold(events(*steps[:n])).sweep.closed for n in range(1, 6)] == ["", "finished", "", "interrupted", ""]


def test_an_extension_says_what_was_asked_for() -> None:
    more = {"trials": 31, "epochs": 40, "longer": ["t0"], "space": [{"size": [64]}], "note": "one more"}
    sweep = fold(events(SWEEP, suggested(), ("extended", more)))
    assert sweep.sweep.trials == 31
    time = "2026-01-01T00:00:03.000Z"
    assert sweep.sweep.extended == (Extension(31, 1, 40, ("t0",), [{"size": [64]}], "one more", time),)


def test_a_fork_knows_its_parents_and_their_trials_but_counts_only_its_own() -> None:
    parents = [{"name": "older", "trials": 1}, {"name": "oldest", "trials": 1, "opened": 3}]
    steps = (("sweep", SWEEP[1] | {"parents": parents}), INHERITED, inherited(source="oldest"), suggested())
    sweep = fold(events(*steps))
    assert sweep.sweep.parents == (Parent("older", 1), Parent("oldest", 1, opened=3))
    assert len(sweep.trials) == 1
    first, second = sweep.sweep.inherited
    assert isinstance(first, InheritedTrial)
    assert (first.source, first.uid, first.number, first.stage, first.epochs) == ("older", "t7", 7, "size", 9)
    assert first.values[0] == 0.5
    assert math.isnan(first.values[1])
    assert second.source == "oldest"


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ((SWEEP, suggested(), INHERITED), "after the first was suggested"),
        ((SWEEP, INHERITED, INHERITED), "inherited twice"),
        ((SWEEP, inherited(state="lost")), "no known state"),
        ((SWEEP, inherited(epochs=-1)), "negative"),
        ((SWEEP, inherited(source=None, parameters=None)), "wrong kind"),
        ((SWEEP, ("extended", {"trials": 1})), "takes trials away"),
        ((SWEEP, ("extended", {"trials": 99, "longer": ["t0"]})), "never suggested"),
        ((SWEEP, ("extended", {})), "lacks a part"),
        ((SWEEP, ("resumed", {"run": 3})), "missing or repeated"),
        ((SWEEP, ("resumed", {"run": 1})), "missing or repeated"),
        ((SWEEP, ("closed", {"reason": "bored"})), "finished, interrupted, disk, failed"),
        ((SWEEP, ("resumed", {"run": 1e400})), "wrong kind"),
        ((INHERITED,), "begins with one"),
    ],
)
def test_impossible_steps_of_a_sweep_are_refused_with_their_line(
    steps: tuple[tuple[str, dict[str, Any]], ...], message: str
) -> None:
    with pytest.raises(LedgerError, match=message) as caught:
        fold(events(*steps))
    assert caught.value.line == len(steps)


def test_records_become_plain_documents() -> None:
    sweep = fold(
        events(SWEEP, INHERITED, suggested(), STARTED, suggested(1), ("finished", FINISHED[1] | {"uid": "t1"}))
    )
    documents = [asdict(trial) for trial in sweep.trials]
    assert [document["state"] for document in documents] == ["running", "finished"]
