"""Ray Tune's questions for the next trial, without Ray running."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ray import tune
from ray.tune.experiment import Experiment
from ray.tune.search.search_algorithm import SearchAlgorithm

from results.ledger import Ledger
from results.sweep_parts import Objective
from sweeps.executor.adapter import Failing
from sweeps.executor.routes import Routes
from sweeps.executor.searcher import DriverSearcher
from sweeps.folder import SweepFolder
from sweeps.search.driver import Driver
from sweeps.search.standing import Standing
from tests.sweeps.executor.attempts import setting
from tests.sweeps.fakes import Recorder
from tests.sweeps.search.test_driver import SPACE, stage


def searcher(root: Path, ledger: Ledger, **plan: Any) -> DriverSearcher:
    folder = SweepFolder(root)
    folder.file("trials").mkdir()
    standing = Standing([stage(SPACE, **plan)], (Objective("val_dice", "maximize"),), 2)
    driver = Driver(folder, ledger, standing, 2, Recorder())
    made = DriverSearcher(driver, Routes(setting(root)), Failing())
    made.add_configurations([Experiment("run-001", tune.Trainable, storage_path=str(root / "tune"))])
    return made


def test_the_searcher_hands_out_what_the_driver_proposes(tmp_path: Path) -> None:
    with Ledger.create(tmp_path / "ledger.jsonl") as ledger:
        found = searcher(tmp_path, ledger, sampler="random", trials=3)
        first, second = found.next_trial(), found.next_trial()
        assert first is not None and second is not None
        assert found.next_trial() is None and not found.is_finished(), "both slots are taken"
        assert first.config["trial"]["uid"] == found.uids[first.trial_id]
        assert str(first) == f"{found.uids[first.trial_id]}.1" and str(first) != str(second)
        assert found.uids.keys() == {first.trial_id, second.trial_id}


def test_the_searcher_says_when_there_are_no_more(tmp_path: Path) -> None:
    with Ledger.create(tmp_path / "ledger.jsonl") as ledger:
        found = searcher(tmp_path, ledger, sampler="random", trials=1)
        only = found.next_trial()
        assert only is not None
        found._driver.ended(found.uids[only.trial_id], error="gone")
        assert found.next_trial() is None and found.is_finished()
        found._driver.next = lambda preference=None: pytest.fail("asked again")  # type: ignore[method-assign]
        assert found.next_trial() is None


@pytest.mark.parametrize("name", ["add_configurations", "next_trial"])
def test_tunes_loop_asks_the_searcher_by_these_names(name: str) -> None:
    assert callable(getattr(SearchAlgorithm, name)) and name in vars(DriverSearcher)
