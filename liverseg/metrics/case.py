"""From the confusion counts of a scan's slices to its `CaseScore`."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from liverseg.metrics.overlap import Counts, label_counts, scored_labels, slice_confusion, tumour_burden
from liverseg.metrics.score import CaseScore, LabelScore
from liverseg.preprocess.arrays import CaseSpan, Mask, NativeReference


def score_case(span: CaseSpan, confusion: Counts, labels: tuple[str, ...]) -> CaseScore:
    """Scores of one scan.

    Args:
        span: the scan, with its reference mask.
        confusion: int64 `(n_slices, 3, 3)` of every native slice, reference value by predicted value.
        labels: labels that the network was taught.

    Raises:
        ValueError: the number of slices is not the reference's.
    """
    return score_counts(span.uid, span.patient, span.reference, confusion, labels)


def score_counts(
    uid: str, patient: str, volume: NativeReference, confusion: Counts, labels: tuple[str, ...]
) -> CaseScore:
    """As `score_case`, for a reference that is part of no pack."""
    if confusion.shape != (volume.shape[0], 3, 3):
        raise ValueError(f"{uid}: counts of shape {confusion.shape} for {volume.shape[0]} slices")
    reference = confusion.sum(axis=(0, 2))
    return CaseScore(
        uid=uid,
        patient=patient,
        slices=confusion.shape[0],
        voxel_ml=math.prod(volume.spacing_mm) / 1000.0,
        reference_burden=tumour_burden(int(reference[2]), int(reference[1:].sum())),
        has_tumour=bool(reference[2]),
        labels=tuple(LabelScore.of(name, label_counts(confusion, name)) for name in scored_labels(labels)),
    )


def baseline_scores(spans: Iterable[CaseSpan], labels: tuple[str, ...] = ("liver", "tumour")) -> list[CaseScore]:
    """Scores of the all-background prediction: what a network gets for finding nothing at all."""
    nothing: Mask = np.zeros((0, 0), np.uint8)
    return [
        score_case(
            span,
            np.stack([slice_confusion(span.reference, z, nothing) for z in range(span.reference.shape[0])]),
            labels,
        )
        for span in spans
    ]
