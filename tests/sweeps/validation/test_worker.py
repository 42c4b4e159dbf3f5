"""What a worker of a validation scores is what `evaluate` scores of the masks that `predict` would write."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from liverseg.config import TrainConfig
from liverseg.errors import DataError
from liverseg.handover.description import Member, ModelDescription, StoredArray
from liverseg.handover.familiar import FamiliarRanges
from liverseg.handover.features import ScanFeatures, scan_features
from liverseg.handover.folder import ModelFolder, open_model, write_model
from liverseg.handover.masks import write_mask
from liverseg.handover.postprocess import PostProcess
from liverseg.handover.predictor import Predictor
from liverseg.metrics.evaluate import MaskPair, score_pair
from liverseg.preprocess.stacks import read_stacks
from liverseg.preprocess.window import WindowParams
from liverseg.volume import read_header, read_voxels, write_nifti
from sweeps.validation.seen import SeenScore
from sweeps.validation.worker import ValidationJob, ValidationSettings, ValidationWorker
from tests.sweeps.validation.validation_models import write_case

SIZE_PX = 32


def ranges(*scans: ScanFeatures) -> dict[str, Any]:
    return dict(FamiliarRanges.of(scans).as_json())


def untrained(
    path: Path, seed: int, familiar: dict[str, Any] | None = None, origin: dict[str, Any] | None = None
) -> ModelFolder:
    """A small network with random weights, which labels something everywhere, and post-processing that changes it."""
    import keras

    from liverseg.models.build import build_model

    keras.utils.set_random_seed(seed)
    config = TrainConfig(
        architecture="unet",
        options={"base_filters": 4},
        parameters={"size": SIZE_PX},
        labels=("liver", "tumour"),
        seed=seed,
    )
    network = build_model("unet", size_px=SIZE_PX, classes=3, options=config.options, mixed_precision=False)
    rng = np.random.default_rng(seed)
    weights = {}
    for index, variable in enumerate(network.variables):
        value = np.asarray(variable)
        weights[f"w{index:04d}"] = value + rng.normal(0, 0.05, value.shape).astype(value.dtype)
    arrays = tuple(
        StoredArray(name, variable.path, weights[name].shape)
        for name, variable in zip(weights, network.variables, strict=True)
    )
    member = Member("t0000", config, 1, WindowParams("liver", -21.0, 189.0, 0.5, 0.3), arrays)
    postprocess = PostProcess(largest_liver=True, tumour_inside_liver=True, minimum_lesion_ml=0.1)
    described = ModelDescription(
        "untrained",
        ("liver", "tumour"),
        "crop",
        (member,),
        postprocess,
        familiar=familiar or ranges(),
        origin=origin or {},
    )
    return write_model(path, described, {"t0000": weights}, lambda folder: None)


def test_two_models_at_once_score_as_evaluate_does(tmp_path: Path) -> None:
    uid = write_case(tmp_path, 0)
    image, mask = tmp_path / "volume-0.nii.gz", tmp_path / "segmentation-0.nii.gz"
    models = [untrained(tmp_path / str(seed), seed) for seed in (2, 3)]
    worker = ValidationWorker(ValidationSettings(tuple(model.path for model in models), 2.0))
    found = worker(ValidationJob(uid, "pt-1", "volume-0", image, mask), lambda message: None)
    changed = False
    for model, one in zip(models, found, strict=True):
        score = one.score
        assert one.warnings == () and one.refusal is None
        again = Predictor(open_model(model.path)).segment(image, case="x")
        volume = model.description.postprocess.apply(again.volume)
        changed |= np.count_nonzero(volume.labels) != np.count_nonzero(again.volume.labels)
        write_mask(tmp_path / "seg.nii.gz", volume, again.header)
        expected = score_pair(MaskPair(uid, tmp_path / "seg.nii.gz", mask)).score
        assert score.score.case == replace(expected.case, patient="pt-1")
        assert str(asdict(score.score)["surfaces"]) == str(asdict(expected)["surfaces"])
        assert score.score.lesions == expected.lesions
    assert changed, "post-processing leaves everything as it is, so the test does not tell whether it was done"


def test_a_mask_on_another_grid_is_refused(tmp_path: Path) -> None:
    write_case(tmp_path, 0)
    write_nifti(tmp_path / "other.nii.gz", np.ones((9, 9, 9), np.uint8, order="F"), np.eye(4))
    worker = ValidationWorker(
        ValidationSettings((), 2.0, segmenter="tests.sweeps.validation.validation_models:stand_in")
    )
    with pytest.raises(DataError, match="N5"):
        worker(ValidationJob("u", "p", "c", tmp_path / "volume-0.nii.gz", tmp_path / "other.nii.gz"), lambda _: None)


def seen(tmp_path: Path, model: ModelFolder) -> SeenScore:
    job = ValidationJob("case-u", "pt-1", "volume-0", tmp_path / "volume-0.nii.gz", tmp_path / "segmentation-0.nii.gz")
    (found,) = ValidationWorker(ValidationSettings((model.path,), 2.0))(job, lambda message: None)
    return found


def test_what_is_unlike_is_measured_in_the_one_reading_and_changes_no_score(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_case(tmp_path, 0)
    here = scan_features(tmp_path / "volume-0.nii.gz", case="x")
    like = untrained(tmp_path / "like", 2, ranges(here))
    finer = ranges(replace(here, spacing_slices_mm=0.5))
    unlike = untrained(tmp_path / "unlike", 2, finer, {"liver_ml": [0.001, 0.002]})
    readings: list[Path] = []

    def counted(scan: Any, *args: Any, **how: Any) -> Any:
        readings.append(scan.path)
        return read_stacks(scan, *args, **how)

    monkeypatch.setattr("liverseg.handover.predictor.read_stacks", counted)
    monkeypatch.setattr("liverseg.handover.features.read_stacks", counted)
    plain, warned = seen(tmp_path, like), seen(tmp_path, unlike)
    assert readings == [tmp_path / "volume-0.nii.gz"] * 2
    assert plain.warnings == () and str(plain.score) == str(warned.score)
    assert [one["feature"] for one in warned.warnings] == ["voxel spacing between slices", "liver volume"]


@pytest.mark.parametrize("rule", ["F1", "P1"])
def test_a_scan_that_predict_refuses_is_scored_as_one_in_which_nothing_was_found(tmp_path: Path, rule: str) -> None:
    write_case(tmp_path, 0)
    image = tmp_path / "volume-0.nii.gz"
    huge = {"liver_ml": [1e7, 1e7]} if rule == "P1" else {}
    model = untrained(tmp_path / "model", 2, origin=huge)
    if rule == "F1":
        header = read_header(image)
        hu = np.asfortranarray(np.abs(read_voxels(image, header)).astype(np.int16))
        write_nifti(image, hu, np.array(header.affine))
    found = seen(tmp_path, model)
    assert found.refusal is not None and found.refusal.rule == rule and "volume-0" not in found.refusal.why
    case = found.score.score.case
    assert case.label("liver").dice == case.label("tumour").dice == 0 and case.label("liver").prediction == 0
    assert case.label("liver").reference > 0 and found.score.score.surface("liver").failed
    assert ("liver volume" in [one["feature"] for one in found.warnings]) == (rule == "P1")


def test_a_damaged_scan_is_no_refusal(tmp_path: Path) -> None:
    write_case(tmp_path, 0)
    model, image = untrained(tmp_path / "model", 2), tmp_path / "volume-0.nii.gz"
    image.write_bytes(image.read_bytes()[:-60])
    with pytest.raises(DataError, match="N1"):
        seen(tmp_path, model)
