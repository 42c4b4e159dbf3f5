"""What killed processes leave in a folder of results, and what becomes of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import sweeps.handover.scan_files as scan_files
from results.store.living import Identity, own_identity
from sweeps.handover.scan_files import clear_away, put_in_place, scratch_beside
from sweeps.handover.scan_job import MASK_END, PAGE_END, PICTURE_END, RECORD_END, ScanJob

ENDS = (PAGE_END, PICTURE_END, MASK_END, RECORD_END)


@pytest.fixture
def dead(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process counts as dead for those who look for what others have left."""
    own = own_identity()
    monkeypatch.setattr(scan_files, "is_dead", lambda identity: identity == own)


def made(place: Path, version: str) -> None:
    for end in ENDS:
        (place / f"ct{end}").write_text(json.dumps({"schema_version": 1, "of": version}))


def left(out: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(out.iterdir())}


@pytest.mark.usefixtures("dead")
@pytest.mark.parametrize("moves", range(5))
@pytest.mark.parametrize("before", [False, True])
def test_a_process_killed_between_two_files_leaves_a_whole_prediction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moves: int, before: bool
) -> None:
    job = ScanJob("ct", tmp_path / "ct.nii.gz", "nifti", tmp_path / "out")
    job.out.mkdir()
    if before:
        made(job.out, "old")
    killed = _Killed(moves)
    monkeypatch.setattr(scan_files, "sync", killed)
    scratch = scratch_beside(job.out)
    place = scratch.__enter__()  # A killed process does not leave the block.
    made(place, "new")
    with pytest.raises(_Kill):
        put_in_place(job, place)
    killed.left = 100
    clear_away(job.out)
    assert set(left(job.out)) == {f"ct{end}" for end in ENDS}
    assert {json.loads(text)["of"] for text in left(job.out).values()} == {"new"}


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


@pytest.mark.usefixtures("dead")
@pytest.mark.parametrize("record", [None, "", '{"schema_version": 1, "of"', '{"schema_version": 7}'])
def test_what_was_not_finished_goes(tmp_path: Path, record: str | None) -> None:
    (tmp_path / "other_seg.json").write_text("{}")
    scratch = scratch_beside(tmp_path)
    place = scratch.__enter__()
    (place / "ct_seg.nii.gz").write_text("half")
    if record is not None:
        (place / "ct_seg.json").write_text(record)
    clear_away(tmp_path)
    assert left(tmp_path) == {"other_seg.json": "{}"}


def test_the_scratch_of_the_living_and_of_strangers_stays(tmp_path: Path) -> None:
    (tmp_path / ".liversweep-17-abcd").mkdir()
    (tmp_path / ".liversweep-feed-1-x-abcd").mkdir()
    elsewhere = Identity("0123456789abcdef", 2**22 + 1, 7)
    (tmp_path / f".liversweep-{elsewhere.place}-{elsewhere.pid}-{elsewhere.born}-abcd").mkdir()
    with scratch_beside(tmp_path) as place:
        before = sorted(tmp_path.iterdir())
        clear_away(tmp_path)
        assert sorted(tmp_path.iterdir()) == before and place in before
    clear_away(tmp_path / "nowhere")
