"""The same line again: begins a sweep, goes on with it, and leaves a finished one as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

import sweeps.resume
from results.errors import ResultsError
from sweeps.errors import UsageError
from sweeps.folder import SweepFolder
from sweeps.resubmit import settings_of
from tests.sweeps.in_process import Killed, Machine, Notes, events_of, install, run, spec_of


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return install(monkeypatch)


def test_a_sweep_that_was_cut_off_goes_on_with_what_the_spec_says_now(machine: Machine, tmp_path: Path) -> None:
    machine.epochs_to_live = 5
    with pytest.raises(Killed):
        run(tmp_path)
    machine.epochs_to_live = None
    folder = SweepFolder(tmp_path / "runs" / "a")
    spec = spec_of(
        tmp_path, more="trial: {deadline: 3h}\ncluster: {kind: slurm, slurm: {nodes: 2, setup: [module load x]}}"
    )
    sweeps.resume.resume_sweep(folder, Notes(), settings=settings_of(spec, folder))
    assert machine.specs[-1].trial.deadline_s == 10800
    assert machine.specs[-1].cluster == spec.cluster
    assert [trial.state for trial in folder.read().trials] == ["finished"] * 4


def test_a_finished_sweep_stays_as_it_is(machine: Machine, tmp_path: Path) -> None:
    folder = run(tmp_path)
    before = folder.ledger.read_bytes()
    outcome = sweeps.resume.resume_sweep(folder, Notes(), settings=settings_of(spec_of(tmp_path), folder))
    assert outcome.idle and folder.ledger.read_bytes() == before


def test_another_experiment_under_the_same_name_is_refused(machine: Machine, tmp_path: Path) -> None:
    folder = run(tmp_path)
    with pytest.raises(UsageError, match=r"search\.trials: 4 → 5"):
        settings_of(spec_of(tmp_path, trials=5), folder)
    assert len(events_of(folder, "resumed")) == 0


def test_only_a_sweep_with_a_ledger_was_begun(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    assert not SweepFolder.exists("a", tmp_path) and not SweepFolder.exists("b", tmp_path)
    with pytest.raises(UsageError):
        SweepFolder.exists("../a", tmp_path)


def test_a_damaged_ledger_is_said_to_be(machine: Machine, tmp_path: Path) -> None:
    folder = run(tmp_path)
    folder.ledger.write_bytes(b"x\n" + folder.ledger.read_bytes())
    with pytest.raises(ResultsError):
        settings_of(spec_of(tmp_path), folder)
