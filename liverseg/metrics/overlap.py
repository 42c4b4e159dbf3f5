"""Overlap of a predicted and a reference mask, as integer counts per slice, and the scores that follow from them.

Every score in this module is a function of three counts per label: voxels of the reference `|T|`, of the prediction
`|P|`, and of both `I`. They are counted slice by slice on the scan's own grid, so that a whole predicted volume never
has to be in memory and the study's score per slice comes from the same numbers as the score per volume.

Scored labels: `liver` is label >= 1, `tumour` is label 2, `liver_only` is label 1 alone (the study's liver).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from liverseg.preprocess.arrays import Mask, NativeReference

Counts = npt.NDArray[np.int64]

SCORED: Mapping[str, tuple[int, ...]] = MappingProxyType({"liver": (1, 2), "tumour": (2,), "liver_only": (1,)})
"""Mask values that make up each scored label."""

NAN = float("nan")


def scored_labels(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Scored labels of a network that was taught `labels`: a network without tumours cannot tell liver from tumour."""
    return tuple(SCORED) if "tumour" in labels else ("liver",)


@dataclass(frozen=True, slots=True)
class LabelCounts:
    """Voxel counts of one label in one volume, int64 `(n_slices,)` each.

    Attributes:
        reference: voxels of the reference, `|T|`.
        prediction: voxels of the prediction, `|P|`.
        intersection: voxels of both, `I`.
    """

    reference: Counts
    prediction: Counts
    intersection: Counts

    @property
    def totals(self) -> tuple[int, int, int]:
        """`(|T|, |P|, I)` of the whole volume."""
        return int(self.reference.sum()), int(self.prediction.sum()), int(self.intersection.sum())


def slice_confusion(reference: NativeReference, index: int, labels: Mask, start: tuple[int, int] = (0, 0)) -> Counts:
    """Confusion of one predicted slice with the reference.

    Args:
        reference: the reference mask on the native grid.
        index: slice of the volume.
        labels: uint8 `(bh, bw)` with values 0, 1, 2: a box of the predicted slice; outside it all is background.
        start: row and column of the box within the slice.

    Returns:
        int64 `(3, 3)`: voxels with reference value i and predicted value j. The sum is the slice's number of voxels.
    """
    counts = np.zeros((3, 3), np.int64)
    truth, truth_start = _reference_slice(reference, index)
    truth_totals = [int(np.count_nonzero(truth == value)) for value in (1, 2)]
    inner_truth, inner = _overlapping(truth, truth_start, labels, start)
    for j in (1, 2):
        predicted = inner == j
        for i in (1, 2):
            counts[i, j] = np.count_nonzero(predicted & (inner_truth == i))
        counts[0, j] = np.count_nonzero(labels == j) - counts[1, j] - counts[2, j]
    for i in (1, 2):
        counts[i, 0] = truth_totals[i - 1] - counts[i, 1] - counts[i, 2]
    counts[0, 0] = reference.shape[1] * reference.shape[2] - counts.sum()
    return counts


def _reference_slice(reference: NativeReference, index: int) -> tuple[Mask, tuple[int, int]]:
    z = index - reference.start[0]
    if 0 <= z < reference.labels.shape[0]:
        return reference.labels[z], (reference.start[1], reference.start[2])
    return np.zeros((0, 0), np.uint8), (0, 0)


def _overlapping(a: Mask, a_start: tuple[int, int], b: Mask, b_start: tuple[int, int]) -> tuple[Mask, Mask]:
    """The parts of two boxes that lie on each other; both empty when none do."""
    first = [max(a_start[k], b_start[k]) for k in (0, 1)]
    last = [max(first[k], min(a_start[k] + a.shape[k], b_start[k] + b.shape[k])) for k in (0, 1)]

    def cut(box: Mask, start: tuple[int, int]) -> Mask:
        return box[first[0] - start[0] : last[0] - start[0], first[1] - start[1] : last[1] - start[1]]

    if last[0] == first[0] or last[1] == first[1]:
        return a[:0, :0], b[:0, :0]
    return cut(a, a_start), cut(b, b_start)


def label_counts(confusion: Counts, label: str) -> LabelCounts:
    """Counts of one scored label.

    Args:
        confusion: int64 `(n_slices, 3, 3)`, reference value by predicted value.
        label: a key of `SCORED`.
    """
    values = list(SCORED[label])
    return LabelCounts(
        reference=confusion[:, values, :].sum(axis=(1, 2)),
        prediction=confusion[:, :, values].sum(axis=(1, 2)),
        intersection=confusion[:, values][:, :, values].sum(axis=(1, 2)),
    )


def count_overlap(
    reference: NativeReference, prediction: Mask, labels: tuple[str, ...] = tuple(SCORED)
) -> dict[str, LabelCounts]:
    """Counts of a whole predicted volume.

    Args:
        reference: the reference mask.
        prediction: uint8 `(n, h, w)` of the reference's shape, values 0, 1, 2.
        labels: scored labels wanted.

    Raises:
        ValueError: the shapes differ.
    """
    if prediction.shape != reference.shape:
        raise ValueError(f"prediction has shape {prediction.shape}, the reference {reference.shape}")
    confusion = np.stack([slice_confusion(reference, z, plane) for z, plane in enumerate(prediction)])
    return {label: label_counts(confusion, label) for label in labels}


def dice(reference: int, prediction: int, intersection: int) -> float:
    """Dice `2I/(|T|+|P|)`. Both empty: NaN. Empty reference, non-empty prediction: 0. (Dice 1945, Sørensen 1948.)"""
    total = reference + prediction
    return 2.0 * intersection / total if total else NAN


def voe(reference: int, prediction: int, intersection: int) -> float:
    """Volumetric overlap error `1 - I/|T u P|`, 0 is perfect. Both empty: NaN. (Heimann et al. 2009.)"""
    union = reference + prediction - intersection
    return 1.0 - intersection / union if union else NAN


def rvd(reference: int, prediction: int) -> float:
    """Signed relative volume difference `(|P|-|T|)/|T|`, positive when too much was predicted. Empty reference: NaN."""
    return (prediction - reference) / reference if reference else NAN


def false_positive_ml(reference: int, prediction: int, voxel_ml: float) -> float:
    """Volume in mL that was predicted although the reference is empty. NaN when the reference is not empty."""
    return NAN if reference else prediction * voxel_ml


def slice_dice_smooth1(counts: LabelCounts) -> npt.NDArray[np.float64]:
    """The study's score `(2I+1)/(|T|+|P|+1)` of each slice, float64 `(n_slices,)`; an empty slice left empty gets 1."""
    return (2.0 * counts.intersection + 1.0) / (counts.reference + counts.prediction + 1.0)


def tumour_burden(tumour: int, liver: int) -> float:
    """Share of the liver (label >= 1) that is tumour. No liver: NaN. (LiTS, Bilic et al. 2023.)"""
    return tumour / liver if liver else NAN
