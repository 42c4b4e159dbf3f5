"""What is recorded of packages, machine and revision, and what never is."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from sweeps.provenance import environment, surroundings
from sweeps.provenance.hardware import cpu, gpus
from sweeps.provenance.packages import installed, versions
from sweeps.provenance.revision import program_revision, revision
from sweeps.provenance.variables import ALLOWED, variables

GIT = [
    "git",
    "-c",
    "user.name=n",
    "-c",
    "user.email=e@x",
    "-c",
    "commit.gpgsign=false",
    "-c",
    "init.defaultBranch=main",
]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one committed file, on branch `work`."""
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "sweep.yaml").write_text("name: a\n")
    for command in (["init", "-q"], ["checkout", "-q", "-b", "work"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run([*GIT, "-C", str(folder), *command], check=True, capture_output=True)
    return folder


def program(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_the_record_is_plain_json_and_keeps_what_the_first_version_had() -> None:
    document = environment()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["schema_version"] == 2
    assert {"versions", "system", "machine", "cpus", "memory_bytes"} <= set(document)
    assert document["versions"] == versions() and document["versions"]["numpy"]
    assert document["python"]["implementation"] and document["cpu"]["logical_cores"] == os.cpu_count()


def test_every_distribution_is_listed_once_and_sorted() -> None:
    lines = installed()
    names = [line.partition("==")[0].lower().replace("_", "-").replace(".", "-") for line in lines]
    assert names == sorted(set(names)) and f"numpy=={versions()['numpy']}" in lines
    assert len(lines) > 50 and all(line.partition("==")[2] for line in lines)


def test_the_processor_is_read_from_linux_own_list(tmp_path: Path) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text(
        "model name\t: Some CPU\nflags\t\t: fpu avx2 amx_tile aes\n\nmodel name\t: Other\nflags\t: sse4_2\n"
    )
    facts = cpu(info)
    assert facts["model"] == "Some CPU" and facts["flags"] == ["amx_tile", "avx2"]
    assert cpu(tmp_path / "missing")["flags"] is None


def test_gpus_are_asked_for_by_name_driver_and_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpus() == []
    program(tmp_path / "nvidia-smi", 'echo "NVIDIA H100, 80GB HBM3, 580.65.06, 81559"; echo "Old, 1, [N/A]"')
    assert gpus() == [
        {"name": "NVIDIA H100, 80GB HBM3", "driver": "580.65.06", "memory_bytes": 81559 * 1024**2},
        {"name": "Old", "driver": "1", "memory_bytes": None},
    ]


@pytest.mark.parametrize("text", ["exit 9", "printf '\\377'", "exec sleep 60"])
def test_a_failing_or_hanging_query_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sweeps.provenance.hardware.TIMEOUT_S", 0.2)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    program(tmp_path / "nvidia-smi", text)
    assert gpus() is None


def test_a_clean_and_a_changed_working_tree_are_told_apart(repository: Path) -> None:
    found = revision(repository)
    assert found is not None and found.branch == "work" and found.dirty is False and len(found.commit) == 40
    (repository / "untracked").touch()
    assert revision(repository) == found
    (repository / "sweep.yaml").write_text("name: b\n")
    changed = revision(repository)
    assert changed is not None and changed.dirty is True and changed.commit == found.commit


def test_without_git_repository_or_commit_there_is_no_revision(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert revision(tmp_path) is None and revision(tmp_path / "missing") is None
    empty = tmp_path / "empty"
    empty.mkdir()
    subprocess.run([*GIT, "-C", str(empty), "init", "-q"], check=True)
    assert revision(empty) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert revision(repository) is None


def test_a_variable_of_git_does_not_lead_elsewhere(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(repository / ".git"))
    assert revision(tmp_path) is None


def test_no_hook_of_the_repository_runs(repository: Path, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    program(repository / ".git" / "hooks" / "post-index-change", f"touch {marker}")
    program(tmp_path / "monitor", f"touch {marker}")
    subprocess.run([*GIT, "-C", str(repository), "config", "core.fsmonitor", str(tmp_path / "monitor")], check=True)
    assert revision(repository) is not None and not marker.exists()


def test_an_installation_inside_somebodys_repository_is_not_a_revision_of_the_program(repository: Path) -> None:
    package = repository / "site-packages" / "sweeps"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    assert program_revision(package.parent) is None
    subprocess.run([*GIT, "-C", str(repository), "add", "."], check=True)
    found = program_revision(package.parent)
    assert found is not None and found.dirty is True  # known to git, but not in a commit yet
    (repository / "sweep.yaml").write_text("changed")
    subprocess.run([*GIT, "-C", str(repository), "commit", "-qm", "more", "site-packages"], check=True)
    clean = program_revision(package.parent)
    assert clean is not None and clean.dirty is False  # what lies outside the program does not count


def test_variables_are_taken_by_their_whole_name() -> None:
    given = {"XLA_FLAGS": "--a", "MY_XLA_FLAGS": "x", "XLA_FLAGS_2": "x", "xla_flags": "x", "TF_SECRET": "x"}
    assert variables(given) == {"XLA_FLAGS": "--a"}
    secretive = ("KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIAL", "AUTH")
    assert not [name for name in ALLOWED if any(word in name for word in secretive)]


def test_variables_of_the_workers_are_kept_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    document = environment(worker={"OMP_NUM_THREADS": "1", "WORKER_TOKEN": "x"})
    assert document["variables"]["OMP_NUM_THREADS"] == "7"
    assert document["worker_variables"] == {"OMP_NUM_THREADS": "1"}


def test_the_revision_of_the_given_folder_is_recorded(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surroundings, "program_revision", lambda: None)
    found = environment(repository)["git"]
    assert found["program"] is None and found["folder"]["branch"] == "work"
    monkeypatch.chdir(repository)
    assert environment()["git"]["folder"] == found["folder"]
