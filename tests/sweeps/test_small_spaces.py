"""Sweeps that ask for more trials than their space has parameter sets, run whole in this process with the fake trainer."""

from __future__ import annotations

from pathlib import Path

import pytest

from results.reports.document import build_document
from sweeps.errors import UsageError
from sweeps.folder import SweepFolder
from tests.sweeps.in_process import Machine, events_of, extend, install, run, search_of

SIX = {"space": "{loss: [ce, dice, focal]}", "trials": 10}


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return install(monkeypatch)


def sets_of(folder: SweepFolder) -> list[str]:
    return sorted(f"{trial.architecture} {trial.parameters['loss']}" for trial in folder.read().trials)


EVERY = sorted(f"{name} {loss}" for name in ("unet", "segnet") for loss in ("ce", "dice", "focal"))


@pytest.mark.parametrize("sampler", ["tpe", "random", "nsga2"])
def test_ten_trials_of_six_sets_are_six_and_the_report_says_why(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sampler: str
) -> None:
    log = tmp_path / "epochs"
    monkeypatch.setenv("FAKE_LOG", str(log))
    folder = run(tmp_path, sampler=sampler, **SIX)
    sweep = folder.read()
    assert sets_of(folder) == EVERY and {trial.state for trial in sweep.trials} == {"finished"}
    assert len(log.read_text().splitlines()) == 6 * 3, "epochs"
    assert (sweep.sweep.closed, sweep.sweep.trials, dict(sweep.sweep.missing)) == ("finished", 10, {"search": 4})
    said = " ".join(build_document(sweep).summary)
    assert "6 of 10 trials have ended" in said
    assert "4 trials were not run: every parameter set of the space was tried, and nothing is trained twice." in said


def test_r13_such_a_sweep_is_at_its_end(machine: Machine, tmp_path: Path) -> None:
    folder = run(tmp_path, **SIX)
    before = folder.ledger.read_bytes()
    assert extend(folder, lambda found: ())[-1].endswith("0 new; nothing to do")
    assert folder.ledger.read_bytes() == before


def test_more_trials_of_a_space_that_is_used_up_are_refused(machine: Machine, tmp_path: Path) -> None:
    folder = run(tmp_path, **SIX)
    before = folder.ledger.read_bytes()
    with pytest.raises(UsageError, match=r"every parameter set of the space was tried.*got 2; allowed: none"):
        extend(folder, trials=2)
    assert folder.ledger.read_bytes() == before


def test_a_wider_space_gives_the_trials_that_are_asked_for_then(machine: Machine, tmp_path: Path) -> None:
    folder = run(tmp_path, **SIX)
    extend(folder, trials=3, space={"space": {"loss": ["ce", "dice", "focal", "tversky", "dice_ce"]}})
    sweep = folder.read().sweep
    assert set(EVERY) < set(sets_of(folder)) and len(set(sets_of(folder))) == len(sets_of(folder)) == 9
    assert (sweep.trials, dict(sweep.missing)) == (13, {"search": 4})


def test_longer_trainings_are_others(machine: Machine, tmp_path: Path) -> None:
    folder = run(tmp_path, **SIX)
    extend(folder, trials=9, epochs=5, best=2)
    later = folder.read().trials[6:]
    assert sorted(f"{trial.architecture} {trial.parameters['loss']}" for trial in later) == EVERY
    assert sum(bool(trial.continues) for trial in later) == 2 and {trial.epochs for trial in later} == {5}


def test_a_sweep_cut_anywhere_ends_with_the_same_sets(machine: Machine, tmp_path: Path) -> None:
    from tests.sweeps.in_process import Killed

    whole = search_of(run(tmp_path, scheduler="asha", **SIX))
    for epochs in (0, 4, 9, 14):
        machine.epochs_to_live = epochs
        with pytest.raises(Killed):
            run(tmp_path / str(epochs), scheduler="asha", **SIX)
        machine.epochs_to_live = None
        folder = SweepFolder(tmp_path / str(epochs) / "runs" / "a")
        extend(folder, lambda found: ())
        assert search_of(folder) == whole
        assert [event.payload.get("missing") for event in events_of(folder, "closed")] == [{"search": 4}]
