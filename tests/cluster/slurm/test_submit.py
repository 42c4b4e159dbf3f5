"""Handing the script to an `sbatch` that the test wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

import cluster.slurm.submit as sbatch
from cluster.errors import ClusterError
from cluster.slurm.config import SlurmConfig
from cluster.slurm.script import render
from cluster.slurm.submit import submit


@pytest.fixture
def config(tmp_path: Path) -> SlurmConfig:
    return SlurmConfig(
        name="fake", command=("liversweep", "run"), working_folder=str(tmp_path), shared_folder=str(tmp_path / "a b")
    )


def put(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """An `sbatch` on PATH."""
    command = folder / "sbatch"
    command.write_text(f"#!/bin/sh\n{text}\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_the_job_is_queued_and_its_folder_made(
    config: SlurmConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, monkeypatch, f'echo "$*" >{tmp_path}/words; cat >{tmp_path}/script; echo 815')
    job = submit(config)
    assert (job.job_id, job.log_file) == ("815", f"{tmp_path}/a b/fake-815.log")
    assert Path(config.shared_folder).is_dir(), "SLURM would not make it, and the job would die without a word"
    assert (tmp_path / "words").read_text() == "--parsable\n"
    assert (tmp_path / "script").read_text() == render(config)
    assert job.status == "squeue --jobs=815"
    assert job.stop == "scancel --batch --signal=INT 815", "without --batch all processes of all machines would get it"
    assert job.cancel == "scancel 815"


def test_the_name_of_a_cluster_is_left_out(
    config: SlurmConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, monkeypatch, "cat >/dev/null; echo '815;north'")
    assert submit(config).job_id == "815"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cat >/dev/null; echo 'sbatch: error: invalid partition specified: gpu' >&2; exit 1", "invalid partition"),
        ("cat >/dev/null; exit 3", "SLURM refused the job; got exit code 3"),
        ("cat >/dev/null; echo hello", "sbatch named no job"),
    ],
)
def test_a_refusal_is_shown(
    config: SlurmConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, words: str
) -> None:
    put(tmp_path, monkeypatch, text)
    with pytest.raises(ClusterError, match=words) as caught:
        submit(config)
    assert "\n" not in str(caught.value)


def test_without_slurm_the_advice_is_to_print_the_script(
    config: SlurmConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ClusterError, match=r"no sbatch on this machine; leave --submit out to print the script"):
        submit(config)
    assert not Path(config.shared_folder).exists()


def test_a_slurm_that_does_not_answer_is_said(
    config: SlurmConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, monkeypatch, "exec sleep 60")
    monkeypatch.setattr(sbatch, "PATIENCE_S", 0.1)
    with pytest.raises(ClusterError, match=r"did not answer within 0\.1 s"):
        submit(config)


def test_a_folder_that_cannot_be_made_is_said(
    config: SlurmConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, monkeypatch, "echo 815")
    (tmp_path / "a b").write_text("a file")
    with pytest.raises(ClusterError, match="the folder that the machines share cannot be made"):
        submit(config)
