"""Which scans the arguments of a command name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liverseg.dicom import ScanInput, find_scans, is_dicom_folder
from liverseg.dicom.inputs import _safe
from liverseg.errors import DataError

SLICE = b"\0" * 128 + b"DICM" + b"\2\0\0\0UL\4\0" + b"\0" * 20


def put(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"" if name.lower().endswith((".nii", ".nii.gz")) else SLICE)
    return root


def names(scans: list[ScanInput]) -> list[tuple[str, str]]:
    return [(scan.name, scan.kind) for scan in scans]


def test_files_and_folders_of_nifti_in_natural_order_without_masks(tmp_path: Path) -> None:
    put(
        tmp_path,
        "a/ct-10.nii.gz",
        "a/ct-2.nii.gz",
        "a/ct-2_seg.nii.gz",
        "a/segmentation-3.nii",
        "a/x.NII",
        "b/ct-1_seg.nii.gz",
    )
    scans = find_scans([tmp_path / "b" / "ct-1_seg.nii.gz", tmp_path / "a"])
    assert names(scans) == [(name, "nifti") for name in ("ct-1_seg", "ct-2", "ct-10", "x")]
    assert scans[1].path == tmp_path / "a" / "ct-2.nii.gz"


def test_dicom_folders_and_folders_of_them(tmp_path: Path) -> None:
    put(tmp_path, "p2/CT/IM1", "p2/CT/IM2", "p10/portal/1.dcm", "p10/late/1.dcm", "p1/slice", ".hidden/IM1")
    assert is_dicom_folder(tmp_path / "p1") and not is_dicom_folder(tmp_path / "p2")
    assert names(find_scans([tmp_path])) == [(name, "dicom") for name in ("p1", "p2-CT", "p10-late", "p10-portal")]
    (one,) = find_scans([tmp_path / "p1"])
    assert one == ScanInput("p1", tmp_path / "p1", "dicom")


def test_the_folder_one_stands_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "p7/IM1")
    monkeypatch.chdir(tmp_path / "p7")
    assert names(find_scans(["."])) == [("p7", "dicom")]


def test_a_ring_of_links_ends(tmp_path: Path) -> None:
    put(tmp_path, "p1/ct/IM1")
    (tmp_path / "p1" / "back").symlink_to(tmp_path)
    assert names(find_scans([tmp_path])) == [("p1-ct", "dicom")]


@pytest.mark.parametrize(
    ("files", "argument", "rule", "words"),
    [
        ((), "none", "D1", "no such file or folder"),
        (("a/text",), "b", "D1", "no such file or folder"),
        (("a/IM1",), "a/IM1", "D1", "give its folder"),
        (("a/IM1", "a/ct.nii.gz"), "a", "D1", "both DICOM slices and NIfTI files"),
        (("a/ct_seg.nii.gz",), "a", "D1", "no scan in this folder"),
        (("a/ct.nii.gz", "a/CT.nii"), "a", "D3", "two scans have one name"),
        (("a/p.1/IM1", "a/p/1/IM1", "a/p-1/IM1"), "a", "D3", "two scans have one name"),
    ],
)
def test_is_refused(tmp_path: Path, files: tuple[str, ...], argument: str, rule: str, words: str) -> None:
    put(tmp_path, *files)
    with pytest.raises(DataError, match=words) as raised:
        find_scans([tmp_path / argument])
    assert raised.value.rule == rule and str(tmp_path) in str(raised.value)


def test_a_file_that_is_no_scan(tmp_path: Path) -> None:
    (tmp_path / "scan.png").write_bytes(b"\x89PNG")
    with pytest.raises(DataError, match=r"not a scan; give NIfTI files"):
        find_scans([tmp_path / "scan.png"])


def test_the_same_scan_given_twice_is_one(tmp_path: Path) -> None:
    put(tmp_path, "b.nii.gz", "ct.nii.gz")
    (tmp_path / "again").symlink_to(tmp_path)
    given = [tmp_path / "ct.nii.gz", tmp_path, tmp_path / "again" / "ct.nii.gz"]
    assert [(scan.name, scan.path) for scan in find_scans(given)] == [
        ("ct", tmp_path / "ct.nii.gz"),
        ("b", tmp_path / "b.nii.gz"),
    ]


def test_a_scan_with_two_names_is_two(tmp_path: Path) -> None:
    put(tmp_path, "ct.nii.gz")
    (tmp_path / "other.nii.gz").symlink_to("ct.nii.gz")
    assert [scan.name for scan in find_scans([tmp_path])] == ["ct", "other"]


def test_a_folder_that_is_named_like_a_file(tmp_path: Path) -> None:
    put(tmp_path, "ct.nii/IM1")
    assert names(find_scans([tmp_path])) == [("ct.nii", "dicom")]


@given(st.text(max_size=300))
def test_names_are_fit_for_files(text: str) -> None:
    name = _safe(text)
    assert re.fullmatch(r"\w[\w.-]*", name) and len(name) <= 100 and "/" not in name
    assert len(name.encode()) <= 200, "255 bytes hold it with the ending of any file that is made of it"


def test_a_long_name_of_wide_letters_is_cut_between_letters() -> None:
    assert _safe("肝" * 80) == "肝" * 66


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}", fullmatch=True))
def test_plain_names_stay(text: str) -> None:
    assert _safe(text) == text
