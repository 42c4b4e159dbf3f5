"""The README's way from laptop to cluster: every command that a person types there is typed here, one after the other.

Both machines are this one, on loopback. In the place of what leads elsewhere (ssh, scp, kubectl, sbatch) stand programs that do
or note what they were asked to; `ray` is Ray's own command with a temp folder of its own. All else is real.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cluster.reaper import reap
from liverseg.phantom import PhantomConfig, write_cohort
from results.fold import fold
from results.ledger import read_events
from results.records import Sweep
from results.sweep_folder import SweepFolder
from tests.crash.processes import no_process_left
from tests.loopback_ray import MIB, RAY, ROOT, free_ports
from tests.s3_server import S3Server, s3_server
from tests.sweeps.cli_runs import COMMAND

__all__ = ["s3_server"]
pytestmark = pytest.mark.ray

HEADING = "## From laptop to cluster"
SPEC = """\
name: small
data: {root: SCANS, split: {test: 0.2, validation: 0.4, seed: 1}}
search:
  trials: 3
  sampler: random
  space: {learning_rate: {log: [1.0e-3, 1.0e-2]}}
  architectures: {encoder_decoder: {base_filters: 4}}
train: {epochs: 6, size: 32}
"""
_COMMAND = re.compile(r"^(lab|laptop|login)\$ (.*?)(?:\s{2,}# .*)?$", re.MULTILINE)
_JOB = 4711


def section() -> str:
    text = (ROOT / "README.md").read_text()
    begin = text.index(HEADING)
    return text[begin : text.index("\n## ", begin + 1)]


def commands() -> list[tuple[str, str]]:
    """Machine and command line, in order."""
    blocks = re.findall(r"```console\n(.*?)```", section(), flags=re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    found = [match.groups() for line in lines if (match := _COMMAND.match(line))]
    assert len(found) == len(lines), "every line of these blocks is a command"
    return found


def spec_block(kind: str) -> str:
    """The README's `cluster:` block of a kind, in YAML."""
    blocks = re.findall(r"```yaml\n(.*?)```", section(), flags=re.DOTALL)
    return next(block for block in blocks if f"kind: {kind}," in block)


@dataclass(frozen=True)
class Stage:
    """Two homes, one shared place, and what stands in the place of the README's addresses."""

    root: Path
    ray_folder: Path
    ports: tuple[int, int]
    bucket: str
    environment: dict[str, str]

    @property
    def runs(self) -> Path:
        return self.root / "shared" / "runs"

    def typed(self, line: str) -> str:
        """The line with this stage's addresses in it."""
        head, dashboard = map(str, self.ports)
        places = {"/shared": str(self.root / "shared"), "s3://sweeps": self.bucket, "6379": head, "8265": dashboard}
        for word, here in places.items():
            line = line.replace(word, here)
        return line

    def type(self, machine: str, line: str) -> subprocess.CompletedProcess[str]:
        home = self.root / machine
        return subprocess.run(
            ["bash", "-c", self.typed(line)],
            cwd=home,
            env=self.environment | {"HOME": str(home), "RAY_API_SERVER_ADDRESS": f"http://127.0.0.1:{self.ports[1]}"},
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
            stdin=subprocess.DEVNULL,
        )


