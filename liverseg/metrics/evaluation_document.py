"""An evaluation in plain JSON values: scores by case and label, and figures over the cases."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from liverseg.metrics.evaluate import Evaluation, MaskScore
from liverseg.metrics.full import SURFACE_SCORES, FullScore
from liverseg.metrics.full_summary import lesion_metrics
from liverseg.metrics.lesion import Lesions
from liverseg.metrics.overlap import NAN, SCORED
from liverseg.metrics.score import LabelScore
from liverseg.metrics.summary import burden_rmse, global_dice, pooled_slices

SCHEMA_VERSION = 1
SCORES = ("dice", "voe", "rvd", *SURFACE_SCORES)
"""Scores of a label, in the order in which they are shown."""
_SLICES = ("slice_dice_smooth1_mean", "slice_dice_smooth1_sd")


def as_document(evaluation: Evaluation) -> dict[str, Any]:
    """The evaluation. Undefined scores are None; so are infinite distances, where `failure` is true."""
    scores = evaluation.scores
    document: dict[str, Any] = _plain(
        {
            "schema_version": SCHEMA_VERSION,
            "tolerance_mm": evaluation.tolerance_mm,
            "cases": [_case(item) for item in scores],
            "summary": {
                "labels": {label: summary_of(scores, label) for label in SCORED},
                "pooled": {label: pooled_of(scores, label) for label in SCORED},
                **tumours_of(scores),
            },
            "problems": [
                {"case": fault.case, "rule": fault.rule, "message": str(fault)} for fault in evaluation.problems
            ],
        }
    )
    return document


def summary_of(scores: Sequence[MaskScore], label: str) -> dict[str, dict[str, float | int]]:
    """Figures over cases by score of one label; those of `tumour` are over cases whose reference has tumour.

    Each has `n` (finite values), `failures` (infinite ones: one side empty), `undefined`, and of the finite ones `mean`,
    `sd` (n − 1), `median`, `q1` and `q3`, NaN where not defined.
    """
    ranked = [item.score for item in scores if label != "tumour" or item.score.case.has_tumour]
    return {name: _figures([score_value(score, label, name) for score in ranked]) for name in SCORES}


def pooled_of(scores: Sequence[MaskScore], label: str) -> dict[str, float]:
    """Scores of all cases together: `dice_global` over voxels, `slice_dice_smooth1_mean` and `_sd` over slices."""
    cases = [item.score.case for item in scores]
    mean, sd = pooled_slices(cases, label)
    return {"dice_global": global_dice(cases, label), "slice_dice_smooth1_mean": mean, "slice_dice_smooth1_sd": sd}


def tumours_of(scores: Sequence[MaskScore]) -> dict[str, float | int]:
    """Lesions of all cases pooled, see `lesion_metrics`, and `tumour_burden_rmse`."""
    burden = burden_rmse([item.score.case for item in scores])
    return {**lesion_metrics([item.score for item in scores]), "tumour_burden_rmse": burden}


def score_value(score: FullScore, label: str, name: str) -> float:
    """One of `SCORES` of one label."""
    part = score.surface(label) if name in SURFACE_SCORES else score.case.label(label)
    return float(getattr(part, name))


def _figures(values: Sequence[float]) -> dict[str, float | int]:
    array = np.asarray(values, np.float64)
    finite = array[np.isfinite(array)]
    q1, median, q3 = np.quantile(finite, [0.25, 0.5, 0.75]).tolist() if finite.size else [NAN] * 3
    return {
        "n": finite.size,
        "failures": int(np.count_nonzero(np.isinf(array))),
        "undefined": int(np.count_nonzero(np.isnan(array))),
        "mean": float(finite.mean()) if finite.size else NAN,
        "sd": float(finite.std(ddof=1)) if finite.size > 1 else NAN,
        "median": median,
        "q1": q1,
        "q3": q3,
    }


def _case(item: MaskScore) -> dict[str, Any]:
    case, lesions = item.score.case, item.score.lesions
    assert lesions is not None
    return {
        "case": item.name,
        "shape": list(item.shape),
        "spacing_mm": list(item.spacing_mm),
        "has_tumour": case.has_tumour,
        "tumour_burden_reference": case.reference_burden,
        "tumour_burden_prediction": case.predicted_burden,
        "labels": {score.label: _label(item.score, score) for score in case.labels},
        "lesions": {
            "reference": _lesions(lesions.reference, case.voxel_ml),
            "prediction": _lesions(lesions.prediction, case.voxel_ml),
        },
    }


def _label(whole: FullScore, score: LabelScore) -> dict[str, Any]:
    volume_ml = whole.case.voxel_ml
    return {
        "reference_ml": score.reference * volume_ml,
        "prediction_ml": score.prediction * volume_ml,
        "intersection_ml": score.intersection * volume_ml,
        "false_positive_ml": whole.case.false_positive_ml(score.label),
        **{name: score_value(whole, score.label, name) for name in SCORES},
        "failure": whole.surface(score.label).failed,
        **{name: getattr(score, name) for name in _SLICES},
    }


def _lesions(lesions: Lesions, voxel_ml: float) -> dict[str, Any]:
    return {
        "count": lesions.count,
        "matched": lesions.matched,
        "touched": lesions.touched,
        "ml": [voxels * voxel_ml for voxels in lesions.voxels],
        "iou": list(lesions.iou),
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
