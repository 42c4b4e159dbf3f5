"""What a worker keeps between two trials, without TensorFlow."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sweeps.errors import SweepError
from sweeps.executor.guard import Guard, Limits, Stand
from sweeps.executor.memory import private_memory_bytes, return_free_memory
from sweeps.executor.networks import hand_on
from sweeps.executor.session import TrialSession
from tests.sweeps.executor.attempts import payload, run_trial, setting
from tests.sweeps.fake_trainer import FakeRun
from tests.sweeps.faults import fault_parameters

MEGABYTE = 1_000_000


@pytest.fixture
def handed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Epochs of every fake training whose network was handed on."""
    found: list[int] = []
    monkeypatch.setattr(FakeRun, "release", lambda self: found.append(len(self.history)), raising=False)
    return found


def test_the_network_of_a_trial_that_ended_is_handed_on(tmp_path: Path, handed: list[int]) -> None:
    run_trial(TrialSession(payload(), setting(tmp_path)))
    assert handed == [3]


def test_so_is_that_of_a_pruned_one(tmp_path: Path, handed: list[int]) -> None:
    session = TrialSession(payload(), setting(tmp_path))
    session.step()
    session.close()
    assert handed == [1]


def test_the_network_of_a_failed_trial_is_not(tmp_path: Path, handed: list[int]) -> None:
    with pytest.raises(SweepError):
        run_trial(TrialSession(payload(fault_parameters("raise", 2)), setting(tmp_path)))
    assert handed == []


def test_a_trainer_that_keeps_nothing_is_dropped() -> None:
    assert not hand_on(object())


def test_what_is_kept_is_let_go_before_a_trial_is_ended_for_its_memory(tmp_path: Path) -> None:
    gc.collect()
    return_free_memory()
    kept: list[Any] = [np.ones(100 * MEGABYTE, np.uint8)]
    asked = []

    def relieve() -> bool:
        asked.append(len(kept))
        kept.clear()
        return len(asked) == 1

    limits = Limits(memory_bytes=private_memory_bytes() - 50 * MEGABYTE)
    # The thread is not started: a strike would end this process.
    guard = Guard(tmp_path, limits, lambda: Stand(0, ""), relieve=relieve)
    guard._open()
    try:
        guard._check()
    finally:
        guard.close()
    assert asked == [1]
