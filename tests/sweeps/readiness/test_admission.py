"""Whether a machine may do a fleet's jobs: what it has and sees, judged."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from cluster.config import AttachedConfig, LocalConfig
from cluster.doctor.findings import Finding, Level
from cluster.errors import ClusterError
from liverseg.errors import DataError
from sweeps.errors import SweepError
from sweeps.fleet import Fleet
from sweeps.provenance.code import program_hash
from sweeps.readiness import admission
from sweeps.readiness.admission import Admission, View, judge_reads, judge_writes, size_of, view
from sweeps.readiness.meeting import MeetingFacts
from sweeps.readiness.node_facts import NodeFacts

PROGRAM = NodeFacts(versions={}, code="c")
PATHS = ("/scans/a.nii.gz", "/scans/b.nii.gz", "/model")


def judged(here: tuple[int | str, ...], **there: tuple[int | str, ...]) -> list[Finding]:
    views = {label: View(PROGRAM, sizes) for label, sizes in there.items()}
    return list(judge_reads(PATHS, View(PROGRAM, here), views))


def test_sizes_are_of_files_and_of_what_lies_in_folders(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1234")
    (tmp_path / "b").write_bytes(b"12")
    (tmp_path / "inner").mkdir()
    assert size_of(tmp_path / "a") == 4 and size_of(tmp_path) == 6
    assert size_of(tmp_path / "inner") == 0 and size_of(tmp_path / "none") == "No such file or directory"
    seen = view([str(tmp_path / "a"), str(tmp_path / "none")])
    assert seen.sizes == (4, "No such file or directory") and seen.program.code == program_hash()
    assert "liversweep" in seen.program.versions


def test_the_hash_of_the_program_tells_of_any_source_and_of_nothing_else(tmp_path: Path) -> None:
    for name in ("sweeps", "liverseg"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.py").write_text("a = 1\n")
    first = program_hash(tmp_path)
    (tmp_path / "sweeps" / "README.md").write_text("words")
    (tmp_path / "other.py").write_text("b = 1\n")
    assert program_hash(tmp_path) == first
    (tmp_path / "liverseg" / "a.py").rename(tmp_path / "liverseg" / "b.py")
    moved = program_hash(tmp_path)
    (tmp_path / "liverseg" / "b.py").write_text("a = 2\n")
    assert len({first, moved, program_hash(tmp_path)}) == 3


def test_machines_that_see_the_same_are_not_spoken_of() -> None:
    assert judged((1, 2, 3), one=(1, 2, 3), two=(1, 2, 3)) == []
    # What cannot be read here either is the scan's error, and told as such.
    assert judged((1, "Permission denied", 3), one=(1, "No such file or directory", 3)) == []


def test_a_machine_that_does_not_see_a_file_is_named_with_the_first_path() -> None:
    blind, other = judged(
        (1, 2, 3), near=(1, 2, 3), far=("No such file or directory", 2, "No such file"), odd=(1, 9, 3)
    )
    assert blind.level is other.level is Level.FAIL
    assert "far does not see" in blind.text and "/scans/a.nii.gz (No such file or directory) and 1 more" in blind.text
    assert "odd does not see" in other.text and other.text.endswith("/scans/b.nii.gz (9 bytes, here 2)")
    assert "same path on every machine" in blind.advice and "--address" in blind.advice


def test_results_must_be_seen_where_they_are_wanted() -> None:
    def facts(*seen: str, error: str = "") -> MeetingFacts:
        return MeetingFacts(not error, frozenset(seen), error)

    assert list(judge_writes("/out", {"driver": facts("driver", "a"), "a": facts("a", "driver")})) == []
    alone, shut = judge_writes(
        "/out", {"driver": facts("driver"), "a": facts("a", "driver"), "b": facts(error="/out: Read-only file system")}
    )
    assert alone.text == "this process does not see in /out what was written by a"
    assert shut.text == "b cannot write: /out: Read-only file system"


def test_a_ray_of_our_own_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def never() -> None:
        raise AssertionError("asked")

    monkeypatch.setattr(admission, "living_nodes", never)
    ours = Admission(Fleet(where=LocalConfig()))
    ours.admit_all()
    ours.admit("a")
    damaged = DataError("damaged", where="/model")
    assert ours.named(damaged, "a") is damaged


def test_an_error_of_a_worker_elsewhere_names_its_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "label_of", lambda machine: f"node-{machine}")
    theirs = Admission(Fleet(where=AttachedConfig()))
    named = theirs.named(DataError("a file was changed", where="/model"), "a")
    assert isinstance(named, SweepError) and "on the machine node-a: /model: a file was changed; mount" in str(named)
    bug = ZeroDivisionError("bug")
    assert theirs.named(bug, "a") is bug


@pytest.mark.parametrize("lost", [False, True])
def test_a_machine_that_joins_late_and_is_lost_while_it_is_asked_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, lost: bool
) -> None:
    def silent(self: Admission, nodes: object, so: str) -> None:
        raise ClusterError("it does not answer")

    monkeypatch.setattr(admission, "living_nodes", list)
    monkeypatch.setattr(admission, "is_lost", lambda machine: lost)
    monkeypatch.setattr(Admission, "_admit", silent)
    with contextlib.nullcontext() if lost else pytest.raises(ClusterError):
        Admission(Fleet(where=AttachedConfig())).admit("a")
