"""Which files count as the program that made the numbers."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sweeps.provenance.code import ROOT, code_files, code_hash


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A copy of the program's own source."""
    for package in ("sweeps", "liverseg", "results", "cluster"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_everything_that_decides_numbers_counts() -> None:
    files = code_files()
    expected = {path.relative_to(ROOT).as_posix() for path in (ROOT / "liverseg").rglob("*.py")}
    expected = {name for name in expected if not name.startswith(("liverseg/handover/", "liverseg/dicom/"))}
    for part in ("search", "executor", "spec"):
        expected |= {path.relative_to(ROOT).as_posix() for path in (ROOT / "sweeps" / part).rglob("*.py")}
    names = ("cohort", "prepare", "shelf", "node_files", "stages", "engine", "workplace")
    expected |= {f"sweeps/{name}.py" for name in names}
    assert set(files) == expected and list(files) == sorted(files)
    assert {len(digest) for digest in files.values()} == {12}


@pytest.mark.parametrize(
    "path", ["liverseg/metrics/overlap.py", "sweeps/search/sampler.py", "sweeps/executor/trial.py", "sweeps/cohort.py"]
)
def test_a_change_to_what_decides_numbers_changes_the_hash(source: Path, path: str) -> None:
    before = code_files(source)
    with (source / path).open("a") as stream:
        stream.write("\n# another line\n")
    after = code_files(source)
    assert code_hash(after) != code_hash(before)
    assert {name for name in after if after[name] != before[name]} == {path}


@pytest.mark.parametrize("path", ["sweeps/cli/show.py", "results/ranking.py", "cluster/local.py", "sweeps/live.py"])
def test_a_change_to_reports_or_command_line_does_not(source: Path, path: str) -> None:
    before = code_hash(code_files(source))
    (source / path).write_text("changed = True\n")
    assert code_hash(code_files(source)) == before


def test_a_renamed_file_changes_the_hash() -> None:
    assert code_hash({"a.py": "1" * 12}) != code_hash({"b.py": "1" * 12})


def test_the_hash_can_be_made_again_from_what_a_ledger_keeps() -> None:
    files = code_files()
    assert code_hash(dict(reversed(files.items()))) == code_hash() and len(code_hash()) == 64
