"""`liversweep evaluate`, as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from liverseg.volume import write_nifti
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
    result = liversweep(*arguments, cwd=tmp_path)
    assert result.code == 2 and "Traceback" not in result.err
    assert "reference without a prediction" in result.err and "lost" in result.err
    assert "rule N5" in result.err and "voxel size or direction differs from its reference" in result.err
    assert "Over 2 cases" in result.out and "±" in result.out and "∞" in result.out
    asked = liversweep(*arguments, "--json", cwd=tmp_path)
    document = json.loads(asked.out)
    assert asked.code == 2
    assert [case["case"] for case in document["cases"]] == ["a", "b"]
    assert [problem["rule"] for problem in document["problems"]] == ["D2", "N5"]
    assert document["summary"]["labels"]["tumour"]["hd95"]["failures"] == 1
    assert document["summary"]["lesion_recall_iou50"] == 0.5


def test_a_tumour_free_pair_shows_the_liver_alone(tmp_path: Path) -> None:
    mask(tmp_path / "a.nii", tumour=False)
    result = liversweep("evaluate", "--prediction", "a.nii", "--reference", "a.nii", cwd=tmp_path)
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
    result = liversweep("evaluate", *arguments, cwd=tmp_path)
    assert result.code == 2 and words in result.err and "Traceback" not in result.err and not result.out
