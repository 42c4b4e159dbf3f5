"""Small volumes to score."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from liverseg.metrics import CaseScore, score_case, slice_confusion
from liverseg.preprocess.arrays import CaseSpan, NativeReference, PlaneMap


def reference_of(labels: npt.ArrayLike, spacing_mm: tuple[float, float, float] = (10.0, 1.0, 1.0)) -> NativeReference:
    """The reference of a full uint8 volume, cut to its bounding box."""
    volume = np.asarray(labels, np.uint8)
    where = np.nonzero(volume)
    if not where[0].size:
        return NativeReference(volume.shape, spacing_mm, (0, 0, 0), np.zeros((0, 0, 0), np.uint8))
    low = tuple(int(axis.min()) for axis in where)
    high = tuple(int(axis.max()) + 1 for axis in where)
    box = volume[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
    return NativeReference(volume.shape, spacing_mm, low, box)


def span_of(
    labels: npt.ArrayLike,
    uid: str = "case-1",
    patient: str | None = None,
    spacing_mm: tuple[float, float, float] = (10.0, 1.0, 1.0),
) -> CaseSpan:
    """A scan whose reference is a full uint8 volume, one to one with the network's square."""
    reference = reference_of(labels, spacing_mm)
    n, h, w = reference.shape
    return CaseSpan(uid, patient or uid, 0, n, PlaneMap((h, w), (h, w), 0, 0, max(h, w)), reference)


def score_of(
    labels: npt.ArrayLike,
    prediction: npt.ArrayLike,
    uid: str = "case-1",
    patient: str | None = None,
    learned: tuple[str, ...] = ("liver", "tumour"),
) -> CaseScore:
    """Scores of a full predicted volume."""
    span = span_of(labels, uid, patient)
    predicted = np.asarray(prediction, np.uint8)
    confusion = np.stack([slice_confusion(span.reference, z, plane) for z, plane in enumerate(predicted)])
    return score_case(span, confusion, learned)
