from __future__ import annotations

import json
import math
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest

from liverseg.errors import ConfigError, DataError
from liverseg.metrics.evaluate import MaskPair, evaluate, find_pairs, score_pair
from liverseg.metrics.evaluation_document import as_document
from liverseg.metrics.mask_file import cut, read_mask
from liverseg.volume import read_header, write_nifti
from tests.liverseg.metrics.cases import score_of
from tests.liverseg.metrics.other_tools.shapes import ball

SPACING = (0.75, 0.5, 3.0)
AFFINE = np.diag([*SPACING, 1.0])


def masks() -> tuple[np.ndarray, np.ndarray]:
    """Reference and prediction `(x, y, z)` with a tumour that is found half."""
    shape = (40, 50, 12)
    truth = ball(shape, SPACING, (15, 12, 15), 10).astype(np.uint8)
    truth[ball(shape, SPACING, (15, 12, 15), 4)] = 2
    predicted = ball(shape, SPACING, (16, 12, 15), 10).astype(np.uint8)
    predicted[ball(shape, SPACING, (16.5, 12, 15), 4)] = 2
    return truth, predicted


def turned(volume: np.ndarray, order: tuple[int, ...], flips: tuple[bool, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The same voxels stored along other axes, with the affine that says so."""
    flip = tuple(axis for axis, wanted in enumerate(flips) if wanted)
    affine = np.zeros((4, 4))
    affine[3, 3] = 1.0
    for axis, world in enumerate(order):
        affine[world, axis] = -SPACING[world] if flips[axis] else SPACING[world]
        affine[world, 3] = SPACING[world] * (volume.shape[world] - 1) if flips[axis] else 0.0
    return np.flip(volume.transpose(order), flip), affine


def written(folder: Path, truth=None, predicted=None, affine=AFFINE, name: str = "a.nii.gz") -> MaskPair:
    usual = masks()
    for part, volume in (
        ("r", usual[0] if truth is None else truth),
        ("p", usual[1] if predicted is None else predicted),
    ):
        (folder / part).mkdir(parents=True, exist_ok=True)
        write_nifti(folder / part / name, np.asfortranarray(volume), affine)
    return MaskPair("a", folder / "p" / name, folder / "r" / name)


def test_a_pair_of_files_scores_as_its_arrays(tmp_path):
    scored = score_pair(written(tmp_path))
    assert scored.shape == (12, 50, 40) and scored.spacing_mm == pytest.approx((3.0, 0.5, 0.75))
    truth, predicted = (np.ascontiguousarray(volume.transpose(2, 1, 0)) for volume in masks())
    expected = score_of(truth, predicted, "a").as_dict()
    row = scored.score.as_dict()
    for name in ("dice_liver", "dice_tumour", "voe_liver", "rvd_tumour", "slice_dice_smooth1_mean_tumour"):
        assert row[name] == pytest.approx(expected[name])
    assert 0.2 < row["assd_tumour"] < 1.5 and row["lesions_matched"] == 1
    assert row["voxel_ml"] == pytest.approx(math.prod(SPACING) / 1000)


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("flips", [(False, False, False), (True, False, True), (True, True, True)])
def test_orientation_changes_no_score(tmp_path, order, flips):
    upright = flat(written(tmp_path / "upright"))
    truth, affine = turned(masks()[0], order, flips)
    predicted, _ = turned(masks()[1], order, flips)
    assert flat(written(tmp_path, truth, predicted, affine)) == pytest.approx(upright, nan_ok=True)


def flat(pair: MaskPair) -> dict[str, object]:
    """All scores, the one lesion's list laid out."""
    row = score_pair(pair).score.as_dict()
    return row | {name: value[0] for name, value in row.items() if isinstance(value, list)}


def test_reading_a_mask_gives_the_display_frame(tmp_path):
    for order, flips in product([(0, 1, 2), (2, 0, 1)], [(False,) * 3, (True, False, False)]):
        volume, affine = turned(masks()[0], order, flips)
        path = write_nifti(tmp_path / "m.nii", np.asfortranarray(volume), affine)
        found = read_mask(path, read_header(path))
        upright = cut(masks()[0][::-1, ::-1].transpose(2, 1, 0), (3.0, 0.5, 0.75))
        assert found.start == upright.start and found.shape == upright.shape
        np.testing.assert_array_equal(found.labels, upright.labels)


def test_an_empty_prediction_is_a_failure_in_words_and_not_a_number(tmp_path):
    pair = written(tmp_path, predicted=np.zeros((40, 50, 12), np.uint8))
    document = as_document(evaluate([pair]))
    json.dumps(document, allow_nan=False)
    (case,) = document["cases"]
    assert case["labels"]["liver"]["failure"] is True
    assert case["labels"]["liver"]["hd95"] is None and case["labels"]["liver"]["dice"] == 0.0
    figures = document["summary"]["labels"]["liver"]
    assert (figures["hd95"]["n"], figures["hd95"]["failures"], figures["hd95"]["mean"]) == (0, 1, None)
    assert (figures["nsd"]["n"], figures["nsd"]["mean"]) == (1, 0.0)


def test_two_empty_masks_are_undefined(tmp_path):
    nothing = np.zeros((40, 50, 12), np.uint8)
    document = as_document(evaluate([written(tmp_path, nothing, nothing)]))
    liver = document["cases"][0]["labels"]["liver"]
    assert liver["dice"] is None and liver["assd"] is None and liver["failure"] is False
    assert document["summary"]["labels"]["liver"]["dice"]["undefined"] == 1
    assert document["summary"]["labels"]["tumour"]["dice"]["undefined"] == 0, "no case has tumour"


def test_figures_over_cases(tmp_path):
    truth, predicted = masks()
    good, bad = written(tmp_path / "1"), written(tmp_path / "2", predicted=np.minimum(predicted, 1))
    same = written(tmp_path / "3", predicted=truth)
    found = evaluate([good, bad, same])
    figures = as_document(found)["summary"]["labels"]["tumour"]["assd"]
    values = [item.score.surface("tumour").assd for item in found.scores]
    finite = [value for value in values if math.isfinite(value)]
    assert (figures["n"], figures["failures"], figures["undefined"]) == (2, 1, 0)
    assert figures["mean"] == pytest.approx(np.mean(finite)) and figures["sd"] == pytest.approx(np.std(finite, ddof=1))
    assert figures["median"] == pytest.approx(np.median(finite))
    assert as_document(found)["summary"]["lesion_recall_iou50"] == pytest.approx(2 / 3)


def test_the_tolerance_is_used_and_told(tmp_path):
    pair = written(tmp_path)
    shares = [evaluate([pair], tolerance).scores[0].score.surface("liver").nsd for tolerance in (0.1, 1.0, 5.0)]
    assert shares == sorted(shares) and shares[0] < shares[1] < shares[2] == 1.0
    assert as_document(evaluate([pair], 1.0))["tolerance_mm"] == 1.0
    for wrong in (-1.0, math.nan, math.inf):
        with pytest.raises(ConfigError, match="tolerance"):
            evaluate([pair], wrong)


def test_another_grid_is_refused_and_the_others_are_scored(tmp_path):
    good = written(tmp_path / "good")
    moved = AFFINE.copy()
    moved[0, 3] = 5.0
    shifted = written(tmp_path / "shifted")
    write_nifti(shifted.prediction, masks()[1], moved)
    smaller = written(tmp_path / "smaller")
    write_nifti(smaller.prediction, masks()[1][:-1], AFFINE)
    values = written(tmp_path / "values", truth=masks()[0] * 3)
    steps = []
    found = evaluate([shifted, good, smaller, values], on_pair=lambda: steps.append(1))
    assert len(found.scores) == 1 and len(steps) == 4
    assert [fault.rule for fault in found.problems] == ["N5", "N5", "N4"]
    assert "position differs from its reference" in str(found.problems[0])
    assert str(smaller.prediction) in str(found.problems[1]) and "39x50x12" in str(found.problems[1])


def test_folders_are_paired_by_name_and_every_other_file_is_named(tmp_path):
    predicted, truth = tmp_path / "p", tmp_path / "r"
    for path in (
        "p/case-10.nii.gz",
        "p/case-2.nii",
        "p/sub/x.nii.gz",
        "p/alone.nii",
        "p/twice.nii",
        "p/twice.nii.gz",
        "p/notes.txt",
        "r/case-10.nii.gz",
        "r/case-2.nii.gz",
        "r/sub/x.nii.gz",
        "r/twice.nii",
        "r/lost.nii.gz",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    pairs, problems = find_pairs(predicted, truth)
    assert [pair.name for pair in pairs] == ["case-2", "case-10", "sub/x"]
    assert pairs[0].prediction.name == "case-2.nii" and pairs[0].reference.name == "case-2.nii.gz"
    assert [(fault.case, fault.rule) for fault in problems] == [("alone", "D2"), ("lost", "D2"), ("twice", "D3")]
    assert "prediction without a reference" in str(problems[0]) and "move this file away" in str(problems[0])
    assert "reference without a prediction" in str(problems[1]) and "twice.nii.gz" in str(problems[2])


def test_two_files_are_a_pair_whatever_their_names(tmp_path):
    pair = written(tmp_path)
    other = pair.prediction.rename(tmp_path / "something else.nii.gz")
    (found,), problems = find_pairs(other, pair.reference)
    assert (found.name, found.prediction, problems) == ("a", other, ())


def test_what_cannot_be_paired_is_said(tmp_path):
    pair = written(tmp_path)
    with pytest.raises(DataError, match="no such file"):
        find_pairs(tmp_path / "nowhere", pair.reference)
    with pytest.raises(DataError, match="file cannot be compared with a folder"):
        find_pairs(pair.prediction, tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no masks"):
        find_pairs(tmp_path / "empty", tmp_path / "empty")
