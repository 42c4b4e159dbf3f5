"""Figures over patients by hand, and how failures, replicates and tumour-free patients count."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from results.records import CaseScore, TrialRecord
from results.statistics.metrics import MetricSummary, lesion_summary, metric_summary

Row = tuple[str, bool, dict[str, Any]]


def trial(*rows: Row, seed: int = 0) -> TrialRecord:
    """A trial of cases `(patient, has_tumour, scores)`; `dice` is a score of the liver."""
    columns = sorted({name for _, _, scores in rows for name in scores if name != "dice"})
    cases = tuple(
        CaseScore(f"case-{i}", patient, scores.get("dice", 0.5), math.nan, ill)
        for i, (patient, ill, scores) in enumerate(rows)
    )
    told = {"columns": columns, "rows": [[scores.get(name) for name in columns] for _, _, scores in rows]}
    text = json.dumps(told).encode() if columns else b""
    return TrialRecord(f"t{seed}", seed, "unet", {}, "", seed, 0, "finished", cases=cases, scores_json=text)


def test_figures_by_hand() -> None:
    found = metric_summary(
        [trial(*((p, True, {"hd95_liver": v}) for p, v in zip("abcd", (1, 2, 3, 6), strict=True)))], "liver", "hd95"
    )
    assert found == MetricSummary(4, 0, 0, 3.0, pytest.approx(math.sqrt(14 / 3)), 2.5, 1.75, 3.75)


def test_a_failure_is_counted_and_enters_no_mean() -> None:
    found = metric_summary(
        [
            trial(
                ("a", True, {"assd_liver": 2.0}), ("b", True, {"assd_liver": "inf"}), ("c", True, {"assd_liver": None})
            )
        ],
        "liver",
        "assd",
    )
    assert found is not None
    assert (found.n, found.failures, found.undefined, found.mean, found.median) == (1, 1, 1, 2.0, 2.0)
    assert math.isnan(found.sd)


def test_scans_and_replicates_of_a_patient_are_averaged_first_and_one_failure_fails_the_patient() -> None:
    one = trial(("a", True, {"assd_liver": 1.0}), ("a", True, {"assd_liver": 3.0}), ("b", True, {"assd_liver": 5.0}))
    two = trial(("a", True, {"assd_liver": 8.0}), ("b", True, {"assd_liver": "inf"}), seed=1)
    found = metric_summary([one, two], "liver", "assd")
    assert found is not None and (found.n, found.failures, found.mean) == (1, 1, 4.0)


def test_tumours_count_where_there_is_one_and_dice_comes_from_the_cases() -> None:
    rows = trial(("a", True, {"nsd_tumour": 0.5, "dice": 0.9}), ("b", False, {"nsd_tumour": 0.0, "dice": 0.7}))
    found = metric_summary([rows], "tumour", "nsd")
    assert found is not None and (found.n, found.mean) == (1, 0.5)
    dice = metric_summary([rows], "liver", "dice")
    assert dice is not None and (dice.n, dice.mean) == (2, pytest.approx(0.8))


def test_a_score_that_no_case_has_is_no_row() -> None:
    assert metric_summary([trial(("a", True, {}))], "liver", "hd95") is None
    assert lesion_summary([trial(("a", True, {}))]) is None


def lesions(*counts: int, burden: tuple[float, float | None]) -> dict[str, Any]:
    names = ("reference", "prediction", "matched", "reference_touched", "prediction_touched")
    scores: dict[str, Any] = {f"lesions_{name}": count for name, count in zip(names, counts, strict=True)}
    return scores | {"tumour_burden_reference": burden[0], "tumour_burden_prediction": burden[1]}


def test_lesions_are_pooled_and_false_ones_of_tumour_free_patients_count() -> None:
    found = lesion_summary(
        [
            trial(
                ("a", True, lesions(4, 2, 1, 3, 2, burden=(0.2, 0.1))),
                ("b", False, lesions(0, 3, 0, 0, 0, burden=(0.0, 0.1))),
                ("c", True, lesions(1, 0, 0, 0, 0, burden=(0.3, None))),
            )
        ]
    )
    assert found is not None
    assert (found.reference, found.prediction, found.recall_iou50, found.precision_iou50) == (5, 5, 0.2, 0.2)
    assert (found.recall_any, found.precision_any, found.false_tumours) == (0.6, 0.4, 3.0)
    # A liver that was not found at all has a burden of 0.
    assert found.burden_rmse == pytest.approx(math.sqrt((0.01 + 0.01 + 0.09) / 3))


def test_nothing_to_share_is_undefined() -> None:
    found = lesion_summary([trial(("a", False, lesions(0, 0, 0, 0, 0, burden=(0.0, 0.0))))])
    assert found is not None and math.isnan(found.recall_iou50) and math.isnan(found.precision_any)
    assert found.false_tumours == 0.0
