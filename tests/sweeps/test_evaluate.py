"""`liversweep evaluate`, as a user types it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from liverseg.volume import write_nifti
from tests.promises.commands import said
from tests.sweeps.cli_runs import liversweep

AFFINE = np.diag([0.8, 0.8, 3.0, 1.0])


def mask(path: Path, shift: int = 0, tumour: bool = True, affine: np.ndarray = AFFINE) -> None:
    volume = np.zeros((30, 30, 8), np.uint8)
    volume[5 + shift : 20 + shift, 6:22, 1:7] = 1
    volume[8 + shift : 12 + shift, 10:14, 2:5] = 2 if tumour else 1
    path.parent.mkdir(parents=True, exist_ok=True)
    write_nifti(path, np.asfortranarray(volume), affine)


def test_one_pair_as_a_table_and_as_json(tmp_path: Path) -> None:
    mask(tmp_path / "reference.nii.gz")
    mask(tmp_path / "mine.nii.gz", shift=1)
    arguments = ("evaluate", "--prediction", "mine.nii.gz", "--reference", "reference.nii.gz")
    table = liversweep(*arguments, cwd=tmp_path)
    assert table.code == 0, table.err
    for word in ("Dice", "ASSD", "HD95", "NSD 2 mm", "liver (label 1)", "0.933", "Tumours one by one", "IoU > 0.5"):
        assert word in table.out, word
    document = json.loads(liversweep(*arguments, "--json", "--tolerance-mm", "0.5", cwd=tmp_path).out)
    assert (document["schema_version"], document["tolerance_mm"], document["problems"]) == (1, 0.5, [])
    (case,) = document["cases"]
    liver = case["labels"]["liver"]
    assert case["spacing_mm"] == pytest.approx([3.0, 0.8, 0.8])
    assert liver["dice"] == pytest.approx(14 / 15) and liver["mssd"] == pytest.approx(0.8)
    assert 0 < liver["nsd"] < 1
    assert case["lesions"]["reference"]["ml"] == [pytest.approx(4 * 4 * 3 * 0.8 * 0.8 * 3 / 1000)]


def test_two_folders_with_a_summary_and_every_problem_named(tmp_path: Path) -> None:
    for name in ("a", "b", "c", "lost"):
        mask(tmp_path / "truth" / f"{name}.nii.gz")
    mask(tmp_path / "mine" / "a.nii.gz", shift=1)
    mask(tmp_path / "mine" / "b.nii.gz", shift=2, tumour=False)
    mask(tmp_path / "mine" / "c.nii.gz", affine=np.diag([0.9, 0.8, 3.0, 1.0]))
    arguments = ("evaluate", "--prediction", "mine", "--reference", "truth")
    result = said(*arguments, cwd=tmp_path)
    assert result.code == 2 and "Traceback" not in result.err
    assert "reference without a prediction" in result.err and "lost" in result.err
    assert "rule N5" in result.err and "voxel size or direction differs from its reference" in result.err
    assert "Over 2 cases" in result.out and "±" in result.out and "∞" in result.out
    asked = said(*arguments, "--json", cwd=tmp_path)
    document = json.loads(asked.out)
    assert asked.code == 2
    assert [case["case"] for case in document["cases"]] == ["a", "b"]
    assert [problem["rule"] for problem in document["problems"]] == ["D2", "N5"]
    assert document["summary"]["labels"]["tumour"]["hd95"]["failures"] == 1
    assert document["summary"]["lesion_recall_iou50"] == 0.5


def test_a_tumour_free_pair_shows_the_liver_alone(tmp_path: Path) -> None:
    mask(tmp_path / "a.nii", tumour=False)
    result = said("evaluate", "--prediction", "a.nii", "--reference", "a.nii", cwd=tmp_path)
    assert result.code == 0 and "no tumour in any mask" in result.err
    assert "tumour" not in result.out and "1.000" in result.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--prediction", "a.nii"), "--reference"),
        (("--prediction", "a.nii", "--reference", "none.nii"), "no such file"),
        (("--prediction", "a.nii", "--reference", "."), "two files or two folders"),
        (("--prediction", "a.nii", "--reference", "a.nii", "--tolerance-mm", "-1"), "tolerance"),
    ],
)
def test_mistakes_are_told_without_a_traceback(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    mask(tmp_path / "a.nii")
    result = said("evaluate", *arguments, cwd=tmp_path)
    assert result.code == 2 and words in result.err and "Traceback" not in result.err and not result.out


def test_other_values_are_named_and_every_other_is_background(tmp_path: Path) -> None:
    volume = np.zeros((20, 20, 6), np.uint8)
    volume[4:14, 4:14, 1:5] = 1
    volume[6:9, 6:9, 2:4] = 2
    theirs = np.array([0, 5, 77], np.uint8)[volume]
    theirs[0, 0, 0] = 3
    write_nifti(tmp_path / "r.nii.gz", np.asfortranarray(volume), AFFINE)
    write_nifti(tmp_path / "p.nii.gz", np.asfortranarray(theirs), AFFINE)
    arguments = ("evaluate", "--prediction", "p.nii.gz", "--reference", "r.nii.gz", "--json")
    refused = said(*arguments, cwd=tmp_path)
    assert refused.code == 2 and "rule N4" in refused.err and "map the labels" in refused.err
    named = said(*arguments, "--prediction-label", "liver=5", "--prediction-label", "tumour=77", cwd=tmp_path)
    (case,) = json.loads(named.out)["cases"]
    assert named.code == 0 and {case["labels"][label]["dice"] for label in case["labels"]} == {1.0}
    swapped = ("--prediction", "r.nii.gz", "--reference", "p.nii.gz", "--reference-label", "liver=5", "--json")
    (case,) = json.loads(said("evaluate", *swapped, cwd=tmp_path).out)["cases"]
    assert not case["has_tumour"] and 0.9 < case["labels"]["liver"]["dice"] < 1.0


@pytest.mark.parametrize("words", ["liver", "spleen=3", "liver=-1", "liver=x", "liver=1.5", "liver=²"])
def test_labels_that_cannot_be_are_refused(tmp_path: Path, words: str) -> None:
    mask(tmp_path / "a.nii")
    arguments = ("--prediction", "a.nii", "--reference", "a.nii")
    result = said("evaluate", *arguments, "--reference-label", words, cwd=tmp_path)
    assert result.code == 2 and "--reference-label" in result.err and "liver=VALUE" in result.err and not result.out
    double = said(
        "evaluate", *arguments, *("--prediction-label", "liver=1"), *("--prediction-label", "tumour=1"), cwd=tmp_path
    )
    assert double.code == 2 and "two labels" in double.err


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def _four_axes(path: Path) -> None:
    import nibabel

    nibabel.save(nibabel.Nifti1Image(np.zeros((30, 30, 8, 2), np.uint8), AFFINE), path)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: write_nifti(path, np.zeros((30, 30, 9), np.uint8, order="F"), AFFINE), "N5"),
        (lambda path: mask(path, affine=AFFINE @ np.diag([1, 1, 1.1, 1])), "N5"),
        (lambda path: mask(path, affine=AFFINE + np.eye(4, k=3) * 4), "position differs"),
        (lambda path: write_nifti(path, np.full((30, 30, 8), 4, np.uint8, order="F"), AFFINE), "N4"),
        (_four_axes, "N2"),
        (_cut, "N1"),
        (lambda path: path.write_bytes(b"no scan"), "rule N"),
        (lambda path: path.unlink(), "reference without a prediction"),
    ],
)
def test_a_bad_file_is_named_with_its_rule_and_the_others_are_scored(tmp_path: Path, spoil: Any, words: str) -> None:
    for folder in ("mine", "truth"):
        for name in ("a", "b"):
            mask(tmp_path / folder / f"{name}.nii.gz")
    spoil(tmp_path / "mine" / "b.nii.gz")
    result = said("evaluate", "--prediction", "mine", "--reference", "truth", "--json", cwd=tmp_path)
    document = json.loads(result.out)
    assert result.code == 2 and words in result.err and "b.nii.gz" in result.err and "Traceback" not in result.err
    assert [case["case"] for case in document["cases"]] == ["a"] and len(document["problems"]) == 1


def test_pooled_scores_of_a_folder(tmp_path: Path) -> None:
    for name, shift in (("a", 0), ("b", 2)):
        mask(tmp_path / "truth" / f"{name}.nii.gz")
        mask(tmp_path / "mine" / f"{name}.nii.gz", shift=shift)
    arguments = ("evaluate", "--prediction", "mine", "--reference", "truth")
    summary = json.loads(said(*arguments, "--json", cwd=tmp_path).out)["summary"]
    assert summary["pooled"]["liver"]["dice_global"] == pytest.approx((15 + 13) / 30)
    # Two of eight slices are empty on both sides; the six others of the second case share 13 of 15 rows of 16 voxels.
    shifted = (2 * 13 * 16 + 1) / (2 * 15 * 16 + 1)
    assert summary["pooled"]["liver"]["slice_dice_smooth1_mean"] == pytest.approx((8 + 2 + 6 * shifted) / 16)
    assert summary["lesion_recall_any"] == 1.0 and summary["tumour_burden_rmse"] == 0.0
    table = said(*arguments, cwd=tmp_path)
    assert "All 2 cases pooled" in table.out and "global Dice liver" in table.out and "0.933" in table.out


def test_a_file_name_can_neither_steer_the_terminal_nor_be_markup(tmp_path: Path) -> None:
    name = "[/x][bold]\x1b[2Jred.nii.gz"
    mask(tmp_path / "truth" / "sub" / name)
    mask(tmp_path / "mine" / "sub" / name)
    result = said("evaluate", "--prediction", "mine", "--reference", "truth", cwd=tmp_path)
    assert result.code == 0 and "[/x][bold]" in result.out and "\x1b" not in result.out
