from __future__ import annotations

import math

import pytest

from liverseg.metrics import FullScore, full_score, summarise, summarise_full
from tests.liverseg.metrics.cases import reference_of, score_of

BOTH = ("liver", "tumour")


def full_of(truth, predicted, uid: str = "case-1", patient: str | None = None, learned=BOTH) -> FullScore:
    case = score_of(truth, predicted, uid, patient, learned)
    return full_score(case, reference_of(truth), reference_of(predicted))


def found(uid: str, patient: str | None = None) -> FullScore:
    return full_of([[[1, 2, 2, 0]]], [[[1, 2, 2, 0]]], uid, patient)


def missed(uid: str, patient: str | None = None) -> FullScore:
    return full_of([[[1, 2, 2, 0]]], [[[1, 1, 1, 0]]], uid, patient)


def off_by_one(uid: str, patient: str | None = None) -> FullScore:
    return full_of([[[1, 1, 2, 0]]], [[[1, 2, 0, 0]]], uid, patient)


def tumour_free(uid: str, alarms: int = 0) -> FullScore:
    return full_of([[[1, 1, 1, 1, 1]]], [[[1, 1, 2, 1, 1] if alarms else [1] * 5]], uid)


def test_the_flat_form_has_all_columns_of_overlap_and_more():
    row = off_by_one("a").as_dict()
    case = off_by_one("a").case.as_dict()
    assert {name: row[name] for name in case if case[name] == case[name]} == {
        name: value for name, value in case.items() if value == value
    }
    assert row["hd95_tumour"] == row["assd_tumour"] == row["mssd_tumour"] == row["rmsd_tumour"] == 1.0
    assert row["nsd_tumour"] == 1.0
    assert row["assd_liver"] == pytest.approx(1 / 5)
    assert row["assd_liver_only"] == pytest.approx(1 / 3)
    counts = [row[f"lesions_{name}"] for name in ("reference", "prediction", "matched")]
    assert counts == [1, 1, 0]
    assert row["lesion_ml_tumour"] == [pytest.approx(0.01)] and row["lesion_iou_tumour"] == [0.0]


def test_a_liver_network_has_no_lesions():
    score = full_of([[[1, 2]]], [[[1, 1]]], learned=("liver",))
    assert score.lesions is None and [part.label for part in score.surfaces] == ["liver"]
    assert not any(
        "tumour" in name or "lesion" in name
        for name in score.as_dict()
        if name not in ("has_tumour", "tumour_burden_reference", "tumour_burden_prediction")
    )
    metrics = summarise_full([score], ("liver",))
    assert metrics["assd_liver_mean"] == 0.0
    assert not any("tumour" in name or "lesion" in name for name in metrics)


def test_a_failure_is_counted_and_enters_no_mean():
    metrics = summarise_full([off_by_one("a"), missed("b"), missed("c")])
    for name in ("assd", "rmsd", "mssd", "hd95"):
        assert metrics[f"{name}_tumour_mean"] == 1.0
        assert metrics[f"{name}_tumour_failures"] == 2
        assert metrics[f"{name}_liver_failures"] == 0
    assert metrics["nsd_tumour_mean"] == pytest.approx(1 / 3)
    assert all(math.isfinite(value) or math.isnan(value) for value in metrics.values())


def test_tumour_distances_are_over_patients_with_tumour():
    metrics = summarise_full([found("a"), tumour_free("b", alarms=1), tumour_free("c")])
    assert (metrics["hd95_tumour_mean"], metrics["hd95_tumour_failures"]) == (0.0, 0)
    assert metrics["lesion_false_positives_tumour_free"] == 0.5


def test_scans_of_a_patient_are_averaged_first_and_one_failed_scan_fails_the_patient():
    metrics = summarise_full([found("a", "p"), off_by_one("b", "p"), off_by_one("c", "q")])
    assert metrics["hd95_tumour_mean"] == pytest.approx((0.5 + 1.0) / 2)
    metrics = summarise_full([found("a", "p"), missed("b", "p"), off_by_one("c", "q")])
    assert (metrics["hd95_tumour_mean"], metrics["hd95_tumour_failures"]) == (1.0, 1)


def test_lesions_are_pooled_over_scans():
    two = full_of([[[2, 2, 0, 2, 2, 0, 0]]], [[[2, 2, 0, 0, 2, 2, 2]]], "d")
    metrics = summarise_full([found("a"), missed("b"), two, tumour_free("c", alarms=1)])
    assert (metrics["lesions_reference"], metrics["lesions_prediction"]) == (4, 4)
    assert metrics["lesion_recall_iou50"] == pytest.approx(2 / 4)
    assert metrics["lesion_recall_any"] == pytest.approx(3 / 4)
    assert metrics["lesion_precision_iou50"] == pytest.approx(2 / 4)
    assert metrics["lesion_precision_any"] == pytest.approx(3 / 4)


def test_nothing_to_score_is_undefined():
    metrics = summarise_full([])
    assert math.isnan(metrics["hd95_liver_mean"]) and metrics["hd95_liver_failures"] == 0
    assert math.isnan(metrics["lesion_recall_iou50"])


def test_names_do_not_collide_with_those_of_overlap():
    scores = [found("a")]
    assert not set(summarise_full(scores)) & set(summarise([score.case for score in scores]))


def test_an_unknown_label_is_refused():
    with pytest.raises(KeyError):
        found("a").surface("spleen")
