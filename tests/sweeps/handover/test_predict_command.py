"""`predict` as a user types it: what it writes, what it keeps, and one clear line for everything that cannot be segmented."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from liverseg.data import case_uid, file_sha256
from liverseg.errors import DataError
from liverseg.handover.familiar import FamiliarRanges
from liverseg.handover.features import scan_features
from liverseg.handover.folder import ModelFolder
from liverseg.phantom import PhantomConfig, write_cohort
from sweeps.cli.predict import error_text
from sweeps.handover.scan_job import ScanJob
from sweeps.handover.segmenting import Segmented
from tests.liverseg.handover.models import small_model
from tests.promises.commands import said
from tests.sweeps.cli_runs import Result

NOTICE = "Research software, not for clinical use."


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scans")
    config = PhantomConfig(cases=2, seed=5, matrix_px=(48, 56), slices=(10, 12), thickness_mm=(5.0,))
    write_cohort(folder, config)
    return folder


@pytest.fixture(scope="module")
def model(scans: Path, tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    features = [scan_features(scans / f"volume-{index}.nii.gz", case=str(index)) for index in range(2)]
    familiar = dict(FamiliarRanges.of(features).as_json())
    origin = {"sweep": "small", "liver_ml": [1.0, 90_000.0]}
    return small_model(tmp_path_factory.mktemp("models") / "small", familiar=familiar, origin=origin)


def predict(*words: object, cwd: Path) -> Result:
    return said("predict", *map(str, words), "--workers", "1", cwd=cwd)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_folder_of_scans_gives_four_files_each_and_a_table(model: ModelFolder, scans: Path, tmp_path: Path) -> None:
    done = predict(model.path, scans, "-o", "out", cwd=tmp_path)
    assert done.code == 0, done.err
    ends = ("_seg.html", "_seg.json", "_seg.nii.gz", "_seg.png")
    assert names(tmp_path / "out") == [f"volume-{index}{end}" for index in range(2) for end in ends]
    assert NOTICE in done.out and "volume-1" in done.out and "tumour burden" in done.out
    record = json.loads((tmp_path / "out" / "volume-0_seg.json").read_text())
    assert record["model"]["id"] == model.id and record["notice"] == NOTICE
    assert record["scan"]["uid"].startswith("case-") and record["warnings"] == []


def test_a_scan_that_the_model_was_trained_or_chosen_on_is_told(
    model: ModelFolder, scans: Path, tmp_path: Path
) -> None:
    uids = [case_uid(file_sha256(scans / f"volume-{index}.nii.gz")) for index in range(2)]
    origin = {"sweep": "small", "liver_ml": [1.0, 90_000.0], "cases": {"train": uids[:1], "validation": uids[1:]}}
    knowing = small_model(tmp_path / "knowing", familiar=dict(model.description.familiar), origin=origin)
    done = predict(knowing.path, scans, "-o", "out", "--no-page", cwd=tmp_path)
    assert done.code == 0, done.err
    for index, (part, word) in enumerate((("train", "trained"), ("validation", "chosen"))):
        record = json.loads((tmp_path / "out" / f"volume-{index}_seg.json").read_text())
        (warning,) = record["warnings"]
        assert record["model"]["learned_from_scan"] == part and f"the model was {word} on this scan" in warning["text"]
        assert f"model was {word} on this scan" in done.err


def test_json_is_one_document_and_what_is_there_is_kept(model: ModelFolder, scans: Path, tmp_path: Path) -> None:
    scan = scans / "volume-0.nii.gz"
    first = json.loads(predict(model.path, scan, "--no-page", "--json", cwd=tmp_path).out)
    mask = tmp_path / "predictions" / "volume-0_seg.nii.gz"
    written = mask.stat().st_mtime_ns
    again = json.loads(predict(model.path, scan, "--no-page", "--json", cwd=tmp_path).out)
    assert first["predictions"] == again["predictions"] and mask.stat().st_mtime_ns == written
    anew = json.loads(predict(model.path, scan, "--no-page", "--json", "--overwrite", cwd=tmp_path).out)
    assert mask.stat().st_mtime_ns > written
    assert anew["predictions"][0]["mask"] == first["predictions"][0]["mask"], "the same scan gives the same bytes"
    assert names(tmp_path / "predictions") == ["volume-0_seg.json", "volume-0_seg.nii.gz"]


def test_another_prediction_in_its_place_is_not_replaced_unasked(
    model: ModelFolder, scans: Path, tmp_path: Path
) -> None:
    scan = tmp_path / "ct.nii.gz"
    shutil.copy(scans / "volume-0.nii.gz", scan)
    assert predict(model.path, scan, "--no-page", cwd=tmp_path).code == 0
    before = (tmp_path / "predictions" / "ct_seg.json").read_bytes()
    flipped = predict(model.path, scan, "--no-page", "--flips", cwd=tmp_path)
    shutil.copy(scans / "volume-1.nii.gz", scan)
    other = predict(model.path, scan, "--no-page", cwd=tmp_path)
    for refused in (flipped, other):
        assert refused.code == 2 and "--overwrite" in refused.err and "Traceback" not in refused.err
    assert (tmp_path / "predictions" / "ct_seg.json").read_bytes() == before


def four_dimensions(path: Path, scan: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.zeros((8, 8, 8, 2), np.int16), np.diag([1.0, 1.0, 2.0, 1.0])), path)


def truncated(path: Path, scan: Path) -> None:
    path.write_bytes(scan.read_bytes()[:-500])


def no_ct(path: Path, scan: Path) -> None:
    image = nibabel.load(scan)
    values = np.asarray(image.dataobj).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(np.clip(values + 1024, 0, 4000).astype(np.uint16), image.affine), path)


def text(path: Path, scan: Path) -> None:
    path.write_text("no scan")


@pytest.mark.parametrize(
    ("make", "says"),
    [(four_dimensions, "rule N2"), (truncated, "rule N1"), (no_ct, "rule F1"), (text, "rule N1")],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_bad_scan_is_one_line_and_leaves_nothing(
    model: ModelFolder, scans: Path, tmp_path: Path, make: Any, says: str
) -> None:
    make(tmp_path / "bad.nii.gz", scans / "volume-0.nii.gz")
    done = predict(model.path, tmp_path / "bad.nii.gz", "-o", "out", cwd=tmp_path)
    assert done.code == 2 and "Traceback" not in done.err and not (tmp_path / "out").exists()
    (line,) = [line for line in done.err.splitlines() if line]
    assert line.startswith("error: [case bad, ") and says in line and "; got " in line


def test_a_scan_without_a_liver_is_refused_by_its_volume(model: ModelFolder, scans: Path, tmp_path: Path) -> None:
    origin = {**model.description.origin, "liver_ml": [10_000_000.0, 10_000_001.0]}
    picky = small_model(tmp_path / "picky", familiar=model.description.familiar, origin=origin)
    done = predict(picky.path, scans / "volume-0.nii.gz", "-o", "out", cwd=tmp_path)
    assert done.code == 2 and "rule P1" in done.err and "no liver was found" in done.err
    assert done.err.count("\n") == 1 and not (tmp_path / "out").exists()


def test_one_bad_scan_stops_no_other(model: ModelFolder, scans: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    shutil.copy(scans / "volume-0.nii.gz", tmp_path / "in" / "good.nii.gz")
    truncated(tmp_path / "in" / "bad.nii.gz", scans / "volume-0.nii.gz")
    done = predict(model.path, tmp_path / "in", "-o", "out", "--no-page", "--json", cwd=tmp_path)
    assert done.code == 2 and "1 of 2 scans could not be segmented" in done.err
    document = json.loads(done.out)
    assert [item["scan"]["name"] for item in document["predictions"]] == ["good"]
    assert [item["scan"] for item in document["failed"]] == ["bad"]
    assert names(tmp_path / "out") == ["good_seg.json", "good_seg.nii.gz"]


def test_a_model_with_one_changed_byte_is_not_used(model: ModelFolder, scans: Path, tmp_path: Path) -> None:
    shutil.copytree(model.path, tmp_path / "model")
    weights = tmp_path / "model" / "weights" / "t0000.npz"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    done = predict(tmp_path / "model", scans, "-o", "out", cwd=tmp_path)
    assert done.code == 2 and "rule M1" in done.err and "weights/t0000.npz was changed" in done.err
    assert done.err.count("\n") == 1 and not (tmp_path / "out").exists()


def test_a_scan_unlike_the_training_scans_is_told_by_feature(model: ModelFolder, scans: Path, tmp_path: Path) -> None:
    image = nibabel.load(scans / "volume-0.nii.gz")
    fine = image.affine @ np.diag([0.3, 0.3, 0.3, 1.0])
    nibabel.save(nibabel.Nifti1Image(np.asarray(image.dataobj), fine), tmp_path / "fine.nii.gz")
    done = predict(model.path, tmp_path / "fine.nii.gz", "-o", "out", "--no-page", cwd=tmp_path)
    assert done.code == 0 and "warning: fine: The voxel spacing in plane is" in done.err
    record = json.loads((tmp_path / "out" / "fine_seg.json").read_text())
    spacing = next(item for item in record["warnings"] if item["feature"] == "voxel spacing in plane")
    assert spacing["unit"] == "mm" and not spacing["low"] <= spacing["value"] <= spacing["high"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("nowhere", "SCAN"), "rule M2"),
        (("MODEL", "nowhere.nii.gz"), "rule D1"),
        (("MODEL", "SCAN", "--workers", "0"), "--workers"),
        (("MODEL", "SCAN", "--gpus", "-1"), "--gpus"),
    ],
)
def test_usage_is_refused_before_anything_is_made(
    model: ModelFolder, scans: Path, tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    places = {"MODEL": str(model.path), "SCAN": str(scans / "volume-0.nii.gz")}
    done = said("predict", *(places.get(word, word) for word in words), "-o", "out", cwd=tmp_path)
    assert done.code == 2 and says in done.err and "Traceback" not in done.err and names(tmp_path) == []


@pytest.mark.parametrize("inside", ["", "predictions", "weights/deep"])
def test_nothing_is_written_into_a_model(model: ModelFolder, scans: Path, tmp_path: Path, inside: str) -> None:
    before = sorted(model.path.rglob("*"))
    (tmp_path / "link").symlink_to(model.path)
    done = predict(model.path, scans / "volume-0.nii.gz", "-o", tmp_path / "link" / inside, cwd=tmp_path)
    assert done.code == 2 and "its files are sealed" in done.err and done.err.count("\n") == 1
    assert sorted(model.path.rglob("*")) == before


def test_a_scan_given_twice_is_segmented_once(model: ModelFolder, scans: Path, tmp_path: Path) -> None:
    scan = scans / "volume-0.nii.gz"
    done = predict(model.path, scan, scan, "-o", "out", "--no-page", "--json", cwd=tmp_path)
    assert done.code == 0 and len(json.loads(done.out)["predictions"]) == 1


def test_a_scan_in_two_places_at_once_is_told(model: ModelFolder, scans: Path, tmp_path: Path) -> None:
    image = nibabel.load(scans / "volume-0.nii.gz")
    mirrored = np.diag([-1.0, 1.0, 1.0, 1.0]) @ image.affine
    image.set_qform(mirrored, 1)
    nibabel.save(image, tmp_path / "twofold.nii.gz")
    done = predict(model.path, tmp_path / "twofold.nii.gz", "-o", "out", cwd=tmp_path)
    assert done.code == 0 and "warning: twofold: the file says twice how the scan lies in space" in done.err
    assert "Make sure of left and right" in (tmp_path / "out" / "twofold_seg.html").read_text()


def test_a_full_disk_names_scan_and_folder(tmp_path: Path) -> None:
    job = ScanJob("ct-7", tmp_path / "ct-7.nii.gz", "nifti", tmp_path / "out")
    full = error_text(Segmented(job, error=OSError(28, "No space left on device")))
    for words in ("[case ct-7]", str(tmp_path / "out"), "got No space left on device", "another folder with -o"):
        assert words in full
    assert error_text(Segmented(job, error=DataError("no CT"))) == "no CT"
