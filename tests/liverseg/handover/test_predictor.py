"""A model at work: the labels are those that scoring would count, however the scan is stored, and memory follows the box."""

from __future__ import annotations

from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest

from liverseg.config import PrepareConfig
from liverseg.errors import DataError
from liverseg.handover.folder import ModelFolder
from liverseg.handover.masks import stored_labels
from liverseg.handover.predictor import Predictor
from liverseg.inference.volumes import predicted_volumes
from liverseg.preprocess import prepare_case
from liverseg.preprocess.arrays import Pack
from liverseg.preprocess.orient import orientation_from
from liverseg.preprocess.slice_stack import SliceStack
from liverseg.volume import read_header, write_nifti
from tests.liverseg.handover.models import small_model

SHAPE = (23, 19, 21)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    return small_model(tmp_path_factory.mktemp("models") / "pair", "t0000", "t0001")


@pytest.fixture(scope="module")
def single(model: ModelFolder) -> Predictor:
    return Predictor(model, only=True)


def scan(path: Path, *, seed: int = 0, shape: tuple[int, int, int] = SHAPE, affine: object = None) -> Path:
    hu = np.random.default_rng(seed).normal(60, 90, shape).astype(np.int16)
    return write_nifti(path, hu, np.diag([0.8, 0.9, 2.5, 1.0]) if affine is None else np.asarray(affine))


def test_it_predicts_what_scoring_counts(model: ModelFolder, single: Predictor, tmp_path: Path) -> None:
    path = scan(tmp_path / "ct.nii.gz")
    found = single.segment(path, case="ct").volume
    case = prepare_case("ct", "p", path, None, PrepareConfig(sizes_px=(32,), slices="all"))[32]
    pack = Pack(SliceStack([case.image]), SliceStack([case.mask]), (case.span(),), case.foreground_hu)
    member = model.description.members[0]
    forward = single._engine._networks[0][1]
    (_, expected), *_ = predicted_volumes(forward, pack, member.window, 8)
    assert found.start == expected.start and (found.labels == expected.labels).all() and found.labels.any()


def test_every_orientation_of_a_scan_gives_the_same_labels(single: Predictor, tmp_path: Path) -> None:
    """The same scan, stored along every axis order and direction: 48 files, one segmentation."""
    generator, sizes_mm = np.random.default_rng(5), np.array([0.8, 0.9, 2.5])
    hu = generator.normal(60, 90, SHAPE).astype(np.int16)
    first = None
    for order in permutations(range(3)):
        for signs in product((1, -1), repeat=3):
            affine, stored = np.zeros((4, 4)), hu.transpose(order)
            affine[3, 3] = 1.0
            for axis, world in enumerate(order):
                affine[world, axis] = signs[axis] * sizes_mm[world]
                if signs[axis] < 0:
                    stored = np.flip(stored, axis)
                    affine[world, 3] = sizes_mm[world] * (SHAPE[world] - 1)
            path = write_nifti(tmp_path / "ct.nii", np.ascontiguousarray(stored), affine)
            found = single.segment(path, case="ct")
            labels = orientation_from(found.header.orientation).display_volume(
                stored_labels(found.volume, found.header)
            )
            first = labels if first is None else first
            assert labels.any() and (labels == first).mean() > 0.9995  # nearest float32 sums run the other way


def test_an_ensemble_differs_from_its_first_network_and_mirroring_twice_is_none(
    model: ModelFolder, single: Predictor, tmp_path: Path
) -> None:
    path = scan(tmp_path / "ct.nii", seed=3)
    alone, both = single.segment(path, case="ct"), Predictor(model).segment(path, case="ct")
    assert not np.array_equal(stored_labels(alone.volume, alone.header), stored_labels(both.volume, both.header))
    flipped = Predictor(model, only=True, flips=True)
    assert flipped.flips and not single.flips
    there = flipped.segment(path, case="ct")
    hu = np.asarray(__import__("nibabel").load(path).dataobj)
    mirror = write_nifti(tmp_path / "mirror.nii", np.ascontiguousarray(hu[::-1]), np.diag([0.8, 0.9, 2.5, 1.0]))
    back = flipped.segment(mirror, case="ct")
    same = stored_labels(there.volume, there.header) == stored_labels(back.volume, back.header)[::-1]
    assert same.mean() > 0.999


def test_progress_is_told_and_the_scan_is_seen_once(single: Predictor, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    seen: list[int] = []
    path = scan(tmp_path / "ct.nii")
    single.segment(
        path, case="ct", on_slices=lambda *now: told.append(now), on_stack=lambda stack: seen.append(len(stack.image))
    )
    assert told[-1] == (21, 21) and [done for done, _ in told] == [8, 16, 21] and sum(seen) == 21


def test_a_scan_without_foreground_is_an_empty_volume(single: Predictor, tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "air.nii", np.full(SHAPE, -1000, np.int16), np.diag([1.0, 1.0, 2.0, 1.0]))
    engine = single._engine
    nothing = [
        (
            member,
            lambda images: np.stack([np.ones(images.shape[:3])] + 2 * [np.zeros(images.shape[:3])], -1).astype(
                np.float32
            ),
        )
        for member, _ in engine._networks
    ]
    kept, engine._networks = engine._networks, tuple(nothing)
    try:
        found = single.segment(path, case="air")
    finally:
        engine._networks = kept
    assert found.volume.labels.shape == (0, 0, 0) and found.volume.shape == (21, 19, 23)
    assert not stored_labels(found.volume, read_header(path)).any()


@pytest.mark.parametrize("damage", ["four", "cut", "text"])
def test_bad_files_are_one_error(single: Predictor, tmp_path: Path, damage: str) -> None:
    path = scan(tmp_path / "ct.nii.gz")
    if damage == "four":
        import nibabel

        nibabel.save(nibabel.Nifti1Image(np.zeros((4, 4, 4, 2), np.int16), np.eye(4)), path)
    else:
        path.write_bytes(path.read_bytes()[:-400] if damage == "cut" else b"not a scan")
    with pytest.raises(DataError, match=r"rule N[123]"):
        single.segment(path, case="ct")
