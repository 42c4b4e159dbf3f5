"""Folding events into records: the life of a trial, and every step that is impossible."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from results.errors import LedgerError
from results.fold import fold
from results.ledger import read_events
from results.ledger_line import Event
from tests.results.ledger_factory import finished_payload, realistic, suggested_payload, sweep_payload


def events(*steps: tuple[str, dict[str, Any]]) -> list[Event]:
    return [Event(i, f"2026-01-01T00:00:{i:02d}.000Z", name, payload) for i, (name, payload) in enumerate(steps, 1)]


def suggested(number: int = 0, **changes: Any) -> tuple[str, dict[str, Any]]:
    return "suggested", suggested_payload(number, "unet", np.random.default_rng(0), **({"uid": f"t{number}"} | changes))


SWEEP = ("sweep", sweep_payload())
STARTED = ("started", {"uid": "t0", "attempt": 1})
FAILED = ("failed", {"uid": "t0", "kind": "oom", "message": "too large", "epochs": 2, "seconds": 3.5})
FINISHED = ("finished", finished_payload("t0", "unet", np.random.default_rng(0), cases=2, epochs=3))


def test_a_finished_trial_keeps_every_fact(tmp_path: Path) -> None:
    ledger = realistic(1, cases=3, epochs=4)
    sweep = fold(read_events(ledger.write(tmp_path)))
    (trial,) = sweep.trials
    assert trial.state == "finished"
    assert trial.architecture == "unet"
    assert trial.attempts == 1
    assert trial.epochs == 4
    assert trial.updates == 480
    assert trial.best_epoch == 2
    assert trial.cost.parameters == 34_512_323
    assert len(trial.history["val_dice"]) == 4
    assert trial.metric("dice_liver_mean") == pytest.approx(np.mean([case.dice_liver for case in trial.cases]))
    assert math.isnan(trial.cases[0].dice_tumour)
    assert not trial.cases[0].has_tumour
    assert sweep.sweep.closed == "finished"
    assert sweep.sweep.split.validation != ()
    assert sweep.trial(trial.uid) is trial
    assert math.isnan(trial.metric("no_such_metric"))


@pytest.mark.parametrize(
    ("steps", "state"),
    [
        ((), "queued"),
        ((STARTED,), "running"),
        ((STARTED, FINISHED), "finished"),
        ((STARTED, ("pruned", FINISHED[1])), "pruned"),
        ((FAILED,), "failed"),
        ((STARTED, ("stopped", {"uid": "t0", "epochs": 4})), "stopped"),
        ((STARTED, ("stopped", {"uid": "t0", "epochs": 4}), ("started", {"uid": "t0", "attempt": 2})), "running"),
        ((STARTED, ("stopped", {"uid": "t0", "epochs": 4}), FINISHED), "finished"),
        ((STARTED, FAILED, ("started", {"uid": "t0", "attempt": 2}), FINISHED), "finished"),
        ((STARTED, ("started", {"uid": "t0", "attempt": 2})), "running"),
    ],
)
def test_the_state_follows_the_events(steps: tuple[tuple[str, dict[str, Any]], ...], state: str) -> None:
    (trial,) = fold(events(SWEEP, suggested(), *steps)).trials
    assert trial.state == state
    assert trial.attempts == sum(name == "started" for name, _ in steps)
    assert bool(trial.failure) == (state == "failed")


@pytest.mark.parametrize(
    "steps",
    [
        (suggested(),),
        (SWEEP, SWEEP),
        (SWEEP, STARTED),
        (SWEEP, suggested(), suggested()),
        (SWEEP, suggested(), suggested(uid="other")),
        (SWEEP, suggested(uid="../escape")),
        (SWEEP, suggested(uid="a/b")),
        (SWEEP, suggested(), ("finished", {"uid": "t0"})),
        (SWEEP, suggested(), ("failed", {"uid": "t0"})),
        (SWEEP, suggested(), ("finished", FINISHED[1] | {"metrics": {"val_dice": "good"}})),
        (SWEEP, suggested(), ("finished", FINISHED[1] | {"cases": [[1, 2]]})),
        (SWEEP, ("invented", {})),
        (("sweep", SWEEP[1] | {"schema_version": 9}),),
        (("sweep", SWEEP[1] | {"objective": []}),),
        (("sweep", SWEEP[1] | {"objective": [{"metric": "x", "direction": "up"}]}),),
    ],
)
def test_impossible_steps_are_refused_with_their_line(steps: tuple[tuple[str, dict[str, Any]], ...]) -> None:
    with pytest.raises(LedgerError) as caught:
        fold(events(*steps))
    assert caught.value.line == len(steps)


@pytest.mark.parametrize("first", ["finished", "pruned", "failed"])
@pytest.mark.parametrize("second", ["finished", "pruned", "failed", "stopped"])
def test_a_trial_has_one_end(first: str, second: str) -> None:
    payload = FINISHED[1] | {"kind": "oom", "message": ""}
    with pytest.raises(LedgerError, match="second time"):
        fold(events(SWEEP, suggested(), STARTED, (first, payload), (second, payload)))


@pytest.mark.parametrize("final", ["finished", "pruned"])
def test_a_final_trial_is_not_started_again(final: str) -> None:
    with pytest.raises(LedgerError, match="started again"):
        fold(events(SWEEP, suggested(), (final, FINISHED[1]), STARTED))


def test_the_sweep_is_closed_only_while_nothing_follows() -> None:
    closed = events(SWEEP, ("closed", {"reason": "interrupted"}))
    assert fold(closed).sweep.closed == "interrupted"
    assert fold(events(SWEEP, ("closed", {"reason": "interrupted"}), ("extended", {"trials": 99}))).sweep.closed == ""
    assert fold(events(SWEEP, ("extended", {"trials": 99}))).sweep.trials == 99


def test_no_events_is_an_error() -> None:
    with pytest.raises(LedgerError, match="empty"):
        fold([])


def test_trials_come_in_the_order_of_their_numbers() -> None:
    sweep = fold(events(SWEEP, suggested(2), suggested(0), suggested(1)))
    assert [trial.number for trial in sweep.trials] == [0, 1, 2]


def test_the_newest_checkpoint_counts() -> None:
    steps = [("checkpoint", {"uid": "t0", "epoch": epoch, "path": f"c{epoch}", "sha256": "0"}) for epoch in (1, 2)]
    (trial,) = fold(events(SWEEP, suggested(), *steps)).trials
    assert trial.checkpoint is not None
    assert (trial.checkpoint.epoch, trial.checkpoint.path) == (2, "c2")
