"""Which trial Ray Tune is to start next, and what its results were before it flattened them; without Ray running."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ray.tune.schedulers import TrialScheduler

from results.ledger import Ledger
from sweeps.executor.adapter import Failing
from sweeps.executor.ended import Ended
from sweeps.executor.scheduler import DriverScheduler, unflatten_checkpoint
from tests.sweeps.executor.test_searcher import searcher


class Waiting:
    """A trial of Tune's as far as a scheduler that chooses looks at it."""

    PENDING = "PENDING"

    def __init__(self) -> None:
        self.status = self.PENDING


def scheduler(found: Any) -> DriverScheduler:
    return DriverScheduler(found._driver, found, found._routes, Failing(), Ended())


def test_the_trial_that_has_waited_longest_is_next(tmp_path: Path) -> None:
    with Ledger.create(tmp_path / "ledger.jsonl") as ledger:
        made = scheduler(searcher(tmp_path, ledger, sampler="random"))
        first, second = Waiting(), Waiting()
        for trial in (first, second):
            made.on_trial_add(None, trial)
        assert made.choose_trial_to_run(None) is first is made.choose_trial_to_run(None)
        first.status = "RUNNING"
        assert made.choose_trial_to_run(None) is second
        second.status = "TERMINATED"
        assert made.choose_trial_to_run(None) is None


def test_a_trial_goes_on_until_the_driver_says_otherwise(tmp_path: Path) -> None:
    asha = {"kind": "asha", "grace_epochs": 1, "reduction_factor": 2}
    with Ledger.create(tmp_path / "ledger.jsonl") as ledger:
        found = searcher(tmp_path, ledger, sampler="random", scheduler=asha, per_architecture="joint", epochs=2)
        made, said = scheduler(found), []
        for value in (0.9, 0.1):
            trial = found.next_trial()
            assert trial is not None
            found._driver.started(found.uids[trial.trial_id])
            result = {"epoch": 1, "val_dice": value}
            said.append(made.on_trial_result(None, SimpleNamespace(trial_id=trial.trial_id), result))
        assert said == [TrialScheduler.CONTINUE, TrialScheduler.STOP]


def test_a_checkpoint_is_put_together_again() -> None:
    flat = {"epoch": 2, "checkpoint/epochs": 2, "checkpoint/updates": 6}
    assert unflatten_checkpoint(flat) == {"epoch": 2, "checkpoint": {"epochs": 2, "updates": 6}}
    assert unflatten_checkpoint({"epoch": 2}) == {"epoch": 2} and "checkpoint/epochs" in flat
