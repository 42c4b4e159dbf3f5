"""From the full scores of scans to means between patients: surface distances with their failures, and lesions pooled.

A distance is infinite where one side is empty: nothing was found of what is there, or something of what is not. Such a
patient has failed and enters no mean; the number of failures stands beside every mean, because a mean over the patients
that went well says little without it. A patient with several scans has failed when one of them has.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from liverseg.metrics.full import FullScore
from liverseg.metrics.lesion import LesionScore
from liverseg.metrics.overlap import NAN, scored_labels
from liverseg.metrics.summary import Floats, between_patients_sd, by_patient, finite_mean
from liverseg.metrics.surface import DISTANCES


def summarise_full(
    scores: Sequence[FullScore], labels: tuple[str, ...] = ("liver", "tumour")
) -> dict[str, float | int]:
    """The metrics that `summarise` does not have.

    Args:
        scores: one record a scan.
        labels: labels that the network was taught.

    Returns:
        Metric name to value; undefined values are NaN, none is infinite. For each scored label `assd`, `rmsd`, `mssd` and
        `hd95` with `_mean`, `_sd` and `_failures`, and `nsd` with `_mean` and `_sd`. Scores of `tumour` are over scans that
        have tumour. For lesions: how many there are, precision and recall pooled over all scans, and the false ones of a
        tumour-free patient.
    """
    metrics: dict[str, float | int] = {}
    for label in scored_labels(labels):
        metrics |= _surface_metrics(scores, label)
    return metrics | lesion_metrics(scores) if "tumour" in labels else metrics


def _surface_metrics(scores: Sequence[FullScore], label: str) -> dict[str, float | int]:
    ranked = [score for score in scores if label != "tumour" or score.case.has_tumour]
    metrics: dict[str, float | int] = {}
    for name in (*DISTANCES, "nsd"):
        values = by_patient(ranked, lambda score, name=name: getattr(score.surface(label), name))  # type: ignore[misc]
        finite = values[np.isfinite(values)]
        metrics[f"{name}_{label}_mean"] = finite_mean(finite)
        metrics[f"{name}_{label}_sd"] = between_patients_sd(finite)
        if name in DISTANCES:
            metrics[f"{name}_{label}_failures"] = int(np.count_nonzero(np.isinf(values)))
    return metrics


def lesion_metrics(scores: Sequence[FullScore]) -> dict[str, float | int]:
    """The metrics of lesions, of scans that were scored on tumours."""
    lesions = [score.lesions for score in scores if score.lesions is not None]
    reference = sum(item.reference.count for item in lesions)
    prediction = sum(item.prediction.count for item in lesions)
    return {
        "lesions_reference": reference,
        "lesions_prediction": prediction,
        "lesion_recall_iou50": _share(sum(item.reference.matched for item in lesions), reference),
        "lesion_precision_iou50": _share(sum(item.prediction.matched for item in lesions), prediction),
        "lesion_recall_any": _share(sum(item.reference.touched for item in lesions), reference),
        "lesion_precision_any": _share(sum(item.prediction.touched for item in lesions), prediction),
        "lesion_false_positives_tumour_free": finite_mean(_false_alarms(scores)),
    }


def _false_alarms(scores: Sequence[FullScore]) -> Floats:
    """Lesions predicted in each patient that has no tumour in any scan; a mean over scans where there are several."""
    with_tumour = {score.patient for score in scores if score.case.has_tumour}
    free = [score for score in scores if score.patient not in with_tumour and score.lesions is not None]
    return by_patient(free, lambda score: float(_lesions_of(score).prediction.count))


def _lesions_of(score: FullScore) -> LesionScore:
    assert score.lesions is not None
    return score.lesions


def _share(part: int, whole: int) -> float:
    return part / whole if whole else NAN
