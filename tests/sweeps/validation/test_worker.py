"""What a worker of a validation scores is what `evaluate` scores of the masks that `predict` would write."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from liverseg.config import TrainConfig
from liverseg.errors import DataError
from liverseg.handover.description import Member, ModelDescription, StoredArray
from liverseg.handover.folder import ModelFolder, open_model, write_model
from liverseg.handover.masks import write_mask
from liverseg.handover.postprocess import PostProcess
from liverseg.handover.predictor import Predictor
from liverseg.metrics.evaluate import MaskPair, score_pair
from liverseg.preprocess.window import WindowParams
from liverseg.volume import write_nifti
from sweeps.validation.worker import ValidationJob, ValidationSettings, ValidationWorker
from tests.sweeps.validation.validation_models import write_case

SIZE_PX = 32


def untrained(path: Path, seed: int) -> ModelFolder:
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
    described = ModelDescription("untrained", ("liver", "tumour"), "crop", (member,), postprocess)
    return write_model(path, described, {"t0000": weights}, lambda folder: None)


def test_two_models_at_once_score_as_evaluate_does(tmp_path: Path) -> None:
    uid = write_case(tmp_path, 0)
    image, mask = tmp_path / "volume-0.nii.gz", tmp_path / "segmentation-0.nii.gz"
    models = [untrained(tmp_path / str(seed), seed) for seed in (2, 3)]
    worker = ValidationWorker(ValidationSettings(tuple(model.path for model in models), 2.0))
    found = worker(ValidationJob(uid, "pt-1", "volume-0", image, mask), lambda message: None)
    changed = False
    for model, score in zip(models, found, strict=True):
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
