"""Trials that cannot fit into their memory, in sweeps run whole in this process with the fake trainer."""

from __future__ import annotations

from pathlib import Path

import pytest

from results.reports.document import build_document
from sweeps.extend import Retry
from sweeps.folder import SweepFolder
from tests.sweeps.in_process import Killed, Machine, events_of, extend, install, run, search_of

# Of four sizes of batch and network only the largest of both cannot fit.
TIGHT = {
    "space": "{learning_rate: {log: [1.0e-5, 1.0e-2]}, batch_size: [2, 64], size: [64, 512]}",
    "architectures": "{unet: {base_filters: 4}}",
    "trials": 12,
    "more": "trial: {memory: 1GB}",
}


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return install(monkeypatch)


def test_they_fail_before_they_start_and_the_others_are_trained(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "epochs"
    monkeypatch.setenv("FAKE_LOG", str(log))
    folder = run(tmp_path, sampler="random", **TIGHT)
    sweep = folder.read()
    refused = [trial for trial in sweep.trials if trial.state == "failed"]
    large = [item for item in sweep.trials if (item.parameters["batch_size"], item.parameters["size"]) == (64, 512)]
    assert refused == large and len(sweep.trials) == 12 and sweep.sweep.closed == "finished"
    assert {(trial.failure, trial.epochs, trial.attempts) for trial in refused} == {("memory", 0, 0)}
    assert "batch_size 64, size 512" in refused[0].message and "raise trial.memory to" in refused[0].message
    assert len(log.read_text().splitlines()) == 3 * (12 - len(refused)), "epochs"
    assert not any((folder.trial(trial.uid) / "worker.json").exists() for trial in refused)
    group = build_document(sweep).failure_groups[0]
    assert group.kind == "memory" and group.count == len(refused)
    study_states = {event.name for event in events_of(folder) if event.payload.get("uid") == refused[0].uid}
    assert study_states == {"suggested", "failed"}


def test_once_there_is_more_memory_they_are_tried_again(machine: Machine, tmp_path: Path) -> None:
    import sweeps.resume
    from tests.sweeps.in_process import Notes

    folder = run(tmp_path, sampler="random", **TIGHT)
    failed = {trial.uid for trial in folder.read().trials if trial.state == "failed"}
    extend(folder, Retry(("memory",)))
    assert {trial.uid for trial in folder.read().trials if trial.state == "failed"} == failed
    more = ["trial.memory=64GB"]
    sweeps.resume.resume_sweep(folder, Notes(), settings=more, change=Retry(("memory",)))  # type: ignore[arg-type]
    assert failed and {trial.state for trial in folder.read().trials} == {"finished"}


def test_a_sweep_cut_anywhere_goes_on_to_the_same_trials(machine: Machine, tmp_path: Path) -> None:
    whole = search_of(run(tmp_path, **TIGHT))
    assert any(row[4] == "failed" for row in whole)
    for epochs in (4, 17):
        machine.epochs_to_live = epochs
        with pytest.raises(Killed):
            run(tmp_path / str(epochs), **TIGHT)
        machine.epochs_to_live = None
        folder = SweepFolder(tmp_path / str(epochs) / "runs" / "a")
        extend(folder, lambda found: ())
        assert search_of(folder) == whole
