"""A worker killed in the middle of a trial costs that trial and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from liverseg.phantom import PhantomConfig, write_cohort
from results.errors import LedgerError
from results.ledger import read_events
from results.ledger_line import Event
from tests.sweeps.cli_runs import COMMAND, ray_processes_of

pytestmark = [pytest.mark.ray, pytest.mark.crash]

SPEC = """\
name: killed
data: {root: scans, split: {test: 0, validation: 0.4}}
search:
  trials: 3
  sampler: random
  space: {learning_rate: {log: [1.0e-3, 1.0e-2]}}
  architectures: {encoder_decoder: {base_filters: 4}}
train: {epochs: 6, size: 32}
cluster: {cpus: 1}
"""
Found = TypeVar("Found")


def eventually(look: Callable[[], Found | None], deadline_s: float = 120.0) -> Found:
    """The first thing that `look` finds; fails when the deadline passes."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("nothing was found before the deadline")


def training_worker(driver: psutil.Process) -> psutil.Process | None:
    """The Ray worker that is inside a trial's step now."""
    for process in driver.children(recursive=True):
        try:
            if process.cmdline() and process.cmdline()[0].startswith("ray::") and ".train" in process.cmdline()[0]:
                return process
        except psutil.Error:
            continue
    return None


def started(folder: Path) -> subprocess.Popen[bytes]:
    """A sweep on a tiny cohort that has kept its first checkpoint."""
    write_cohort(
        folder / "scans", PhantomConfig(cases=4, seed=3, matrix_px=(64, 72), slices=(10, 14), thickness_mm=(5.0,))
    )
    (folder / "spec.yaml").write_text(SPEC)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    with (folder / "stderr.txt").open("w") as errors:
        driver = subprocess.Popen(
            [str(COMMAND), "run", "spec.yaml", "--plain"],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env=environment | {"LIVERSWEEP_CACHE": str(folder / "cache")},
        )
    eventually(lambda: any(event.name == "checkpoint" for event in events_of(folder)))
    return driver


def events_of(folder: Path) -> list[Event]:
    """The sweep's events so far; none while there is no ledger."""
    try:
        return read_events(folder / "runs" / "killed" / "ledger.jsonl")
    except LedgerError:
        return []


def test_r07_a_killed_worker_fails_its_own_trial_only(tmp_path: Path) -> None:
    driver = started(tmp_path)
    worker = eventually(lambda: training_worker(psutil.Process(driver.pid)))
    os.kill(worker.pid, signal.SIGKILL)
    assert driver.wait(timeout=180) == 3, (tmp_path / "stderr.txt").read_text()
    ends = [event for event in events_of(tmp_path) if event.name in ("finished", "failed")]
    assert sorted(event.name for event in ends) == ["failed", "finished", "finished"]
    failed = next(event.payload for event in ends if event.name == "failed")
    assert failed["kind"] == "crash" and "the worker process died" in failed["message"]
    assert "Traceback" not in (tmp_path / "stderr.txt").read_text()
    assert ray_processes_of(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_r14_an_interrupted_sweep_ends_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    driver = started(tmp_path)
    os.kill(driver.pid, number)
    assert driver.wait(timeout=60) == 130, (tmp_path / "stderr.txt").read_text()
    names = [event.name for event in events_of(tmp_path)]
    assert names[-1] == "closed" and events_of(tmp_path)[-1].payload["reason"] == "interrupted"
    assert names.count("suggested") == sum(names.count(end) for end in ("finished", "pruned", "failed", "stopped"))
    assert "Traceback" not in (tmp_path / "stderr.txt").read_text()
    assert ray_processes_of(tmp_path) == []
