"""The generated script, run for real: two machines, a Ray on both, a sweep on top, an end of time, a return to the queue."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from results.errors import LedgerError
from results.fold import fold
from results.ledger import read_events
from results.records import Sweep
from tests.cluster.slurm.fake_slurm import FakeSlurm, Job, no_process_left, on_path
from tests.cluster.slurm.machines import two_machines
from tests.crash.processes import ROOT
from tests.sweeps.cli_runs import COMMAND

TRIALS, EPOCHS = 4, 4
SPEC = """\
name: fake
data: {{root: {root}, split: {{test: 0, validation: 0.4}}}}
search:
  trials: 4
  sampler: random
  scheduler: none
  space: {{learning_rate: {{log: [1.0e-5, 1.0e-2]}}}}
  architectures: {{unet: {{base_filters: 4}}, segnet: {{base_filters: 4}}}}
train: {{epochs: 4, size: 32}}
cluster:
  object_store: 80MB
  slurm: {{nodes: 2, cpus_per_node: 1, time: 10m, setup: ["export PATH={tools}:$PATH"]}}
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short, since sockets lie in it; on a disk that both machines see."""
    made = Path(tempfile.mkdtemp(prefix="lsw-", dir="/tmp"))
    yield made
    shutil.rmtree(made)


@pytest.fixture
def slurm(folder: Path) -> Iterator[FakeSlurm]:
    first, second = two_machines(folder / "hosts")
    try:
        with FakeSlurm(folder, (first, second)) as made:
            yield made
        assert no_process_left((first, second)), "something was left running"
    finally:
        first.close()
        second.close()


def sweep_of(folder: Path) -> Sweep | None:
    try:
        return fold(read_events(folder / "runs" / "fake" / "ledger.jsonl"))
    except LedgerError:
        return None


def finished(folder: Path) -> int:
    sweep = sweep_of(folder)
    return 0 if sweep is None else sum(trial.state == "finished" for trial in sweep.trials)


@pytest.mark.timeout(600)
def test_a_sweep_on_two_machines_outlives_the_end_of_its_time(folder: Path, slurm: FakeSlurm) -> None:
    environment = prepared(folder, slurm)
    done = subprocess.run(
        [str(COMMAND), "cluster", "slurm", "spec.yaml", "--submit"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "submitted job 4711: the sweep fake on 2 machines" in done.stdout
    job = slurm.jobs["4711"]

    slurm.start(job)
    token = folder / "runs" / ".slurm" / "4711" / "token"
    until(lambda: finished(folder) >= 1, job)
    assert stat.S_IMODE(token.stat().st_mode) == 0o600 and len(token.read_text()) == 64
    secret = token.read_text()
    assert not shown_anywhere(secret, slurm)
    slurm.announce_end(job)
    assert slurm.wait(job, 90) == "PENDING" and job.restarts == 1, job.output.read_text()
    assert not token.parent.exists()
    assert finished(folder) < TRIALS and "interrupted; nothing is lost" in job.output.read_text()

    slurm.start(job)
    assert slurm.wait(job, 200) == "COMPLETED", job.output.read_text()
    sweep = sweep_of(folder)
    assert sweep is not None and finished(folder) == TRIALS == len(sweep.trials)
    epochs = Counter(line.partition(" ")[2] for line in places(folder))
    assert len(epochs) == TRIALS * EPOCHS and set(epochs.values()) == {1}, "an epoch was lost or trained twice"
    assert {line.split()[0] for line in places(folder)} == {"node1", "node2"}
    assert not list(Path("/tmp").glob("lsw-4711*")), "Ray's folders were left"
    assert secret not in job.output.read_text() + job.script.read_text()


def until(look: Callable[[], bool], job: Job, deadline_s: float = 200.0) -> None:
    """Wait for what the job is to do; its own words tell why it did not."""
    end = time.monotonic() + deadline_s
    while not look():
        assert job.batch is not None and job.batch.poll() is None, f"it ended: {job.output.read_text()}"
        assert time.monotonic() < end, f"nothing came: {job.output.read_text()}"
        time.sleep(0.05)


def places(folder: Path) -> list[str]:
    return (folder / "places").read_text().splitlines()


def prepared(folder: Path, slurm: FakeSlurm) -> dict[str, str]:
    """A spec, and the commands on PATH: those of SLURM, and a `liversweep` that trains no networks."""
    tools = folder / "bin"
    (folder / "spec.yaml").write_text(SPEC.format(root=folder, tools=tools))
    tools.mkdir()
    command = tools / "liversweep"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m tests.cluster.slurm.fake_liversweep "$@"\n')
    command.chmod(0o755)
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("RAY_", "FAKE_", "LIVERSWEEP_"))}
    return clean | {
        "PATH": on_path(slurm.bin_folder),
        "PYTHONPATH": str(ROOT),
        "LIVERSWEEP_CACHE": str(folder / "cache"),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "FAKE_PAUSE_S": "0.6",
        "FAKE_PLACES": str(folder / "places"),
    }


def shown_anywhere(secret: str, slurm: FakeSlurm) -> bool:
    """Whether the token is in the command line or environment of a process of the job."""
    for machine in slurm.machines:
        for process in machine.processes():
            for name in ("cmdline", "environ"):
                try:
                    if secret.encode() in Path(f"/proc/{process.pid}/{name}").read_bytes():
                        return True
                except OSError:
                    continue
    return False
