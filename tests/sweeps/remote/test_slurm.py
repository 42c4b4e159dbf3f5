"""From a spec to a SLURM job, and the command that prints or queues it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.slurm.config import SlurmConfig
from sweeps.errors import UsageError
from sweeps.remote.slurm import Request, slurm_config
from sweeps.spec import load_spec
from tests.cluster.slurm.fake_slurm import read_options
from tests.promises.commands import refusal, said

SPEC = """\
name: liver
data: {root: scans}
search: {trials: 2, space: {learning_rate: {log: [1.0e-4, 1.0e-2]}}, architectures: {unet: {}}}
trial: {gpus: 0.5}
cluster:
  kind: slurm
  slurm: {nodes: 2, cpus_per_node: 16, gpus_per_node: 4, gpu_type: a100, memory_per_node: 64GB, time: 1d, partition: gpu,
          setup: [module load python]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "spec.yaml").write_text(SPEC)
    return tmp_path


def config_of(folder: Path, *overrides: str, runs: str = "runs", name: str | None = None) -> SlurmConfig:
    spec = str(folder / "spec.yaml")
    request = Request(loaded=load_spec(spec, overrides), spec=spec, overrides=overrides, runs=runs, name=name)
    return slurm_config(request, working_folder=folder, home=Path("/home/ann"))


def test_machines_and_what_they_bring_come_from_the_spec(folder: Path) -> None:
    config = config_of(folder)
    assert (config.nodes, config.cpus_per_node, config.gpus_per_node, config.gpu_type) == (2, 16, 4, "a100")
    assert (config.memory_per_node_bytes, config.time_s, config.partition) == (64 * 10**9, 86_400, "gpu")
    assert config.setup == ("module load python",) and config.exclusive
    assert config.bin_folder == str(Path(sys.executable).parent)


def test_the_job_begins_the_sweep_or_goes_on_with_it(folder: Path) -> None:
    config = config_of(folder, "search.trials=5", name="other")
    assert config.command == (
        *("liversweep", "run", f"{folder}/spec.yaml", "--or-resume", "--plain", "--runs", f"{folder}/runs"),
        *("--cluster", "slurm", "--name", "other", "--set", "search.trials=5"),
    )
    assert config.name == "other" and config.working_folder == str(folder)


def test_the_jobs_files_lie_beside_the_runs_or_where_the_spec_says(folder: Path) -> None:
    assert config_of(folder).shared_folder == f"{folder}/runs/.slurm"
    assert config_of(folder, runs="/work/runs").shared_folder == "/work/runs/.slurm"
    assert config_of(folder, "cluster.slurm.shared_folder=jobs").shared_folder == f"{folder}/jobs"
    store = config_of(folder, runs="s3://bucket/runs")
    assert store.shared_folder == "/home/ann/.liversweep/slurm" and "s3://bucket/runs" in store.command


def test_a_spec_of_another_kind_is_fine(folder: Path) -> None:
    assert "slurm" in config_of(folder, "cluster.kind=local").command


def test_a_trial_that_fits_on_no_machine_is_refused(folder: Path) -> None:
    with pytest.raises(UsageError) as caught:
        config_of(folder, "trial.cpus=17", "trial.gpus=8", "trial.memory=65GB")
    assert "trial.cpus is 17, cluster.slurm.cpus_per_node is 16" in str(caught.value)
    assert len(str(caught.value).split("\n")) == 3


def test_what_slurm_cannot_be_told_is_the_users_mistake(folder: Path) -> None:
    with pytest.raises(UsageError, match="time: too short"):
        config_of(folder, "cluster.slurm.time=1m")
    with pytest.raises(UsageError, match="working_folder: a line break"):
        slurm_config(
            Request(loaded=load_spec(folder / "spec.yaml"), spec="spec.yaml"),
            working_folder=Path("/home/a\nb"),
            home=Path("/home/ann"),
        )


def test_the_command_prints_a_script(folder: Path) -> None:
    result = said("cluster", "slurm", "spec.yaml", "--set", "cluster.slurm.nodes=3", cwd=folder)
    assert (result.code, result.err) == (0, ""), result.err
    assert read_options(result.out)["nodes"] == "3"
    assert subprocess.run(["bash", "-n"], input=result.out, text=True, check=False).returncode == 0
    assert not (folder / "runs").exists(), "printing changes nothing"


def test_the_command_prints_a_document(folder: Path) -> None:
    document = json.loads(said("cluster", "slurm", "spec.yaml", "--json", cwd=folder).out)
    assert document["name"] == "liver" and document["script"].startswith("#!/bin/bash\n")


def test_a_ready_made_spec_is_named_in_the_script(folder: Path) -> None:
    assert "sweep=(liversweep run quickstart --or-resume" in said("cluster", "slurm", "quickstart", cwd=folder).out


def test_the_command_queues_the_job_and_says_what_to_type_next(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = folder / "bin" / "sbatch"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\ncat >/dev/null\necho 4711\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:/usr/bin:/bin")
    result = said("cluster", "slurm", "spec.yaml", "--submit", cwd=folder)
    assert result.code == 0, result.err
    for words in (
        "submitted job 4711: the sweep liver on 2 machines",
        "squeue --jobs=4711",
        f"tail -F {folder}/runs/.slurm/liver-4711.log",
        "scancel --batch --signal=INT 4711",
        "scancel 4711",
    ):
        assert words in result.out
    document = json.loads(said("cluster", "slurm", "spec.yaml", "--submit", "--json", cwd=folder).out)
    assert document["job_id"] == "4711" and document["stop"] == "scancel --batch --signal=INT 4711"


def test_without_slurm_there_is_one_line_of_advice(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(folder))
    text = refusal(said("cluster", "slurm", "spec.yaml", "--submit", cwd=folder))
    assert "leave --submit out to print the script" in text and text.count("\n") == 1


def test_a_name_that_could_leave_the_folder_is_refused(folder: Path) -> None:
    assert "a sweep's name becomes a folder" in refusal(
        said("cluster", "slurm", "spec.yaml", "--name", "../x", cwd=folder)
    )
