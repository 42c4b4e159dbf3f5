"""Checking cases and cohorts: every fact right, every problem found, all in one pass."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from liverseg.data import RULES, CaseFiles, CaseReport, Problem, check_case, check_cohort, find_cases, list_cases
from tests.liverseg.data.nifti_files import AFFINE, mask, nifti_bytes, put, put_pair, scan

HU, LABELS = scan(), mask()
VOXEL_ML = 0.8 * 0.8 * 2.5 / 1000


def case_of(root: Path, image: bytes | None = None, labels: bytes | None = None, name: str = "volume-1") -> CaseFiles:
    return CaseFiles(
        name,
        put(root / f"{name}.nii.gz", nifti_bytes(HU) if image is None else image),
        put(root / f"{name}-mask.nii.gz", nifti_bytes(LABELS) if labels is None else labels),
    )


def rules(report: CaseReport) -> list[str]:
    return [problem.rule for problem in report.problems]


def test_facts_of_a_sound_case(tmp_path: Path) -> None:
    files = case_of(tmp_path)
    report = check_case(files)
    case = report.case
    assert case is not None and report.ok
    digest = hashlib.sha256(files.image.read_bytes()).hexdigest()
    assert (case.image_sha256, case.uid, case.patient) == (digest, f"case-{digest[:8]}", f"case-{digest[:8]}")
    assert case.mask_sha256 == hashlib.sha256(files.mask.read_bytes()).hexdigest()
    assert (case.hu_min, case.hu_max, case.labels) == (-1000, HU.max(), (0, 1, 2))
    assert case.liver_ml == pytest.approx(100 * VOXEL_ML)
    assert case.tumour_ml == pytest.approx(2 * VOXEL_ML)
    assert case.liver_hu == pytest.approx(HU[LABELS > 0].mean())
    assert case.header.orientation == "LPS"
    assert rules(report) == ["Q5"], "a hundred voxels are no human liver"


def test_slices_and_spacing_are_the_patients_however_the_file_stores_them(tmp_path: Path) -> None:
    order = [2, 0, 1]
    affine = AFFINE[:, [*order, 3]]
    turned = [nifti_bytes(np.ascontiguousarray(array.transpose(order)), affine) for array in (HU, LABELS)]
    straight, other = check_case(case_of(tmp_path)).case, check_case(case_of(tmp_path, *turned, name="volume-2")).case
    assert straight is not None and other is not None
    assert (straight.header.orientation, other.header.orientation) == ("LPS", "SLP")
    for case in (straight, other):
        assert case.slices == HU.shape[2]
        assert [case.spacing_along(axis) for axis in ("LR", "PA", "IS")] == pytest.approx([0.8, 0.8, 2.5])


@pytest.mark.parametrize("slope", [0.5, -0.5])
def test_scaled_scans_are_measured_in_hu(tmp_path: Path, slope: float) -> None:
    stored = np.rint((HU.astype(float) + 24) / slope).astype(np.int16)
    report = check_case(case_of(tmp_path, nifti_bytes(stored, scl_slope=slope, scl_inter=-24.0)))
    assert report.case is not None
    assert (report.case.hu_min, report.case.hu_max) == (-1000, HU.max())
    assert report.case.liver_hu == pytest.approx(HU[LABELS > 0].mean())


def test_report_is_json_and_complete(tmp_path: Path) -> None:
    report = json.loads(json.dumps(check_case(case_of(tmp_path)).as_dict()))
    assert report["ok"] and report["name"] == "volume-1"
    assert report["case"]["header"]["spacing_mm"] == pytest.approx([0.8, 0.8, 2.5])
    assert report["problems"][0]["severity"] == "warning"


MOVED = AFFINE.copy()
MOVED[2, 3] += 1.0
WITH_NAN = np.where(HU.max() == HU, np.nan, HU).astype(np.float32)

BAD: list[tuple[str, dict[str, bytes], list[str]]] = [
    ("image header", {"image": nifti_bytes(HU, sform_code=0)}, ["N2"]),
    ("mask header", {"labels": nifti_bytes(LABELS, datatype=128)}, ["N2"]),
    ("image ends early", {"image": nifti_bytes(HU)[:-1]}, ["N1"]),
    ("image goes on", {"image": nifti_bytes(HU) + b"x"}, ["N3"]),
    ("mask label", {"labels": nifti_bytes(LABELS * 2)}, ["N4"]),
    ("mask fraction", {"labels": nifti_bytes(LABELS.astype(np.float32) * 0.4)}, ["N4"]),
    ("image NaN", {"image": nifti_bytes(WITH_NAN)}, ["N4"]),
    ("shape", {"labels": nifti_bytes(LABELS[:, :, :-1])}, ["N5"]),
    ("position", {"labels": nifti_bytes(LABELS, MOVED)}, ["N5"]),
    ("both", {"image": nifti_bytes(HU)[:-1], "labels": nifti_bytes(LABELS[:, :, :-1] * 3)}, ["N4", "N5", "N1"]),
]


@pytest.mark.parametrize(("files", "expected"), [pytest.param(f, e, id=i) for i, f, e in BAD])
def test_bad_data_becomes_problems_and_never_raises(
    tmp_path: Path, files: dict[str, bytes], expected: list[str]
) -> None:
    report = check_case(case_of(tmp_path, **files))
    assert sorted(rules(report)) == sorted(expected)
    assert report.case is None and not report.ok
    for problem in report.problems:
        assert problem.case == "volume-1"
        assert problem.severity == "error"
        assert f"rule {problem.rule}" in problem.message and "volume-1" in problem.message
        assert problem.summary and "volume-1" not in problem.summary and str(tmp_path) not in problem.summary
    json.dumps(report.as_dict())


def test_missing_files_become_problems(tmp_path: Path) -> None:
    report = check_case(CaseFiles("c", tmp_path / "a.nii", tmp_path / "b.nii"))
    assert rules(report) == ["N1", "N1"]


IMPLAUSIBLE: list[tuple[str, dict[str, bytes], str, str]] = [
    ("8 bit", {"image": nifti_bytes((np.abs(HU) % 250).astype(np.int16))}, "Q1", "8-bit"),
    ("unshifted", {"image": nifti_bytes((HU + 1024).astype(np.int16))}, "Q1", "-1024"),
    ("windowed", {"image": nifti_bytes(np.clip(HU, -45, 105).astype(np.int16))}, "Q1", "windowed"),
    ("constant", {"image": nifti_bytes(np.full_like(HU, 50))}, "Q1", "constant"),
    ("far out", {"image": nifti_bytes(np.where(HU < 0, -32768, HU).astype(np.int16))}, "Q1", "outside"),
    ("no liver", {"labels": nifti_bytes(LABELS * 0)}, "Q2", "empty"),
    ("liver in air", {"labels": nifti_bytes(LABELS[::-1, :, :] * 0 + (HU < 0).astype(np.uint8))}, "Q3", "flipped"),
    ("small liver", {}, "Q5", "mL"),
]


@pytest.mark.parametrize(("files", "rule", "word"), [pytest.param(f, r, w, id=i) for i, f, r, w in IMPLAUSIBLE])
def test_implausible_data_is_a_warning_and_stays_usable(
    tmp_path: Path, files: dict[str, bytes], rule: str, word: str
) -> None:
    report = check_case(case_of(tmp_path, **files))
    problem = next(problem for problem in report.problems if problem.rule == rule)
    assert word in problem.message
    assert problem.severity == "warning"
    assert report.ok


def test_tilted_scan_is_a_warning(tmp_path: Path) -> None:
    turn = np.radians(30)
    affine = AFFINE.copy()
    affine[1:3, 1:3] = [[-0.8 * np.cos(turn), -2.5 * np.sin(turn)], [-0.8 * np.sin(turn), 2.5 * np.cos(turn)]]
    report = check_case(case_of(tmp_path, nifti_bytes(HU, affine), nifti_bytes(LABELS, affine)))
    assert "Q4" in rules(report)
    assert "30 degrees" in str(report.problems)


def plausible_pair(root: Path, name: str, seed: int, *, tumour: bool = True, ending: str = ".nii.gz") -> CaseFiles:
    """A case whose voxels are large enough for a human liver."""
    affine = np.diag([15.0, 15.0, 15.0, 1.0])
    return CaseFiles(
        name,
        put(root / f"{name}{ending}", nifti_bytes(scan(seed), affine)),
        put(
            root / f"{name}-mask{ending}",
            nifti_bytes(mask(tumour=tumour) if seed % 2 else mask(tumour=tumour)[:, ::-1], affine),
        ),
    )


def test_cohort_lists_all_cases_in_one_pass(tmp_path: Path) -> None:
    sound = [plausible_pair(tmp_path, f"c{n}", n, tumour=bool(n)) for n in range(2)]
    bad = case_of(tmp_path, labels=nifti_bytes(LABELS * 2), name="bad")
    seen: list[str] = []
    report = check_cohort([sound[0], bad, sound[1]], on_case=lambda one: seen.append(one.name))
    assert seen == ["c0", "bad", "c1"] == [one.name for one in report.reports]
    assert [case.name for case in report.cases] == ["c0", "c1"]
    assert [(problem.case, problem.rule) for problem in report.errors] == [("bad", "N4")]
    facts = json.loads(json.dumps(report.as_dict()))["facts"]
    assert (facts["cases"], facts["usable"], facts["with_tumour"], facts["tumour_free"], facts["slices"]) == (
        3,
        2,
        1,
        1,
        12,
    )


def test_no_tumour_anywhere_is_a_fact(tmp_path: Path) -> None:
    report = check_cohort([plausible_pair(tmp_path, f"c{n}", n, tumour=False) for n in range(2)])
    assert report.tumour_cases == 0
    assert not report.problems


@pytest.mark.parametrize("ending", [".nii.gz", ".nii"])
def test_a_scan_that_is_there_twice_is_refused_once(tmp_path: Path, ending: str) -> None:
    first = plausible_pair(tmp_path, "c0", 0)
    other = plausible_pair(tmp_path, "c1", 1)
    copy = plausible_pair(tmp_path, "copy", 0, ending=ending)
    report = check_cohort([first, other, copy])
    assert [(problem.case, problem.rule) for problem in report.problems] == [("copy", "D4")]
    assert "c0" in report.problems[0].message and "c0" not in report.problems[0].summary
    assert [case.name for case in report.cases] == ["c0", "c1"]


@pytest.mark.parametrize("axes", ["RAS", "SLP", "IAR"])
def test_a_scan_that_is_there_in_another_orientation_too_is_the_same_scan(tmp_path: Path, axes: str) -> None:
    first = plausible_pair(tmp_path, "c0", 0)
    turned = []
    for path in (first.image, first.mask):
        volume: Any = nibabel.load(path)
        ornt = nibabel.orientations
        way = ornt.ornt_transform(ornt.io_orientation(volume.affine), ornt.axcodes2ornt(axes))
        turned.append(tmp_path / f"turned-{path.name}")
        nibabel.save(volume.as_reoriented(way), turned[-1])
    report = check_cohort([first, CaseFiles("turned", *turned)])
    assert [(problem.case, problem.rule) for problem in report.problems] == [("turned", "D4")]
    assert report.problems[0].summary.startswith("same scan as")


def test_one_mask_on_two_scans_is_a_warning(tmp_path: Path) -> None:
    files = [plausible_pair(tmp_path, f"c{n}", n) for n in (0, 2)]
    report = check_cohort(files)
    assert [(problem.case, problem.rule) for problem in report.problems] == [("c2", "Q6")]
    assert len(report.cases) == 2


def test_problems_of_the_folder_come_first(tmp_path: Path) -> None:
    put_pair(tmp_path / "volume-0.nii", tmp_path / "segmentation-0.nii")
    put_pair(tmp_path / "volume-1.nii", tmp_path / "other.nii")
    listing = list_cases(tmp_path, "lits")
    report = check_cohort(listing.cases, problems=listing.problems)
    assert [problem.rule for problem in report.problems] == ["D2", "Q5"]


def test_threads_change_nothing(tmp_path: Path) -> None:
    files = [plausible_pair(tmp_path, f"c{n}", n) for n in range(4)]
    assert check_cohort(files, threads=2) == check_cohort(files)


def test_every_rule_is_explained_once() -> None:
    assert set(RULES) == {
        *(f"N{n}" for n in range(1, 6)),
        *(f"D{n}" for n in range(1, 7)),
        *(f"Q{n}" for n in range(1, 7)),
    }
    assert {Problem(rule, "").severity for rule in RULES if rule[0] in "ND"} == {"error"}


def test_cases_of_a_folder_check_out(tmp_path: Path) -> None:
    for n in range(3):
        put_pair(tmp_path / f"volume-{n}.nii.gz", tmp_path / f"segmentation-{n}.nii.gz", n)
    assert all(one.ok for one in check_cohort(find_cases(tmp_path)).reports)


def test_big_scans_need_little_memory(tmp_path: Path) -> None:
    from tests.liverseg.test_volume_voxels import peak_bytes

    array = np.zeros((256, 256, 200), np.int16)
    files = case_of(tmp_path, nifti_bytes(array), nifti_bytes(array.astype(np.uint8)))
    with peak_bytes() as peak:
        assert check_case(files).ok
    assert peak[0] < array.nbytes
