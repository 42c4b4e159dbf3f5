"""From the scores of scans to the numbers of a training: means between patients, pooled scores, undefined ones counted.

The patient is the statistical unit: scores of several scans of one patient are averaged first. Undefined scores (NaN)
never enter a mean; how many there were stands beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from liverseg.metrics.overlap import NAN, dice, scored_labels
from liverseg.metrics.score import CaseScore

Floats = npt.NDArray[np.float64]


class OfPatient(Protocol):
    """A record of one scan that knows whose it is."""

    @property
    def patient(self) -> str:
        """Pseudonym of the patient."""


Record = TypeVar("Record", bound=OfPatient)


def summarise(scores: Sequence[CaseScore], labels: tuple[str, ...] = ("liver", "tumour")) -> dict[str, float | int]:
    """All metrics of one evaluation.

    Args:
        scores: one record a scan.
        labels: labels that the network was taught; `val_dice` is the mean of their `dice_<label>_mean`, undefined ones
            left out (NaN when none is defined).

    Returns:
        Metric name to value; undefined values are NaN. Volume scores of `tumour` are means over patients that have
        tumour; the others give `tumour_free_specificity`, the share of them without a single tumour voxel predicted.
    """
    metrics: dict[str, float | int] = {}
    for label in scored_labels(labels):
        metrics |= _label_metrics(scores, label)
    metrics["val_dice"] = finite_mean([metrics[f"dice_{label}_mean"] for label in labels])
    metrics["n_patients"] = len({score.patient for score in scores})
    metrics["n_tumour_patients"] = len({score.patient for score in scores if score.has_tumour})
    if "tumour" in labels:
        metrics["tumour_burden_rmse"] = burden_rmse(scores)
        metrics["tumour_free_specificity"] = _specificity(scores)
    return metrics


def finite_mean(values: Iterable[float]) -> float:
    """Mean of the values that are not NaN; NaN when there are none."""
    array = np.asarray(list(values), np.float64)
    array = array[~np.isnan(array)]
    return float(array.mean()) if array.size else NAN


def _label_metrics(scores: Sequence[CaseScore], label: str) -> dict[str, float | int]:
    defined = by_patient(scores, lambda score: score.label(label).dice)
    ranked = [score for score in scores if label != "tumour" or score.has_tumour]
    dices = by_patient(ranked, lambda score: score.label(label).dice)
    slice_mean, slice_sd = pooled_slices(scores, label)
    return {
        f"dice_{label}_mean": finite_mean(dices),
        f"dice_{label}_sd": between_patients_sd(dices),
        f"dice_{label}_n": int(np.count_nonzero(~np.isnan(dices))),
        f"dice_{label}_nan": int(np.count_nonzero(np.isnan(defined))),
        f"dice_global_{label}": global_dice(scores, label),
        f"slice_dice_smooth1_{label}_mean": slice_mean,
        f"slice_dice_smooth1_{label}_sd": slice_sd,
        f"voe_{label}_mean": finite_mean(by_patient(ranked, lambda score: score.label(label).voe)),
        f"rvd_{label}_mean": finite_mean(by_patient(ranked, lambda score: score.label(label).rvd)),
        f"false_positive_ml_{label}_mean": finite_mean(
            by_patient(scores, lambda score: score.false_positive_ml(label))
        ),
    }


def by_patient(scores: Iterable[Record], value: Callable[[Record], float]) -> Floats:
    """One value a patient, in order of appearance: the mean over the patient's scans, NaN when none is defined."""
    grouped: dict[str, list[float]] = {}
    for score in scores:
        grouped.setdefault(score.patient, []).append(value(score))
    return np.array([finite_mean(values) for values in grouped.values()], np.float64)


def between_patients_sd(values: Floats) -> float:
    """Sample SD (one degree of freedom less); NaN for fewer than two patients."""
    finite = values[~np.isnan(values)]
    return float(finite.std(ddof=1)) if finite.size > 1 else NAN


def global_dice(scores: Sequence[CaseScore], label: str) -> float:
    """Dice over all voxels of all scans; NaN when all are empty."""
    parts = [score.label(label) for score in scores]
    return dice(
        sum(part.reference for part in parts),
        sum(part.prediction for part in parts),
        sum(part.intersection for part in parts),
    )


def pooled_slices(scores: Sequence[CaseScore], label: str) -> tuple[float, float]:
    """Mean and population SD over all slices of all scans, from the mean and SD of each scan. NaN without slices.

    The SD combines the variance within scans with that between their means (Chan, Golub and LeVeque 1983).
    """
    slices = np.array([score.slices for score in scores], np.float64)
    if not slices.sum():
        return NAN, NAN
    means = np.array([score.label(label).slice_dice_smooth1_mean for score in scores])
    sds = np.array([score.label(label).slice_dice_smooth1_sd for score in scores])
    mean = float(np.average(means, weights=slices))
    variance = float(np.average(sds**2 + (means - mean) ** 2, weights=slices))
    return mean, variance**0.5


def burden_rmse(scores: Sequence[CaseScore]) -> float:
    """Root mean square error of the tumour burden over patients whose reference has a liver.

    A prediction without any liver states no burden; it counts as 0, so that finding nothing is not rewarded.
    """

    def squared_error(score: CaseScore) -> float:
        predicted = score.predicted_burden
        return ((0.0 if np.isnan(predicted) else predicted) - score.reference_burden) ** 2

    return math.sqrt(finite_mean(by_patient(scores, squared_error)))


def _specificity(scores: Sequence[CaseScore]) -> float:
    with_tumour = {score.patient for score in scores if score.has_tumour}
    free = [score for score in scores if score.patient not in with_tumour]
    return finite_mean(
        [float(value == 0.0) for value in by_patient(free, lambda score: float(score.label("tumour").prediction))]
    )
