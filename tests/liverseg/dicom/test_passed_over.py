"""Scans in named folders that nobody would miss until it is too late."""

from __future__ import annotations

from pathlib import Path

import pytest

from liverseg.dicom import find_scans, passed_over
from tests.liverseg.dicom.test_inputs import SLICE


def put(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(SLICE if name.endswith("/IM1") else b"")


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (("a.nii.gz", "b.nii", "a_seg.nii.gz", "segmentation-1.nii"), ()),
        (("a.nii.gz", "b.mha", "c.NRRD", "d.nii.bz2"), ("b.mha", "c.NRRD", "d.nii.bz2")),
        (("a.nii.gz", "p/b.nii.gz", "p/b_seg.nii.gz", "notes.txt"), ("p/b.nii.gz",)),
        (("a.nii.gz", "p/ct/IM1", "q/readme"), ("p/ct",)),
        (("p/a.nii.gz", "q/ct/IM1", "q/mr/IM1"), ()),
        (("p/a.nii.gz", "p/more/b.nii.gz"), ("p/more/b.nii.gz",)),
        (("a.nii.gz", ".b.mha", ".git/c.mha"), ()),
        (("ct/IM1", "ct/old.mha"), ("ct/old.mha",)),
        (("ct/IM1", "ct/late/IM1"), ("ct/late",)),
        (("a.nii.gz", "a_seg.mha", "b.tar.gz"), ("b.tar.gz",)),
    ],
)
def test_what_is_not_read_is_told(tmp_path: Path, files: tuple[str, ...], told: tuple[str, ...]) -> None:
    put(tmp_path, *files)
    found = passed_over([tmp_path], find_scans([tmp_path]))
    assert [path.relative_to(tmp_path).as_posix() for path in found] == list(told)


def test_what_is_named_too_and_single_files_are_not_told(tmp_path: Path) -> None:
    put(tmp_path, "a.nii.gz", "p/b.nii.gz", "p/ct/IM1")
    named = [tmp_path, tmp_path / "p", tmp_path / "p" / "ct"]
    assert passed_over(named, find_scans(named)) == []
    assert passed_over([tmp_path / "a.nii.gz"], find_scans([tmp_path / "a.nii.gz"])) == []
