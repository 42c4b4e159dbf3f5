"""Trainings that end where their curve is flat, in sweeps run whole in this process with the fake trainer."""

from __future__ import annotations

from pathlib import Path

import pytest

from liverseg.config import PlateauRule
from liverseg.training.plateau import flattened
from results.records import TrialRecord
from sweeps.errors import UsageError
from sweeps.folder import SweepFolder
from tests.sweeps.in_process import Killed, Machine, events_of, extend, install, run, search_of

RULE = PlateauRule(epochs=4, gain=0.06, grace_epochs=6)
FLAT = {"epochs": "20, plateau: {epochs: 4, gain: 0.06, grace_epochs: 6}", "trials": 6}


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return install(monkeypatch)


def end_of(trial: TrialRecord) -> int:
    """The epoch after which the rule ends the trial's curve, as the ledger tells it."""
    curve = trial.history["val_dice"]
    return next(epoch for epoch in range(1, 21) if flattened(curve[:epoch], RULE) or epoch == 20)


def test_they_are_finished_ones_with_the_score_of_their_best_epoch(machine: Machine, tmp_path: Path) -> None:
    trials = run(tmp_path, **FLAT).read().trials
    assert {trial.state for trial in trials} == {"finished"}
    assert [trial.epochs for trial in trials] == [end_of(trial) for trial in trials]
    flat = [trial for trial in trials if trial.epochs < 20]
    assert flat and {trial.stop_reason for trial in flat} == {"plateau"}
    assert all(trial.metrics["val_dice"] == max(trial.history["val_dice"]) for trial in flat)


def test_beside_a_scheduler_each_ends_for_its_own_reason(machine: Machine, tmp_path: Path) -> None:
    trials = run(tmp_path, **{**FLAT, "trials": 12}, scheduler="{kind: asha, grace_epochs: 2}").read().trials
    reasons = {trial.stop_reason for trial in trials if trial.state == "finished"}
    pruned = [trial for trial in trials if trial.state == "pruned"]
    assert pruned and "plateau" in reasons and all(trial.epochs in (2, 6, 18) for trial in pruned)
    for trial in trials:
        assert trial.state == "pruned" or trial.epochs == end_of(trial)


def test_a_sweep_cut_anywhere_ends_them_at_the_same_epochs(machine: Machine, tmp_path: Path) -> None:
    whole = search_of(run(tmp_path, **FLAT))
    for epochs in (5, 30):
        machine.epochs_to_live = epochs
        with pytest.raises(Killed):
            run(tmp_path / str(epochs), **FLAT)
        machine.epochs_to_live = None
        folder = SweepFolder(tmp_path / str(epochs) / "runs" / "a")
        extend(folder, lambda found: ())
        assert search_of(folder) == whole


def test_a_curve_that_is_flat_is_not_trained_on(machine: Machine, tmp_path: Path) -> None:
    folder = run(tmp_path, **FLAT)
    with pytest.raises(UsageError, match=r"none of the best trials can be trained on.*had come to its end by plateau"):
        extend(folder, epochs=30)
    extend(folder, epochs=30, trials=2)
    later = folder.read().trials[6:]
    assert len(later) == 2 and {trial.planned_epochs for trial in later} == {30}
    assert len(events_of(folder, "extended")) == 1
