"""Failed trials once more, run whole in this process with the fake trainer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from results.ranking import best_trials
from results.records import TrialRecord
from sweeps.errors import UsageError
from sweeps.extend import Retry
from tests.sweeps.in_process import Machine, extend, install, run, search_of

WORSE = "{learning_rate: {log: [1.0e-5, 1.0e-2]}, weight_decay: [0, 0.01]}"  # 0.01: the fault `raise`


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return install(monkeypatch)


def test_failed_trials_are_tried_again_and_only_those_that_are_named(machine: Machine, tmp_path: Path) -> None:
    folder = run(tmp_path, trials=6, space=WORSE)
    failed = [trial.uid for trial in folder.read().trials if trial.state == "failed"]
    assert failed and {trial.failure for trial in folder.read().trials if trial.uid in failed} == {"crash"}
    before = search_of(folder)
    with pytest.raises(UsageError, match=r"no trial to try again; got oom, timeout; allowed: crash"):
        extend(folder, Retry(("oom", "timeout")))
    with pytest.raises(UsageError, match="unknown kind of failure"):
        extend(folder, Retry(("tired",)))
    extend(folder, Retry(("crash",)))
    assert search_of(folder) == before, "it fails again for the same reason"
    attempts = {trial.uid: trial.attempts for trial in folder.read().trials}
    assert all(count == (2 if uid in failed else 1) for uid, count in attempts.items())


def test_a_retry_that_succeeds_takes_its_place_in_the_ranking(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = tmp_path / "once"
    once.mkdir()
    monkeypatch.setenv("FAKE_ONCE", str(once))
    folder = run(tmp_path, trials=6, space=WORSE)
    failed = {trial.uid for trial in folder.read().trials if trial.state == "failed"}
    extend(folder, Retry())
    sweep = folder.read()
    assert failed and {trial.state for trial in sweep.trials} == {"finished"} and len(sweep.trials) == 6
    assert failed <= {trial.uid for trial in best_trials(sweep)}
    with pytest.raises(UsageError, match="no trial failed"):
        extend(folder, Retry())


def test_a_failed_longer_training_may_be_asked_for_again(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = run(tmp_path)
    best: TrialRecord = best_trials(folder.read(), 1)[0]
    state = folder.trial(best.uid) / "state"
    real = machine.search

    def without_state(*arguments: Any, **options: Any) -> Any:
        state.rename(state.with_name("away"))
        return real(*arguments, **options)

    monkeypatch.setattr("sweeps.resume.search", without_state)
    extend(folder, epochs=6, best=1)
    failed = folder.read().trials[-1]
    assert (failed.state, failed.failure) == ("failed", "data") and best.uid in failed.message
    state.with_name("away").rename(state)
    monkeypatch.setattr("sweeps.resume.search", real)
    extend(folder, epochs=6, best=1)
    child = folder.read().trials[-1]
    assert (child.continues, child.state, child.epochs) == (best.uid, "finished", 6)
