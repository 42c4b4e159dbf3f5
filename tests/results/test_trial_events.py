"""Events about one trial: what each changes, and that no other order of them is believed."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from results.errors import LedgerError
from results.fold import fold
from results.ledger_line import Event
from results.records import STATES, Checkpoint, TrialRecord
from tests.results.ledger_factory import (
    MORE_COLUMNS,
    finished_payload,
    scored_in_full,
    suggested_payload,
    sweep_payload,
)
from tests.results.test_fold import FAILED, FINISHED, STARTED, SWEEP, events, suggested

Step = tuple[str, dict[str, Any]]


def trial_after(*steps: Step) -> TrialRecord:
    return fold(events(SWEEP, suggested(), *steps)).trials[0]


def started(epoch: int, attempt: int = 1) -> Step:
    return "started", {"uid": "t0", "attempt": attempt, "epoch": epoch}


def checkpoint(epoch: int, *values: float | None) -> Step:
    path = f"trials/t0/state/{epoch % 2}"
    return "checkpoint", {"uid": "t0", "epoch": epoch, "path": path, "sha256": f"{epoch}", "values": list(values)}


def failed(epochs: int, *values: float | None) -> Step:
    return "failed", {"uid": "t0", "kind": "nan", "message": "", "epochs": epochs, "values": list(values)}


def stopped(epochs: int, *values: float | None) -> Step:
    return "stopped", {"uid": "t0", "epochs": epochs, "values": list(values)}


QUEUED = ("queued", {"uid": "t0", "reason": "retry"})
STOPPED = ("stopped", {"uid": "t0", "epochs": 3})


def test_a_trial_has_its_own_length_and_may_continue_another() -> None:
    steps = (suggested(0, epochs=10), suggested(1, epochs=30, continues="t0"))
    first, second = fold(events(SWEEP, *steps)).trials
    assert (first.planned_epochs, first.continues) == (10, "")
    assert (second.planned_epochs, second.continues) == (30, "t0")


def test_a_trial_cannot_continue_one_that_was_never_suggested_or_itself() -> None:
    for uid in ("none", "t0"):
        with pytest.raises(LedgerError, match="continues") as caught:
            fold(events(SWEEP, suggested(0, continues=uid)))
        assert caught.value.line == 2


@pytest.mark.parametrize("end", [FAILED, STOPPED, None])
def test_a_trial_goes_back_to_the_queue_and_forgets_how_it_ended(end: Step | None) -> None:
    trial = trial_after(STARTED, *([end] if end else []), QUEUED)
    assert (trial.state, trial.failure, trial.message, trial.ended, trial.attempts) == ("queued", "", "", "", 1)


def test_the_state_to_continue_from_and_the_weights_are_two_things_and_released_apart() -> None:
    weights = {"epoch": 2, "path": "trials/t0/checkpoint", "sha256": "w"}
    steps = (started(0), checkpoint(4, 0.1, 0.2, 0.3, 0.4), ("finished", FINISHED[1] | {"weights": weights}))
    trial = trial_after(*steps)
    assert trial.checkpoint == Checkpoint(4, "trials/t0/state/0", "4")
    assert trial.weights == Checkpoint(2, "trials/t0/checkpoint", "w")
    trial = trial_after(*steps, ("released", {"uid": "t0", "what": ["state"]}))
    assert (trial.checkpoint is None, trial.weights is None) == (True, False)
    trial = trial_after(*steps, ("released", {"uid": "t0", "what": ["weights", "state"]}))
    assert (trial.checkpoint, trial.weights) == (None, None)


@pytest.mark.parametrize(
    ("steps", "values"),
    [
        ((started(0),), []),
        ((started(0), checkpoint(1, 0.1), checkpoint(3, 0.2, 0.3)), [0.1, 0.2, 0.3]),
        ((started(0), checkpoint(1, 0.1), checkpoint(1)), [0.1]),
        ((started(0), checkpoint(2, 0.1, 0.2), failed(4, 0.3, 0.4)), [0.1, 0.2, 0.3, 0.4]),
        ((started(0), failed(1, 0.1)), [0.1]),
        # The record of a dying worker may know of fewer or more epochs than were reported.
        ((started(0), checkpoint(1, 0.1), failed(0, 0.2)), [0.1, 0.2]),
        ((started(0), checkpoint(1, 0.1), failed(9, 0.2)), [0.1, 0.2]),
        ((started(0), checkpoint(1, 0.1), stopped(2, 0.2), started(1, 2), checkpoint(3, 0.3)), [0.1, 0.2, 0.3]),
        (
            (started(0), checkpoint(1, 0.1), ("finished", FINISHED[1] | {"epochs": 3, "values": [0.2, 0.3]})),
            [0.1, 0.2, 0.3],
        ),
        # Continued from an older state: epochs that were told of are not told of again ...
        ((started(0), checkpoint(4, 1, 2, 3, 4), STOPPED, started(2, 2), checkpoint(3)), [1, 2, 3, 4]),
        ((started(0), checkpoint(4, 1, 2, 3, 4), STOPPED, started(2, 2), checkpoint(5, 5)), [1, 2, 3, 4, 5]),
        # ... and if they are, the new values count.
        ((started(0), checkpoint(4, 1, 2, 3, 4), STOPPED, started(2, 2), checkpoint(3, 9)), [1, 2, 9]),
        ((started(0), checkpoint(4, 1, 2, 3, 4), checkpoint(3, 8, 9)), [1, 8, 9]),
        # Tried again after a failure.
        ((started(0), checkpoint(2, 1, 2), failed(3, 3), QUEUED, started(0, 2)), []),
        ((started(0), checkpoint(2, 1, 2), failed(3, 3), QUEUED, started(0, 2), checkpoint(1, 7)), [7]),
        ((started(0), checkpoint(2, 1, 2), failed(3, 3), QUEUED, started(0, 2), failed(1, 7)), [7]),
        ((started(0), checkpoint(2, 1, 2), failed(3, 3), started(2, 2), failed(3, 7)), [1, 2, 7]),
        ((started(0), checkpoint(2, 1, 2), failed(3, 3), started(2, 2), failed(3, 1, 2, 7)), [1, 2, 7]),
        # A trial that continues another knows nothing of the epochs before.
        ((started(2), checkpoint(3, 5)), [None, None, 5]),
        ((started(2), failed(3, 5)), [None, None, 5]),
        ((started(0), checkpoint(2, None, 0.5)), [None, 0.5]),
    ],
)
def test_values_are_those_of_each_epoch_from_the_first(steps: tuple[Step, ...], values: list[float | None]) -> None:
    expected = [math.nan if value is None else value for value in values]
    assert trial_after(*steps).values == pytest.approx(expected, nan_ok=True)


def test_a_trial_knows_from_which_epoch_its_last_attempt_went_on() -> None:
    assert trial_after(STARTED).continued_from == 0
    assert trial_after(started(0), checkpoint(4, 1, 2, 3, 4), STOPPED, started(4, 2)).continued_from == 4


def test_values_of_every_epoch_come_from_the_history_once_there_is_one() -> None:
    rows = events(SWEEP, suggested(), started(0), checkpoint(2, 0.1, 0.2))
    history = b'{"epoch":[1,2,4],"val_dice":[0.1,null,0.4]}'
    rows.append(Event(5, "2026-01-01T00:00:05.000Z", "finished", FINISHED[1], history))
    (trial,) = fold(rows).trials
    assert trial.epoch_values("val_dice") == pytest.approx((0.1, math.nan, math.nan, 0.4), nan_ok=True)
    assert trial.epoch_values("dice_liver_mean") == (0.1, 0.2)
    assert fold(rows[:-1]).trials[0].epoch_values("val_dice") == (0.1, 0.2)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ((QUEUED,), "put back"),
        ((FINISHED, QUEUED), "put back"),
        ((STARTED, FINISHED, checkpoint(1, 0.5)), "made a checkpoint"),
        ((STARTED, checkpoint(1, 0.5, 0.6)), "more values than epochs"),
        ((STARTED, ("checkpoint", {"uid": "t0", "epoch": 1, "path": None, "sha256": "0", "values": []})), "path"),
        ((("started", {"uid": "t0", "attempt": 1, "epoch": -1}),), "negative"),
        ((("released", {"uid": "t0", "what": ["pictures"]}),), "weights, state"),
        ((("released", {"uid": "t9", "what": ["state"]}),), "never suggested"),
        ((STARTED, ("finished", FINISHED[1] | {"weights": {"epoch": 1}})), "lacks a part"),
    ],
)
def test_impossible_steps_of_a_trial_are_refused_with_their_line(steps: tuple[Step, ...], message: str) -> None:
    with pytest.raises(LedgerError, match=message) as caught:
        trial_after(*steps)
    assert caught.value.line == 2 + len(steps)


# What each event needs and leads to, written down again for the property below.
ANY = frozenset(STATES)
OPEN = frozenset({"queued", "running"})
UNENDED = frozenset({"queued", "running", "stopped"})
LIVING = ANY - {"finished", "pruned"}
NEEDS = {
    "queued": frozenset({"running", "failed", "stopped"}),
    "started": LIVING,
    "checkpoint": LIVING,
    "finished": UNENDED,
    "pruned": UNENDED,
    "failed": UNENDED,
    "stopped": UNENDED,
    "released": ANY,
}
LEADS_TO = {"queued": "queued", "started": "running"} | {
    name: name for name in ("finished", "pruned", "failed", "stopped")
}
SCORED = finished_payload("t0", "unet", np.random.default_rng(0), cases=1, epochs=2)
MORE = {
    "checkpoint": {"epoch": 1, "path": "p", "sha256": "0", "values": [0.5]},
    "finished": SCORED,
    "pruned": SCORED,
    "failed": {"kind": "oom", "message": "m"},
    "released": {"what": ["state"]},
}
UIDS = ("a", "b", "c")
steps_of_sweeps = st.lists(st.tuples(st.sampled_from(["suggested", *NEEDS]), st.sampled_from(UIDS)), max_size=40)


def payload_of(name: str, uid: str) -> dict[str, Any]:
    if name == "suggested":
        return suggested_payload(UIDS.index(uid), "unet", np.random.default_rng(0), uid=uid)
    return MORE.get(name, {}) | {"uid": uid}


@settings(max_examples=150, deadline=None)
@given(steps=steps_of_sweeps)
def test_every_trial_is_in_one_state_and_every_illegal_step_is_refused(steps: list[tuple[str, str]]) -> None:
    kept: list[Step] = [("sweep", sweep_payload(3, 1))]
    states: dict[str, str] = {}
    attempts: Counter[str] = Counter()
    for name, uid in steps:
        legal = uid not in states if name == "suggested" else states.get(uid) in NEEDS[name]
        step = (name, payload_of(name, uid))
        if not legal:
            with pytest.raises(LedgerError) as caught:
                fold(events(*kept, step))
            assert caught.value.line == len(kept) + 1
            assert f"line {len(kept) + 1}" in str(caught.value)
            continue
        kept.append(step)
        states[uid] = "queued" if name == "suggested" else LEADS_TO.get(name, states[uid])
        attempts[uid] += name == "started"
    sweep = fold(events(*kept))
    assert {trial.uid: trial.state for trial in sweep.trials} == states
    counts = Counter(trial.state for trial in sweep.trials)
    assert sum(counts[state] for state in STATES) == len(states)
    for trial in sweep.trials:
        assert bool(trial.failure) == (trial.state == "failed")
        assert bool(trial.ended) == (trial.state not in OPEN)
        assert trial.attempts == attempts[trial.uid]


def finished_in_full(**changes: Any) -> Step:
    rng = np.random.default_rng(1)
    return "finished", {**scored_in_full(finished_payload("t0", "unet", rng, cases=3), rng), "uid": "t0", **changes}


def test_cases_may_carry_more_scores_than_dice() -> None:
    step = finished_in_full()
    facts = dict(step[1])
    scores = json.dumps(facts.pop("scores")).encode()
    rows = events(SWEEP, suggested(), started(0))
    trial = fold([*rows, Event(4, "2026-01-01T00:00:05.000Z", "finished", facts, scores=scores)]).trials[0]
    first, second, _ = trial.case_scores
    assert tuple(second) == MORE_COLUMNS and len(trial.cases) == 3
    assert (first["hd95_tumour"], first["nsd_tumour"]) == (math.inf, 0.0)
    assert second["hd95_liver"] == step[1]["scores"]["rows"][1][MORE_COLUMNS.index("hd95_liver")]
    assert trial.metric("hd95_tumour_failures") == 1


def test_cases_of_a_trial_that_was_not_scored_in_full_have_dice_alone() -> None:
    step = ("finished", {**finished_payload("t0", "unet", np.random.default_rng(1), cases=2), "uid": "t0"})
    assert trial_after(started(0), step).case_scores == ({}, {})