def program(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(0o755)


def stand_ins(folder: Path, root: Path, ray_folder: Path) -> None:
    """Programs that lead elsewhere, and Ray's command on loopback."""
    folder.mkdir()
    lab = shlex.quote(f"{root}/lab/")
    program(folder / "scp", f'exec cp "${{1/#lab:/{lab}}}" "$2"')
    program(folder / "ssh", f'echo "$*" >> {shlex.quote(str(root))}/ssh.txt')
    program(folder / "kubectl", f'cp "${{@: -1}}" {shlex.quote(str(root))}/applied.yaml')
    program(folder / "sbatch", f"cat > {shlex.quote(str(root))}/queued.sh; echo {_JOB}")
    options = ["--node-ip-address=127.0.0.1", "--num-cpus=2", f"--object-store-memory={100 * MIB}"]
    options += [f"--temp-dir={ray_folder / 'r'}", f"--dashboard-agent-listen-port={free_ports(1)[0]}"]
    ray = shlex.join(RAY)
    program(folder / "ray", f'if [ "$1" = start ]; then exec {ray} "$@" {shlex.join(options)}; fi; exec {ray} "$@"')


@pytest.fixture
def stage(tmp_path: Path, s3_server: S3Server) -> Iterator[Stage]:
    ray_folder = Path(tempfile.mkdtemp(prefix="lsw-", dir="/tmp"))
    stand_ins(tmp_path / "bin", tmp_path, ray_folder)
    phantom = PhantomConfig(cases=5, seed=3, matrix_px=(64, 72), slices=(10, 14), thickness_mm=(5.0,))
    write_cohort(tmp_path / "shared" / "scans", phantom)
    spec = SPEC.replace("SCANS", str(tmp_path / "shared" / "scans"))
    for machine in ("lab", "laptop", "login"):
        (tmp_path / machine / ".ray").mkdir(parents=True)
        (tmp_path / machine / "sweep.yaml").write_text(spec)
        for kind in ("slurm", "kubernetes"):
            (tmp_path / machine / f"{kind}.yaml").write_text(spec + spec_block(kind))
    plain = {key: value for key, value in os.environ.items() if not key.startswith(("RAY_", "LIVERSWEEP_", "AWS_"))}
    path = f"{tmp_path / 'bin'}:{COMMAND.parent}:{plain['PATH']}"
    own = {
        "PATH": path,
        "PYTHONPATH": str(ROOT),
        "LIVERSWEEP_CACHE": str(tmp_path / "cache"),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    # Ray's own switch for loopback alone, which the README sets where the head is started.
    own |= {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_USAGE_STATS_ENABLED": "0"}
    head, dashboard = free_ports(2)
    bucket = s3_server.new_bucket()
    yield Stage(tmp_path, ray_folder, (head, dashboard), bucket, plain | own | s3_server.environment)
    reap(ray_folder)
    assert no_process_left(tmp_path), "something of the sweeps outlived the cluster"


def sweep_at(folder: Path) -> Sweep:
    return fold(read_events(SweepFolder(folder).ledger))


def wait_for_an_epoch(runs: Path) -> None:
    """Until a trial has saved a state."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        with contextlib.suppress(Exception):
            if any(event.name == "checkpoint" for event in read_events(runs / "small" / "ledger.jsonl")):
                return
        time.sleep(0.05)
    raise AssertionError("no trial got anywhere")


@pytest.mark.timeout(900)
def test_every_command_of_the_way_from_laptop_to_cluster_does_what_it_says(stage: Stage) -> None:
    said: dict[str, subprocess.CompletedProcess[str]] = {}
    for machine, line in commands():
        if "cluster stop" in line:
            wait_for_an_epoch(stage.runs)
        done = said[line] = stage.type(machine, line)
        assert done.returncode == 0, f"{machine}$ {stage.typed(line)}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        if "cluster stop" in line:
            assert sweep_at(stage.runs / "small").sweep.closed == "interrupted"

    small = sweep_at(stage.runs / "small")
    assert small.sweep.closed == "finished" and small.sweep.runs == 2
    assert [trial.state for trial in small.trials] == ["finished"] * 3
    assert (stage.runs / "small" / "report" / "report.html").exists()
    listed = said["liversweep cluster list"].stdout
    assert listed.count("small") >= 2

    assert (stage.root / "ssh.txt").read_text().strip() == f"-f -N -L {stage.ports[1]}:127.0.0.1:{stage.ports[1]} lab"
    token = (stage.root / "lab" / ".ray" / "auth_token").read_text().strip()
    assert len(token) >= 32
    for text in (done.stdout + done.stderr for done in said.values()):
        assert token not in text
    script = (stage.root / "queued.sh").read_text()
    assert "#SBATCH --nodes=2" in script and token not in script
    assert "kind: RayJob" in (stage.root / "applied.yaml").read_text()
    shown = next(done.stdout for line, done in said.items() if line.startswith("liversweep show in-store"))
    assert "3 of 3 trials have ended: 3 finished" in shown
    assert "in-store" in said["liversweep list --runs s3://sweeps/liver"].stdout
