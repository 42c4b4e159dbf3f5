"""The adapters between Ray Tune and the driver, without Ray running."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from results.ledger import Ledger
from sweeps.errors import SweepError
from sweeps.executor.adapter import Failing
from sweeps.executor.ended import Ended
from sweeps.executor.tuner import LOOK_S, LoopCallback
from tests.sweeps.executor.test_searcher import searcher


class Looks:
    """Counts looks around."""

    def __init__(self) -> None:
        self.count, self.now, self.error = 0, 100.0, False

    def __call__(self) -> None:
        self.count += 1
        if self.error:
            raise SweepError("the disk is gone")


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    made = Looks()
    monkeypatch.setattr("sweeps.executor.tuner.time.monotonic", lambda: made.now)
    return made


def callback(looks: Looks, found: Any, failing: Failing) -> LoopCallback:
    return LoopCallback(found._driver, found, failing, Ended(), looks)


def test_many_turns_of_the_loop_are_a_few_looks_around(tmp_path: Path, looks: Looks) -> None:
    with Ledger.create(tmp_path / "ledger.jsonl") as ledger:
        turn = callback(looks, searcher(tmp_path, ledger, sampler="random"), Failing())
        for _ in range(1000):
            turn.on_step_end(0, [])
        assert looks.count == 1, "at once, and not again before its time"
        for _ in range(10):
            looks.now += 1.01 * LOOK_S
            turn.on_step_end(0, [])
        assert looks.count == 11


def test_what_a_look_finds_ends_the_loop(tmp_path: Path, looks: Looks) -> None:
    with Ledger.create(tmp_path / "ledger.jsonl") as ledger:
        failing, looks.error = Failing(), True
        turn = callback(looks, searcher(tmp_path, ledger, sampler="random"), failing)
        with pytest.raises(KeyboardInterrupt):
            turn.on_step_end(0, [])
        assert isinstance(failing.error, SweepError)
