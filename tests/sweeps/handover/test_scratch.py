"""What killed processes leave in a folder of results, and who clears it away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sweeps.handover.scratch import clear_abandoned, scratch_beside
from tests.crash.processes import ROOT

LEAVE = """
import os, sys
from pathlib import Path
from sweeps.handover.scratch import scratch_beside
with scratch_beside(Path.cwd()) as place:
    for name in sys.argv[1:]:
        (place / name).write_text("made")
    os.kill(os.getpid(), 9)
"""


def leave(out: Path, *made: str) -> None:
    """A process makes these files, and is killed."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", LEAVE, *made], cwd=out, env=environment, check=False)
    assert done.returncode == -signal.SIGKILL and len(scratch_of(out)) == 1


def scratch_of(out: Path) -> list[Path]:
    return list(out.glob(".liversweep-scan-*"))


def names(out: Path) -> list[str]:
    return sorted(path.name for path in out.iterdir())


def test_it_is_gone_in_the_end_whatever_happens(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), scratch_beside(tmp_path) as place:
        assert place.parent == tmp_path and place.stat().st_mode & 0o777 == 0o700
        (place / "a").write_text("a")
        raise ZeroDivisionError
    assert names(tmp_path) == []


def test_that_of_a_living_process_stays_and_that_of_a_killed_one_goes(tmp_path: Path) -> None:
    leave(tmp_path, "ct_seg.nii.gz")
    (tmp_path / "other.txt").write_text("the user's")
    with scratch_beside(tmp_path) as mine:
        clear_abandoned(tmp_path)
        assert scratch_of(tmp_path) == [mine]
    assert names(tmp_path) == ["other.txt"]
    clear_abandoned(tmp_path / "none")


def test_files_that_were_put_in_place_without_their_record_go_with_it(tmp_path: Path) -> None:
    for name in ("ct_seg.html", "ct_seg.nii.gz", "b_seg.nii.gz", "b_seg.json"):
        (tmp_path / name).write_text("in place")
    leave(tmp_path, "ct_seg.png", "ct_seg.json")
    clear_abandoned(tmp_path)
    assert names(tmp_path) == ["b_seg.json", "b_seg.nii.gz"]


def test_files_stay_where_nothing_was_being_put_in_place(tmp_path: Path) -> None:
    """A mask of the user's own, and a scan that was done again by another worker meanwhile."""
    for name in ("mine_seg.nii.gz", "ct_seg.nii.gz", "ct_seg.json"):
        (tmp_path / name).write_text("in place")
    leave(tmp_path, "mine_seg.nii.gz")
    clear_abandoned(tmp_path)
    leave(tmp_path, "ct_seg.nii.gz", "ct_seg.json")
    clear_abandoned(tmp_path)
    assert names(tmp_path) == ["ct_seg.json", "ct_seg.nii.gz", "mine_seg.nii.gz"]
