"""Opening the test patients, as a ledger tells of it: what is kept, what is refused, and that a sweep stays closed."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from results.errors import LedgerError
from results.fold import fold
from tests.results.ledger_factory import FakeLedger, realistic, uid_of
from tests.results.opened_ledger import (
    FINGERPRINT,
    add_opening,
    add_scores,
    held_back,
    opened_sweep,
    score_payload,
    selected,
)
from tests.results.plots.test_plots import folded
from tests.results.test_fold import FINISHED, SWEEP, events, suggested

TEST = list(SWEEP[1]["split"]["test"])
CLOSED = ("closed", {"reason": "finished"})
DONE = (SWEEP, suggested(), FINISHED, CLOSED)
OPENED = (
    "opened",
    {"opening": 1, "trials": ["t0"], "patients": TEST, "fingerprint": FINGERPRINT, "again": False, "note": ""},
)
CASES = [[name, name, 0.5, None, False] for name in TEST]
TESTED = ("tested", {"uid": "t0", "opening": 1, "metrics": {"test_dice": 0.5}, "cases": CASES, "seconds": 1.0})


def changed(step: tuple[str, dict[str, Any]], **facts: Any) -> tuple[str, dict[str, Any]]:
    return step[0], step[1] | facts


AGAIN = changed(OPENED, opening=2, again=True, note="why not")


def test_an_opening_and_its_scores_are_kept() -> None:
    sweep = opened_sweep(12, times=2, scored=1)
    first, second = sweep.sweep.openings
    assert (first.number, first.again, first.note) == (1, False, "")
    assert (second.number, second.again, second.note) == (2, True, "the weights were mended")
    assert first.trials == second.trials and first.patients == sweep.sweep.split.test
    assert (first.fingerprint, first.ended_before, first.ended_after) == (FINGERPRINT, 12, 0)
    best, other = (sweep.trial(uid) for uid in first.trials[:2])
    assert [test.opening for test in best.tests] == [1, 2] and [test.opening for test in other.tests] == [1]
    score = best.tests[0]
    assert score.metrics["test_dice"] == pytest.approx(0.45) and score.seconds == 3.5 and score.time > first.time
    assert {case.patient for case in score.cases} == set(first.patients)
    assert math.isnan(score.cases[-1].dice_tumour) and not score.cases[-1].has_tumour
    assert len(score.case_scores) == len(score.cases) and math.isinf(score.case_scores[0]["hd95_tumour"])
    assert json.dumps(asdict(sweep.sweep)), "becomes a plain document"


def test_scores_of_validation_patients_stay_what_they_were() -> None:
    ledger = realistic(12, cases=7, epochs=2)
    before = folded(ledger)
    add_opening(ledger, selected(ledger))
    add_scores(ledger, selected(ledger))
    for old, new in zip(before.trials, folded(ledger).trials, strict=True):
        assert (old.state, old.metrics, old.ended) == (new.state, new.metrics, new.ended)
        assert str(old.cases) == str(new.cases)


def test_a_closed_sweep_stays_closed() -> None:
    for steps in ((OPENED,), (OPENED, TESTED), (OPENED, TESTED, AGAIN)):
        assert fold(events(*DONE, *steps)).sweep.closed == "finished"
    assert fold(events(*DONE, OPENED, ("resumed", {"run": 2}))).sweep.closed == ""
    assert fold(events(*DONE[:-1], OPENED)).sweep.closed == "", "it was not closed before either"


def test_an_opening_knows_what_ended_before_and_what_after() -> None:
    def end(name: str, number: int) -> tuple[str, dict[str, Any]]:
        facts = {"uid": f"t{number}"}
        return (name, FINISHED[1] | facts | {"kind": "oom", "message": ""})

    more = (suggested(1), end("failed", 1), suggested(2), end("pruned", 2))
    sweep = fold(events(*DONE, OPENED, TESTED, ("extended", {"trials": 99}), *more, AGAIN)).sweep
    assert [(item.ended_before, item.ended_after) for item in sweep.openings] == [(1, 2), (3, 0)]
    again = (("started", {"uid": "t1"}), ("stopped", {"uid": "t1", "epochs": 1}), ("started", {"uid": "t1"}))
    sweep = fold(events(*DONE, suggested(1), end("failed", 1), OPENED, *again, end("finished", 1))).sweep
    assert sweep.openings[0].ended_after == 1, "a retry that ends is an end, though as many trials have ended as before"


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ((changed(OPENED, opening=2, again=True),), "missing or repeated"),
        ((OPENED, OPENED), "missing or repeated"),
        ((changed(OPENED, again=True),), "word of again"),
        ((OPENED, changed(AGAIN, again=False)), "without saying so"),
        ((changed(OPENED, again=1),), "word of again"),
        ((changed(OPENED, trials=["t9"]),), "had not finished"),
        ((suggested(1), changed(OPENED, trials=["t0", "t1"])), "had not finished"),
        ((changed(OPENED, trials=[]),), "is empty, or names one twice"),
        ((changed(OPENED, trials=["t0", "t0"]),), "names one twice"),
        ((changed(OPENED, patients=TEST[:-1]),), "other patients"),
        ((changed(OPENED, patients=[*TEST, "x"]),), "other patients"),
        ((changed(OPENED, patients=[*TEST, TEST[0]]),), "names one twice"),
        ((changed(OPENED, patients=[1]),), "names one twice"),
        ((changed(OPENED, trials=[["t0"]]),), "wrong kind"),
        ((changed(OPENED, fingerprint="0"),), "another split"),
        ((changed(OPENED, patients=None),), "wrong kind"),
        ((("opened", {}),), "lacks a part"),
        ((TESTED,), "before the test patients were opened"),
        ((OPENED, changed(TESTED, opening=2)), "before the test patients were opened"),
        ((OPENED, AGAIN, TESTED), "before the test patients were opened"),
        ((OPENED, changed(TESTED, uid="t9")), "never suggested"),
        ((suggested(1), OPENED, changed(TESTED, uid="t1")), "were not opened"),
        ((OPENED, TESTED, TESTED), "tested twice in one opening"),
        ((OPENED, changed(TESTED, cases=CASES[:-1])), "other patients than were opened"),
        ((OPENED, changed(TESTED, cases=[*CASES, ["x", "x", 0.5, None, False]])), "other patients than were opened"),
        ((OPENED, changed(TESTED, cases=[*CASES, CASES[0]])), "twice on one case"),
        ((OPENED, changed(TESTED, cases=[[*CASES[0][:2], 1e400, None, False], *CASES[1:]])), "infinite"),
        ((OPENED, changed(TESTED, cases=[[1, 2]])), "wrong kind"),
        ((OPENED, changed(TESTED, metrics={"test_dice": "good"})), "wrong kind"),
    ],
)
def test_impossible_steps_are_refused_with_their_line(
    steps: tuple[tuple[str, dict[str, Any]], ...], message: str
) -> None:
    with pytest.raises(LedgerError, match=message):
        fold(events(*DONE, *steps))
    try:
        fold(events(*DONE, *steps))
    except LedgerError as error:
        assert error.line is not None and error.line > len(DONE)


def test_a_sweep_that_held_nobody_back_cannot_be_opened() -> None:
    split = {"fingerprint": FINGERPRINT, "train": ["a"], "validation": ["b"]}
    with pytest.raises(LedgerError, match="other patients"):
        fold(events(("sweep", SWEEP[1] | {"split": split}), *DONE[1:], changed(OPENED, patients=["b"])))


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("opened"), st.integers(1, 3), st.booleans(), st.sets(st.integers(0, 3), max_size=3)),
        st.tuples(st.just("tested"), st.integers(1, 3), st.booleans(), st.integers(0, 3)),
        st.tuples(st.just("end"), st.just(0), st.just(False), st.integers(2, 3)),
    ),
    max_size=9,
)


@settings(deadline=None, max_examples=150)
@given(STEPS)
def test_a_fold_accepts_what_can_happen_and_nothing_else(steps: list[tuple[str, int, bool, Any]]) -> None:
    """Against a model of the rules that shares no code: trials 0 and 1 have finished, 2 and 3 may."""
    ledger = _base()
    finished, openings, scores, ends = {0, 1}, list[set[int]](), set[tuple[int, int]](), list[int]()
    for name, number, flag, what in steps:
        if name == "end":
            possible = what not in finished
            finished.add(what)
            ends = [count + 1 for count in ends]
            ledger.add("finished", **FINISHED[1] | {"uid": f"t{what}"})
        elif name == "opened":
            possible = number == len(openings) + 1 and flag == (number > 1) and bool(what) and what <= finished
            openings.append(what)
            ends.append(0)
            add_opening(ledger, [f"t{item}" for item in sorted(what)], number, again=flag)
        else:
            possible = 0 < number == len(openings) and what in openings[-1] and (number, what) not in scores
            scores.add((number, what))
            ledger.add("tested", **score_payload(ledger, f"t{what}", number))
        if not possible:
            with pytest.raises(LedgerError) as caught:
                folded(ledger)
            assert caught.value.line == len(ledger.lines)
            return
    sweep = folded(ledger)
    assert [len(item.trials) for item in sweep.sweep.openings] == [len(item) for item in openings]
    assert [item.ended_after for item in sweep.sweep.openings] == ends
    assert {(test.opening, int(trial.uid[1:])) for trial in sweep.trials for test in trial.tests} == scores


def _base() -> FakeLedger:
    ledger = FakeLedger()
    ledger.add(SWEEP[0], **SWEEP[1])
    for number in range(4):
        name, facts = suggested(number)
        ledger.add(name, **facts)
    for number in range(2):
        ledger.add("finished", **FINISHED[1] | {"uid": f"t{number}"})
    return ledger


def test_the_ledger_of_a_real_line_comes_back_as_it_was_written() -> None:
    ledger = realistic(5, cases=3, epochs=2)
    add_opening(ledger, [uid_of(0)])
    facts = score_payload(ledger, uid_of(0))
    ledger.add("tested", **facts)
    (score,) = folded(ledger).trial(uid_of(0)).tests
    assert [[case.case, case.dice_liver] for case in score.cases] == [[row[0], row[2]] for row in facts["cases"]]
    assert len(held_back(ledger)) == len(score.cases)
