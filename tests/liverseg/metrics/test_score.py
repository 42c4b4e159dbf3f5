from __future__ import annotations

import json
import math

import numpy as np
import pytest

from liverseg.metrics import CaseScore, baseline_scores, score_case
from tests.liverseg.metrics.cases import score_of, span_of

TRUTH = [[[1, 1, 0], [2, 2, 0]], [[1, 0, 0], [0, 0, 0]], [[0, 0, 0], [0, 0, 0]]]
PREDICTED = [[[1, 1, 1], [2, 1, 0]], [[0, 0, 0], [0, 0, 0]], [[0, 0, 0], [0, 0, 0]]]


def test_hand_computed_case():
    score = score_of(TRUTH, PREDICTED)
    row = score.as_dict()
    assert row["dice_liver"] == pytest.approx(2 * 4 / (5 + 5))
    assert row["dice_tumour"] == pytest.approx(2 * 1 / (2 + 1))
    assert row["dice_liver_only"] == pytest.approx(2 * 2 / (3 + 4))
    assert row["rvd_tumour"] == pytest.approx(-0.5)
    assert row["voe_liver"] == pytest.approx(1 - 4 / 6)
    assert row["slice_dice_smooth1_mean_liver"] == pytest.approx(np.mean([9 / 10, 1 / 2, 1.0]))
    assert row["slice_dice_smooth1_sd_liver"] == pytest.approx(np.std([9 / 10, 1 / 2, 1.0]))
    assert row["tumour_burden_reference"] == pytest.approx(2 / 5)
    assert row["tumour_burden_prediction"] == pytest.approx(1 / 5)
    assert row["voxel_ml"] == pytest.approx(0.01)
    assert row["has_tumour"] is True
    assert math.isnan(row["false_positive_ml_tumour"])


def test_false_positive_volume_where_there_is_no_tumour():
    score = score_of([[[1, 1], [0, 0]]], [[[1, 2], [2, 0]]])
    assert score.label("tumour").dice == 0.0
    assert score.false_positive_ml("tumour") == pytest.approx(0.02)


def test_the_flat_form_is_plain_and_comes_back():
    score = score_of(TRUTH, PREDICTED)
    row = json.loads(json.dumps(score.as_dict()))
    assert CaseScore.from_dict(row) == score


def test_a_scan_without_liver_comes_back_from_null():
    score = score_of(np.zeros((1, 2, 2)), np.zeros((1, 2, 2)))
    row = score.as_dict() | {"tumour_burden_reference": None}
    assert math.isnan(CaseScore.from_dict(row).reference_burden)
    assert math.isnan(score.label("liver").dice)


def test_a_liver_network_has_no_tumour_columns_but_knows_of_tumours():
    score = score_of(TRUTH, np.minimum(PREDICTED, 1), learned=("liver",))
    assert [part.label for part in score.labels] == ["liver"]
    assert score.has_tumour and math.isnan(score.predicted_burden)
    with pytest.raises(KeyError):
        score.label("tumour")


def test_the_baseline_finds_nothing():
    (score,) = baseline_scores([span_of(TRUTH)])
    assert [score.label(name).dice for name in ("liver", "tumour", "liver_only")] == [0.0, 0.0, 0.0]
    assert score.label("tumour").slice_dice_smooth1_mean == pytest.approx((1 / 3 + 1 + 1) / 3)


def test_counts_of_other_slices_are_refused():
    with pytest.raises(ValueError, match="3 slices"):
        score_case(span_of(TRUTH), np.zeros((2, 3, 3), np.int64), ("liver", "tumour"))
