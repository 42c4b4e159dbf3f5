from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from liverseg.metrics import baseline_scores, count_overlap, slice_dice_smooth1, summarise
from tests.liverseg.metrics.cases import reference_of, score_of, span_of

volumes = hnp.arrays(
    np.uint8, st.tuples(st.integers(1, 4), st.just(3), st.just(3)), elements=st.sampled_from([0, 0, 1, 2])
)


def with_tumour(uid: str, found: bool, patient: str | None = None):
    return score_of([[[1, 2, 2, 0]]], [[[1, 2, 2, 0] if found else [1, 1, 1, 0]]], uid, patient)


def tumour_free(uid: str, alarms: int):
    return score_of([[[1, 1, 1, 0]]], [[[1, 1, 1, 0] if not alarms else [1, 1, 1, 2]]], uid)


def test_tumour_dice_is_a_mean_over_patients_with_tumour():
    metrics = summarise([with_tumour("a", True), with_tumour("b", False), tumour_free("c", 1), tumour_free("d", 0)])
    assert metrics["dice_tumour_mean"] == 0.5
    assert metrics["dice_tumour_sd"] == pytest.approx(np.std([1.0, 0.0], ddof=1))
    assert (metrics["dice_tumour_n"], metrics["dice_tumour_nan"]) == (2, 1)
    assert (metrics["n_patients"], metrics["n_tumour_patients"]) == (4, 2)
    assert metrics["tumour_free_specificity"] == 0.5
    assert metrics["false_positive_ml_tumour_mean"] == pytest.approx((0.01 + 0.0) / 2)


def test_val_dice_is_the_mean_of_the_labels_that_can_be_scored():
    both = summarise([with_tumour("a", False)])
    assert both["val_dice"] == pytest.approx((both["dice_liver_mean"] + both["dice_tumour_mean"]) / 2)
    without = summarise([tumour_free("a", 0)])
    assert math.isnan(without["dice_tumour_mean"])
    assert without["val_dice"] == without["dice_liver_mean"] == 1.0


def test_global_dice_pools_voxels():
    metrics = summarise([with_tumour("a", True), with_tumour("b", False)])
    assert metrics["dice_global_tumour"] == pytest.approx(2 * 2 / (4 + 2))
    assert metrics["dice_global_liver"] == 1.0


def test_scans_of_one_patient_are_averaged_first():
    metrics = summarise([with_tumour("a", True, "pt-1"), with_tumour("b", False, "pt-1"), with_tumour("c", True)])
    assert metrics["dice_tumour_mean"] == pytest.approx((0.5 + 1.0) / 2)
    assert (metrics["n_patients"], metrics["dice_tumour_n"]) == (2, 2)


def test_one_patient_has_no_spread():
    assert math.isnan(summarise([with_tumour("a", True)])["dice_tumour_sd"])


def test_burden_error_counts_a_missing_prediction_as_no_burden():
    metrics = summarise(baseline_scores([span_of([[[1, 2, 2, 0]]])]))
    assert metrics["tumour_burden_rmse"] == pytest.approx(2 / 3)
    perfect = summarise([with_tumour("a", True)])
    assert perfect["tumour_burden_rmse"] == 0.0


def test_the_baseline_scores_high_on_slices_and_zero_on_volumes():
    labels = np.zeros((10, 2, 2), np.uint8)
    labels[4] = [[1, 2], [0, 0]]
    metrics = summarise(baseline_scores([span_of(labels)]))
    assert metrics["dice_tumour_mean"] == 0.0
    assert metrics["slice_dice_smooth1_tumour_mean"] == pytest.approx((9 + 1 / 2) / 10)


def test_a_liver_network_has_liver_metrics_only():
    metrics = summarise([score_of([[[1, 2]]], [[[1, 1]]], learned=("liver",))], ("liver",))
    assert metrics["val_dice"] == metrics["dice_liver_mean"] == 1.0
    assert metrics["n_tumour_patients"] == 1
    assert not any("tumour" in name for name in metrics if name != "n_tumour_patients")


def test_nothing_to_score_gives_undefined_numbers_not_errors():
    metrics = summarise([])
    assert metrics["n_patients"] == 0 and math.isnan(metrics["val_dice"])
    assert math.isnan(metrics["slice_dice_smooth1_liver_mean"])


@given(st.lists(st.tuples(volumes, st.integers(0, 2)), min_size=1, max_size=4))
def test_pooled_slices_equal_all_slices_in_one_list(cases):
    scores, pooled = [], []
    for k, (truth, shift) in enumerate(cases):
        predicted = np.roll(truth, shift, axis=2)
        scores.append(score_of(truth, predicted, f"case-{k}"))
        pooled.extend(slice_dice_smooth1(count_overlap(reference_of(truth), predicted)["liver"]))
    metrics = summarise(scores)
    assert metrics["slice_dice_smooth1_liver_mean"] == pytest.approx(np.mean(pooled))
    assert metrics["slice_dice_smooth1_liver_sd"] == pytest.approx(np.std(pooled), abs=1e-9)
