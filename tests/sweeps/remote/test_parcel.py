"""What travels to a cluster is the program, whole and always the same, and nothing that lies beside it."""

from __future__ import annotations

import io
import random
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from sweeps.errors import SweepError
from sweeps.remote import parcel
from sweeps.remote.parcel import PACKAGES, ROOT, SPEC_FILE, make_parcel, source_files


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A program of one package, among things that have to stay."""
    root = tmp_path / "root"
    for name in ("one/__init__.py", "one/page/page.css", "one/a.py"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    strays = (
        "one/__pycache__/a.cpython-311.pyc",
        "one/scan.nii.gz",
        "one/.env.py",
        "one/.git/config.py",
        "two/b.py",
        "c.py",
    )
    for name in strays:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("canary")
    return root


def names(data: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.namelist()


def test_only_the_program_goes_along(tree: Path) -> None:
    assert source_files(tree, ["one"]) == ("one/__init__.py", "one/a.py", "one/page/page.css")
    made = make_parcel("name: x\n", tree, ["one"])
    assert [name for name in names(made.data) if "dist-info" not in name] == [*source_files(tree, ["one"]), SPEC_FILE]
    assert b"canary" not in made.data


def test_the_same_content_gives_the_same_bytes_wherever_and_whenever(tree: Path, tmp_path: Path) -> None:
    first = make_parcel("name: x\n", tree, ["one"])
    for path in tree.rglob("*.py"):
        path.touch(mode=0o600)
        path.chmod(0o600)
    moved = tree.rename(tmp_path / "elsewhere")
    assert make_parcel("name: x\n", moved, ["one"]) == first
    assert make_parcel("name: y\n", moved, ["one"]).sha256 != first.sha256


def test_a_link_out_of_the_program_is_refused(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.py").write_text("canary")
    (tree / "one/link.py").symlink_to(tmp_path / "secret.py")
    with pytest.raises(SweepError, match="a link leads out"):
        make_parcel("", tree, ["one"])


def test_a_folder_that_is_linked_in_stays(tree: Path) -> None:
    (tree / "one/two").symlink_to(tree / "two", target_is_directory=True)
    assert "one/two/b.py" not in source_files(tree, ["one"])


def test_what_is_too_large_is_refused_with_its_largest_file(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parcel, "LIMIT_BYTES", 2000)
    (tree / "one/big.json").write_bytes(random.Random(7).randbytes(9000))
    with pytest.raises(SweepError, match=r"one/big\.json.*allowed: 2,000 bytes"):
        make_parcel("", tree, ["one"])


def test_a_missing_package_is_told(tree: Path) -> None:
    with pytest.raises(SweepError, match="missing; got nine"):
        make_parcel("", tree, ["nine"])


def test_the_whole_program_is_in_it_and_small() -> None:
    made = make_parcel("name: x\n")
    assert len(made.data) < parcel.LIMIT_BYTES / 4
    there = {name for name in names(made.data) if name.startswith(PACKAGES)}
    kept_here = {".md", ".png", ".pyc"}
    whole = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix not in kept_here
    }
    assert there == whole


def test_the_unpacked_program_runs_by_itself_and_knows_its_version(tmp_path: Path) -> None:
    made = make_parcel("name: x\n")
    with zipfile.ZipFile(io.BytesIO(made.data)) as archive:
        archive.extractall(tmp_path / "there")
    words = [sys.executable, "-P", "-m", "sweeps"]
    run = {
        "cwd": "/",
        "env": {"PYTHONPATH": str(tmp_path / "there")},
        "capture_output": True,
        "text": True,
        "check": True,
    }
    code = (
        "from importlib.metadata import distribution; from sweeps.provenance import code_hash; "
        "print(code_hash(), distribution('liversweep').locate_file(''))"
    )
    said = subprocess.run([sys.executable, "-P", "-c", code], **run).stdout  # type: ignore[call-overload]
    from sweeps.provenance import code_hash

    assert said.split()[0] == code_hash()
    assert said.split()[1].startswith(str(tmp_path / "there"))
    assert "liversweep" in subprocess.run([*words, "--version"], **run).stdout  # type: ignore[call-overload]
