"""A scan's files are put in their place whole: killed in the middle, nothing of them is there for whoever comes next."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import sweeps.handover.scan_files as scan_files
from sweeps.executor.scratch import locked
from sweeps.handover.scan_files import put_in_place
from sweeps.handover.scan_job import MASK_END, PAGE_END, PICTURE_END, RECORD_END, ScanJob
from sweeps.handover.scratch import clear_abandoned, scratch_beside

ENDS = (PAGE_END, PICTURE_END, MASK_END, RECORD_END)


class _Kill(BaseException):
    """As SIGKILL does, it passes everything."""


class _Killed:
    """Ends the process at one of its calls."""

    def __init__(self, left: int) -> None:
        self.left = left

    def __call__(self, path: Path) -> None:
        if self.left == 0:
            raise _Kill
        self.left -= 1


def made(place: Path, version: str, ends: tuple[str, ...] = ENDS) -> None:
    for end in ends:
        (place / f"ct{end}").write_text(json.dumps({"schema_version": 1, "of": version}))


def left(out: Path) -> dict[str, str]:
    return {path.name: json.loads(path.read_text())["of"] for path in sorted(out.iterdir())}


def abandoned(out: Path) -> Path:
    """The scratch folder of a process that is dead: nobody holds its lock."""
    place = out / ".liversweep-scan-0123456789abcdef"
    place.mkdir()
    os.close(locked(place, os.O_CREAT))
    return place


@pytest.fixture
def job(tmp_path: Path) -> ScanJob:
    (tmp_path / "out").mkdir()
    return ScanJob("ct", tmp_path / "ct.nii.gz", "nifti", tmp_path / "out")


@pytest.mark.parametrize("moves", range(5))
@pytest.mark.parametrize("before", [False, True], ids=["new", "overwritten"])
def test_killed_between_two_files(job: ScanJob, monkeypatch: pytest.MonkeyPatch, moves: int, before: bool) -> None:
    if before:
        made(job.out, "old")
    place = abandoned(job.out)
    made(place, "new")
    monkeypatch.setattr(scan_files, "sync", _Killed(moves))
    with pytest.raises(_Kill):
        put_in_place(job, place)
    clear_abandoned(job.out)
    assert left(job.out) == ({f"ct{end}": "new" for end in ENDS} if moves == 4 else {})


@pytest.mark.parametrize("moves", range(5))
def test_interrupted_between_two_files(job: ScanJob, monkeypatch: pytest.MonkeyPatch, moves: int) -> None:
    """By Ctrl-C, or a disk that is full by now: the process lives, and nothing may be left that the next would refuse."""
    monkeypatch.setattr(scan_files, "sync", _Killed(moves))
    with pytest.raises(_Kill), scratch_beside(job.out) as place:
        made(place, "new")
        put_in_place(job, place)
    assert left(job.out) == ({f"ct{end}": "new" for end in ENDS} if moves == 4 else {})


def test_pages_of_an_earlier_prediction_go_where_none_are_wanted(job: ScanJob, tmp_path: Path) -> None:
    made(job.out, "old")
    made(tmp_path, "new", (MASK_END, RECORD_END))
    put_in_place(job, tmp_path)
    assert left(job.out) == {f"ct{MASK_END}": "new", f"ct{RECORD_END}": "new"}
