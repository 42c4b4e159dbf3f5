"""Promise R14: Ctrl-C, SIGTERM and `stop` end a sweep cleanly within ten seconds, leave no process and lose no work."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from liverseg.phantom import PhantomConfig, write_cohort
from tests.crash.fake_command import write_spec
from tests.crash.processes import (
    FAKE_COMMAND,
    REAL_COMMAND,
    Driver,
    events_of,
    eventually,
    no_process_left,
    sweep_of,
    workers_of,
)

pytestmark = [pytest.mark.ray, pytest.mark.crash]

REAL_SPEC = """\
name: real
data: {root: scans, split: {test: 0, validation: 0.4}}
search:
  trials: 2
  sampler: random
  space: {learning_rate: {log: [1.0e-3, 1.0e-2]}}
  architectures: {encoder_decoder: {base_filters: 4}}
train: {epochs: 6, size: 32}
cluster: {cpus: 1}
"""


def has(folder: Path, name: str, sweep: str = "fake") -> bool:
    return any(event.name == name for event in events_of(folder, sweep))


def ended_cleanly(driver: Driver, folder: Path, sweep: str = "fake") -> None:
    began = time.monotonic()
    assert driver.wait(timeout_s=60) == 130, driver.text
    assert time.monotonic() - began < 10
    events = events_of(folder, sweep)
    assert (events[-1].name, events[-1].payload["reason"]) == ("closed", "interrupted")
    names = [event.name for event in events]
    assert names.count("suggested") == sum(names.count(end) for end in ("finished", "pruned", "failed", "stopped"))
    assert "Traceback" not in driver.text and f"liversweep resume {sweep}" in driver.text
    assert no_process_left(folder)


@pytest.mark.parametrize("how", ["ctrl-c in a terminal", "SIGTERM to the driver"])
def test_r14_a_signal_ends_the_sweep_with_all_trials_saved(tmp_path: Path, how: str) -> None:
    write_spec(tmp_path, trials=4, epochs=4, scheduler="none")
    driver = Driver(FAKE_COMMAND, ["run", "spec.yaml", "--plain"], tmp_path, {"FAKE_PAUSE_S": "2"})
    eventually(lambda: has(tmp_path, "checkpoint"))
    if how == "SIGTERM to the driver":
        driver.signal(signal.SIGTERM)
    else:
        driver.signal(signal.SIGINT, group=True)
    ended_cleanly(driver, tmp_path)
    assert not (tmp_path / "runs/fake/stop").exists()
    resumed = Driver(FAKE_COMMAND, ["resume", "fake", "--plain"], tmp_path)
    assert resumed.wait() == 0, resumed.text
    assert "continued" in resumed.text.splitlines()[0]
    sweep = sweep_of(tmp_path)
    assert [trial.state for trial in sweep.trials] == ["finished"] * 4
    # The states were saved in the middle of an epoch, and the fake trainer's scores betray a lost or repeated batch.
    whole = tmp_path / "whole"
    whole.mkdir()
    write_spec(whole, trials=4, epochs=4, scheduler="none", root=tmp_path)
    assert Driver(FAKE_COMMAND, ["run", "spec.yaml", "--plain"], whole).wait() == 0
    expected = {trial.uid: trial.metrics["val_dice"] for trial in sweep_of(whole).trials}
    found = {trial.uid: trial.metrics["val_dice"] for trial in sweep.trials}
    first = {uid for uid in found if uid in expected}
    assert len(first) >= 2 and all(found[uid] == expected[uid] for uid in first)


def test_r14_a_second_ctrl_c_leaves_at_once_and_loses_nothing_that_was_finished(tmp_path: Path) -> None:
    write_spec(tmp_path, trials=4, epochs=2, scheduler="none", more="trial: {stall: off}\n")
    environment = {"FAKE_PAUSE_S": "0.4"}
    driver = Driver(FAKE_COMMAND, ["run", "spec.yaml", "--plain"], tmp_path, environment)
    eventually(lambda: has(tmp_path, "finished"))
    finished = {path.parent.name: path.read_bytes() for path in tmp_path.glob("runs/fake/trials/*/final.json")}
    for worker in eventually(lambda: workers_of(psutil.Process(driver.process.pid))):
        os.kill(worker.pid, signal.SIGSTOP)  # so that the first Ctrl-C cannot end by itself
    driver.signal(signal.SIGINT, group=True)
    eventually(lambda: "once more ends at once" in driver.text)
    began = time.monotonic()
    driver.signal(signal.SIGINT, group=True)
    assert driver.wait(timeout_s=20) == 130
    assert time.monotonic() - began < 5
    assert no_process_left(tmp_path)
    resumed = Driver(FAKE_COMMAND, ["resume", "fake", "--plain"], tmp_path)
    assert resumed.wait() == 0, resumed.text
    sweep = sweep_of(tmp_path)
    assert len(sweep.trials) == 4 and {trial.state for trial in sweep.trials} == {"finished"}
    for uid, text in finished.items():
        assert (tmp_path / "runs/fake/trials" / uid / "final.json").read_bytes() == text


def test_r14_a_frozen_worker_cannot_keep_the_sweep_from_ending(tmp_path: Path) -> None:
    write_spec(tmp_path, trials=3, epochs=3, cpus=1)
    driver = Driver(FAKE_COMMAND, ["run", "spec.yaml", "--plain"], tmp_path, {"FAKE_PAUSE_S": "1"})
    eventually(lambda: has(tmp_path, "checkpoint"))
    for worker in eventually(lambda: workers_of(psutil.Process(driver.process.pid))):
        os.kill(worker.pid, signal.SIGSTOP)
    driver.signal(signal.SIGTERM)
    ended_cleanly(driver, tmp_path)


def test_r14_a_signal_before_the_first_trial_leaves_nothing_behind(tmp_path: Path) -> None:
    write_spec(tmp_path)
    driver = Driver(FAKE_COMMAND, ["run", "spec.yaml", "--plain"], tmp_path)
    eventually(lambda: psutil.Process(driver.process.pid).children())
    driver.signal(signal.SIGTERM)
    assert driver.wait(timeout_s=30) == 130, driver.text
    assert "Traceback" not in driver.text
    assert not list(tmp_path.glob("runs/*")) and not list(tmp_path.glob("runs/.*"))
    assert no_process_left(tmp_path)


def test_r14_a_real_training_saves_itself_in_the_middle_of_an_epoch(tmp_path: Path) -> None:
    write_cohort(
        tmp_path / "scans", PhantomConfig(cases=4, seed=3, matrix_px=(64, 72), slices=(10, 14), thickness_mm=(5.0,))
    )
    (tmp_path / "spec.yaml").write_text(REAL_SPEC)
    driver = Driver(REAL_COMMAND, ["run", "spec.yaml", "--plain"], tmp_path)
    eventually(lambda: has(tmp_path, "checkpoint", "real"))
    driver.signal(signal.SIGTERM)
    ended_cleanly(driver, tmp_path, "real")
    resumed = Driver(REAL_COMMAND, ["resume", "real", "--plain"], tmp_path)
    assert resumed.wait() == 0, resumed.text
    assert [trial.state for trial in sweep_of(tmp_path, "real").trials] == ["finished", "finished"]


def test_r07_a_killed_worker_fails_its_own_trial_only(tmp_path: Path) -> None:
    write_spec(tmp_path, trials=3, epochs=4, cpus=1, scheduler="none")
    driver = Driver(FAKE_COMMAND, ["run", "spec.yaml", "--plain"], tmp_path, {"FAKE_PAUSE_S": "1"})
    eventually(lambda: has(tmp_path, "checkpoint"))
    worker = eventually(lambda: workers_of(psutil.Process(driver.process.pid)))[0]
    os.kill(worker.pid, signal.SIGKILL)
    assert driver.wait() == 3, driver.text
    trials = sweep_of(tmp_path).trials
    assert sorted(trial.state for trial in trials) == ["failed", "finished", "finished"]
    failed = next(trial for trial in trials if trial.state == "failed")
    assert failed.failure == "crash" and "the worker process died" in failed.message
    assert "Traceback" not in driver.text
    assert no_process_left(tmp_path)
