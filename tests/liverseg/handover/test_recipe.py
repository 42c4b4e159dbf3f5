"""What `model.json` says in words is enough to make the same mask without a line of this program."""

from __future__ import annotations

import ast
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from liverseg.config import TrainConfig
from liverseg.handover.agreement import logits_of
from liverseg.handover.description import Member, ModelDescription
from liverseg.handover.exports import write_onnx
from liverseg.handover.masks import stored_labels
from liverseg.handover.postprocess import NONE, PostProcess
from liverseg.handover.predictor import Engine
from liverseg.preprocess.window import WindowParams
from liverseg.training.weights import forward_of
from tests.liverseg.handover import outsider
from tests.liverseg.handover.livened import livened

SIZES = {"t0000": 32, "t0001": 64}
ALL = PostProcess(largest_liver=True, tumour_inside_liver=True, minimum_lesion_ml=0.4)
SOME = replace(ALL, largest_liver=False)


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[tuple[Member, Any], ...]]:
    """Two networks in a folder as ONNX, and as what predicts here."""
    folder = tmp_path_factory.mktemp("model")
    (folder / "onnx").mkdir()
    found = []
    for seed, (trial, size) in enumerate(SIZES.items()):
        network = balanced(livened("encoder_decoder", size_px=size, seed=seed))
        config = TrainConfig(architecture="encoder_decoder", options={"base_filters": 4}, parameters={"size": size})
        window = (
            WindowParams("fingerprint", -37.0, 163.0, 61.37, 41.9)
            if seed
            else WindowParams("wide", -200, 250, -200, 450)
        )
        write_onnx(network, folder / "onnx" / f"{trial}.onnx")
        found.append((Member(trial, config, 1, window, ()), forward_of(network)))
    return folder, tuple(found)


def balanced(network: Any) -> Any:
    """The network with its last bias moved so that no channel wins everywhere."""
    slices = np.random.default_rng(0).normal(0.5, 0.5, (4, *network.inputs[0].shape[1:])).astype(np.float32)
    means = logits_of(network, slices).mean(axis=(0, 1, 2))
    last = network.variables[-1]
    assert last.shape == means.shape
    last.assign(last.numpy() - means)
    return network


def scan(path: Path) -> Path:
    """Blobs of 20 to 80 HU and noise, slices of 44 by 62 pixels that are stored second and backwards, a little oblique."""
    generator = np.random.default_rng(4)
    hu = generator.normal(40, 60, (62, 9, 44)) + 400 * generator.normal(size=(62, 1, 1)) * (np.arange(44) > 30)
    affine = np.array([[-1.7, 0, 0.1, 50], [0.1, 0, 1.9, -20], [0, -4.0, 0, 9], [0, 0, 0, 1.0]])
    nibabel.save(nibabel.Nifti1Image(np.round(hu).astype(np.int16), affine), path)
    return path


@pytest.mark.parametrize(
    ("count", "fit", "flips", "options"),
    [(1, "pad", False, NONE), (1, "crop", False, ALL), (2, "pad", True, ALL), (2, "crop", False, SOME)],
)
def test_an_outsider_makes_the_same_mask(
    networks: Any, tmp_path: Path, count: int, fit: str, flips: bool, options: PostProcess
) -> None:
    folder, found = networks
    found, image = found[:count], scan(tmp_path / "ct.nii.gz")
    members = tuple(member for member, _ in found)
    described = ModelDescription("m", ("liver", "tumour"), fit, members, options, flips)
    (folder / "model.json").write_text(json.dumps(described.as_json()))
    ours = Engine(found, fit, flips).segment(image, case="ct", on_slices=lambda done, total: None)
    wanted = stored_labels(options.apply(ours.volume), ours.header)
    assert len(np.unique(wanted)) == 3
    assert options is NONE or np.count_nonzero(wanted != stored_labels(ours.volume, ours.header)) > 20
    labels, affine = outsider.mask_of(folder, image)
    assert np.count_nonzero(labels != wanted) <= 2, "but for a pixel whose logits are equal up to rounding"
    assert np.count_nonzero(wanted) > 500 and np.allclose(affine, nibabel.load(image).affine)


def test_the_outsider_knows_nothing_of_ours() -> None:
    tree = ast.parse(Path(outsider.__file__).read_text("utf-8"))
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    ours = {"liverseg", "sweeps", "results", "cluster", "tests", "keras", "tensorflow"}
    assert names and not ours & {name.split(".")[0] for name in names}


@pytest.mark.parametrize("fit", ["pad", "crop"])
def test_the_steps_name_the_numbers_that_the_program_uses(fit: str) -> None:
    document = ModelDescription("m", ("liver", "tumour"), fit, ()).as_json()
    before, after = " ".join(document["preprocess"]["steps"]), " ".join(document["output_steps"])
    for words in (
        "-1024 HU",
        "1/16 HU",
        "-1072 to 3023.94 HU",
        "triangle filter",
        "longer side" if fit == "pad" else "shorter",
    ):
        assert words in before
    for words in ("0 background, 1 liver, 2 tumour", "softmax", "faces, edges or corners", *PostProcess.__slots__):
        assert words in after
    assert "2 tumour" not in " ".join(replace(ModelDescription("m", ("liver",), fit, ())).as_json()["output_steps"])
