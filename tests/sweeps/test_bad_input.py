"""Every mistake of a user: one clear message, exit code 2, nothing written, no traceback."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from liverseg.volume import write_nifti
from tests.sweeps.cli_runs import liversweep

AFFINE = np.diag([-2.0, -2.0, 4.0, 1.0])
SPEC = """\
name: mistaken
data: {root: scans, split: {test: 0, validation: 0.4}}
search: {trials: 1, architectures: {encoder_decoder: {base_filters: 4}}}
train: {epochs: 1, size: 32}
"""


def scans(folder: Path, cases: int, tumour: bool = True) -> Path:
    folder.mkdir()
    for index in range(cases):
        image = np.random.default_rng(index).normal(0, 40, (40, 40, 8)).astype(np.int16)
        mask = np.zeros((40, 40, 8), np.uint8)
        mask[10:30, 10:30, 2:6] = 1
        if tumour:
            mask[15:20, 15:20, 3:5] = 2
        write_nifti(folder / f"volume-{index}.nii.gz", image, AFFINE)
        write_nifti(folder / f"segmentation-{index}.nii.gz", mask, AFFINE)
    return folder


def refused(cwd: Path, *arguments: object) -> str:
    """Run, and return the message of a run that was refused as every mistake must be."""
    (cwd / "spec.yaml").exists() or (cwd / "spec.yaml").write_text(SPEC)
    before = sorted(path.name for path in cwd.iterdir())
    result = liversweep(*arguments, cwd=cwd)
    assert result.code == 2, result
    assert "Traceback" not in result.err and result.out == ""
    assert sorted(path.name for path in cwd.iterdir()) == before
    assert result.err.startswith("error: ")
    return result.err


def test_all_mistakes_of_a_spec_at_once_each_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(
        "name: a/b\n"
        "data: {root: scans, colour: blue}\n"
        "search:\n"
        "  trials: many\n"
        "  space:\n"
        "    learning_rate: {log: [1.0e-3, 99]}\n"
        "  architectures: {unett: {}}\n"
    )
    message = refused(tmp_path, "run", "spec.yaml")
    for words in (
        "spec.yaml:1",
        "a/b",
        "spec.yaml:2",
        "colour",
        "spec.yaml:4",
        "many",
        "spec.yaml:6",
        "99",
        "spec.yaml:7",
        "did you mean",
        "unet",
    ):
        assert words in message


def test_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    message = refused(tmp_path, "run", "spec.yaml")
    assert "no cases" in message or "layout" in message


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert "no such folder" in refused(tmp_path, "run", "spec.yaml")


def test_one_patient_only(tmp_path: Path) -> None:
    scans(tmp_path / "scans", 1)
    assert "one patient only" in refused(tmp_path, "run", "spec.yaml")


def test_no_tumour_anywhere(tmp_path: Path) -> None:
    scans(tmp_path / "scans", 3, tumour=False)
    message = refused(tmp_path, "run", "spec.yaml")
    assert "data.labels" in message and "labels: [liver]" in message


def test_missing_masks_are_all_named(tmp_path: Path) -> None:
    folder = scans(tmp_path / "scans", 4)
    for index in (1, 3):
        (folder / f"segmentation-{index}.nii.gz").unlink()
    message = refused(tmp_path, "run", "spec.yaml")
    assert "without a mask" in message and "volume-1" in message and "volume-3" in message


def test_a_bad_scan_names_the_case_and_the_rule(tmp_path: Path) -> None:
    folder = scans(tmp_path / "scans", 3)
    path = folder / "volume-1.nii.gz"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    message = refused(tmp_path, "run", "spec.yaml")
    assert "case volume-1" in message and "rule N1" in message and "--skip-bad" in message


@pytest.mark.parametrize("name", ["../escape", "a/b", "", ".hidden", "x" * 65])
def test_a_name_that_could_leave_the_folder(tmp_path: Path, name: str) -> None:
    scans(tmp_path / "scans", 3)
    assert "name" in refused(tmp_path, "run", "spec.yaml", f"--name={name}")


def test_a_run_folder_that_exists(tmp_path: Path) -> None:
    (tmp_path / "runs" / "mistaken").mkdir(parents=True)
    scans(tmp_path / "scans", 3)
    message = refused(tmp_path, "run", "spec.yaml")
    assert "exists" in message and "--new-name" in message


def test_a_sweep_that_is_not_there(tmp_path: Path) -> None:
    assert "liversweep list" in refused(tmp_path, "show", "nothing")


def test_an_unknown_override(tmp_path: Path) -> None:
    assert "--set" in refused(tmp_path, "run", "spec.yaml", "--set", "search.trails=3")


def test_data_check_lists_every_problem_in_one_pass(tmp_path: Path) -> None:
    folder = scans(tmp_path / "scans", 4)
    (folder / "segmentation-2.nii.gz").unlink()
    truncated = folder / "volume-0.nii.gz"
    truncated.write_bytes(truncated.read_bytes()[:-20])
    write_nifti(folder / "segmentation-3.nii.gz", np.zeros((40, 40, 9), np.uint8), AFFINE)
    result = liversweep("data", "check", "scans", cwd=tmp_path)
    assert result.code == 2
    for words in ("rule N1", "rule N5", "volume-2"):
        assert words in result.err
    skipped = liversweep("data", "check", "scans", "--skip-bad", cwd=tmp_path)
    assert skipped.code == 0 and "left out: volume-0, volume-3" in skipped.err
