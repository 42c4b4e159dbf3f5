"""Every score of the cases, summed up between patients: for one setting of each architecture, with all its replicates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from results.records import TrialRecord

CASE_METRICS = ("dice", "voe", "rvd", "assd", "rmsd", "mssd", "hd95", "nsd")
"""Scores of a label that cases may have, in the order in which they are shown."""
LESION_COUNTS = ("lesions_reference", "lesions_prediction", "lesions_matched")
TOUCHED_COUNTS = ("lesions_reference_touched", "lesions_prediction_touched")
BURDENS = ("tumour_burden_reference", "tumour_burden_prediction")
_NAN = math.nan


@dataclass(frozen=True, slots=True)
class MetricSummary:
    """One score of one label between patients.

    Attributes:
        n: patients with a finite value.
        failures: patients with an infinite one: of a distance, one side was empty in some scan or replicate.
        undefined: patients without a value.
        mean, sd, median, q1, q3: of the finite values; `sd` has one degree of freedom less. NaN where not defined.
    """

    n: int
    failures: int
    undefined: int
    mean: float = _NAN
    sd: float = _NAN
    median: float = _NAN
    q1: float = _NAN
    q3: float = _NAN


@dataclass(frozen=True, slots=True)
class LesionSummary:
    """The tumours of all cases pooled, over all replicates. Shares are NaN where there is nothing to share.

    Attributes:
        replicates: trials behind the numbers; counts are sums over them.
        reference, prediction: how many tumours there are, and were predicted.
        recall_iou50, precision_iou50: shares found, and true, with IoU > 0.5.
        recall_any, precision_any: shares that share a voxel with the other side.
        false_tumours: predicted in a patient without tumour, mean over those patients.
        burden_rmse: of tumour over liver volume, over patients whose reference has a liver.
    """

    replicates: int
    reference: int
    prediction: int
    recall_iou50: float
    precision_iou50: float
    recall_any: float
    precision_any: float
    false_tumours: float
    burden_rmse: float


def metric_summary(trials: Sequence[TrialRecord], label: str, name: str) -> MetricSummary | None:
    """A score of one label between patients; None when no case of the trials has it.

    A patient's value is the mean over scans and replicates, undefined ones left out; one infinite value makes it infinite, a
    failure. Values of `tumour` are of cases whose reference has tumour.
    """
    column = f"{name}_{label}"
    values: dict[str, list[float]] = {}
    known = False
    for trial in trials:
        for case, more in zip(trial.cases, trial.case_scores, strict=True):
            if label == "tumour" and not case.has_tumour:
                continue
            value = getattr(case, column) if name == "dice" else more.get(column)
            known = known or value is not None
            values.setdefault(case.patient, []).append(_NAN if value is None else value)
    return _summary([_mean(found) for found in values.values()]) if known else None


def _summary(values: Sequence[float]) -> MetricSummary:
    array = np.asarray(values, np.float64)
    finite = array[np.isfinite(array)]
    failures, undefined = int(np.isinf(array).sum()), int(np.isnan(array).sum())
    if not finite.size:
        return MetricSummary(0, failures, undefined)
    q1, median, q3 = np.quantile(finite, [0.25, 0.5, 0.75]).tolist()
    sd = float(finite.std(ddof=1)) if finite.size > 1 else _NAN
    return MetricSummary(finite.size, failures, undefined, float(finite.mean()), sd, median, q1, q3)


def lesion_summary(trials: Sequence[TrialRecord]) -> LesionSummary | None:
    """The tumours one by one; None when no case of the trials was scored on them."""
    rows = [
        (case.patient, case.has_tumour, more)
        for trial in trials
        for case, more in zip(trial.cases, trial.case_scores, strict=True)
        if all(math.isfinite(more.get(name, _NAN)) for name in LESION_COUNTS)
    ]
    if not rows:
        return None
    scores = [more for _, _, more in rows]
    reference, prediction, matched = (_total(scores, name) for name in LESION_COUNTS)
    touched, touching = (_total(scores, name) for name in TOUCHED_COUNTS)
    ill = {patient for patient, has_tumour, _ in rows if has_tumour}
    alarms = [(patient, more["lesions_prediction"]) for patient, _, more in rows if patient not in ill]
    return LesionSummary(
        replicates=len(trials),
        reference=int(reference),
        prediction=int(prediction),
        recall_iou50=_share(matched, reference),
        precision_iou50=_share(matched, prediction),
        recall_any=_share(touched, reference),
        precision_any=_share(touching, prediction),
        false_tumours=_mean(_by_patient(alarms)),
        burden_rmse=_root(_mean(_by_patient([(patient, _burden_error(more)) for patient, _, more in rows]))),
    )


def _total(scores: Sequence[Mapping[str, float]], name: str) -> float:
    """The sum of a count; NaN where a case lacks it."""
    return math.fsum(more.get(name, _NAN) for more in scores)


def _burden_error(more: Mapping[str, float]) -> float:
    """Squared error of the tumour burden. Without any liver predicted it is stated as 0: finding nothing is not rewarded."""
    reference, prediction = (more.get(name, _NAN) for name in BURDENS)
    told = "tumour_burden_prediction" in more and math.isnan(prediction)
    return ((0.0 if told else prediction) - reference) ** 2


def _by_patient(values: Sequence[tuple[str, float]]) -> list[float]:
    grouped: dict[str, list[float]] = {}
    for patient, value in values:
        grouped.setdefault(patient, []).append(value)
    return [_mean(found) for found in grouped.values()]


def finite_mean(values: Sequence[float]) -> float:
    """Mean of the finite values; NaN without any."""
    return _mean([value for value in values if math.isfinite(value)])


def _mean(values: Sequence[float]) -> float:
    """Mean of those that are not NaN; NaN without any, infinite as soon as one is."""
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else _NAN


def _share(part: float, whole: float) -> float:
    return part / whole if whole else _NAN


def _root(value: float) -> float:
    return math.sqrt(value) if value >= 0 else _NAN
