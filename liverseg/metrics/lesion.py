"""Tumours one by one: which of the reference's lesions were found, and which of the predicted ones are there.

A lesion is a connected component of label 2 with 26-connectivity: voxels that share a face, an edge or a corner are one
lesion, so that a tumour whose outline shifts by a pixel from one thick slice to the next stays in one piece. No lesion is
too small to count.

A lesion's overlap is its largest IoU with one lesion of the other side. It is *found* when that exceeds 0.5, which at most
one lesion of the other side can do, so that found lesions of both sides come in pairs (Kirillov et al. 2019). As a second,
generous figure it is *touched* when it shares any voxel; there several lesions may share a partner.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from liverseg.metrics.boundary import label_mask
from liverseg.preprocess.arrays import NativeReference

MATCH_IOU = 0.5
_CONNECTIVITY = np.ones((3, 3, 3), bool)

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Lesions:
    """The lesions of one side of one scan, in order of their first voxel.

    Attributes:
        voxels: size of each.
        iou: its largest IoU with one lesion of the other side; 0 when it touches none.
    """

    voxels: tuple[int, ...]
    iou: tuple[float, ...]

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.voxels)

    @property
    def matched(self) -> int:
        """How many have a partner with IoU > 0.5."""
        return sum(value > MATCH_IOU for value in self.iou)

    @property
    def touched(self) -> int:
        """How many share a voxel with the other side."""
        return sum(value > 0 for value in self.iou)


@dataclass(frozen=True, slots=True)
class LesionScore:
    """The lesions of one scan.

    Attributes:
        reference: those of the reference; `matched` of them were found.
        prediction: the predicted ones; those not `matched` are false positives.
    """

    reference: Lesions
    prediction: Lesions


def lesion_score(reference: NativeReference, prediction: NativeReference) -> LesionScore:
    """The lesions of a reference and of a prediction on the same grid."""
    truth, truth_sizes = _components(reference)
    found, found_sizes = _components(prediction)
    pairs, shared = _shared(truth, reference.start, found, prediction.start)
    union = truth_sizes[pairs[0]] + found_sizes[pairs[1]] - shared
    iou = shared / union
    return LesionScore(_lesions(truth_sizes, pairs[0], iou), _lesions(found_sizes, pairs[1], iou))


def _components(volume: NativeReference) -> tuple[npt.NDArray[np.int32], Integers]:
    """Number of the component at each voxel of the box, 0 for none; sizes by number, that of 0 is 0."""
    components, count = ndimage.label(label_mask(volume.labels, "tumour"), _CONNECTIVITY)
    sizes = np.bincount(components[components > 0], minlength=count + 1).astype(np.int64)
    return components.astype(np.int32, copy=False), sizes


def _shared(
    truth: npt.NDArray[np.int32],
    truth_start: tuple[int, ...],
    found: npt.NDArray[np.int32],
    found_start: tuple[int, ...],
) -> tuple[tuple[Integers, Integers], Integers]:
    """Pairs of components that share voxels, and how many."""
    first = [max(ends) for ends in zip(truth_start, found_start, strict=True)]
    last = [
        max(low, min(a + size_a, b + size_b))
        for low, a, size_a, b, size_b in zip(first, truth_start, truth.shape, found_start, found.shape, strict=True)
    ]
    a = truth[_window(first, last, truth_start)].ravel().astype(np.int64)
    b = found[_window(first, last, found_start)].ravel()
    both = np.flatnonzero((a > 0) & (b > 0))
    # One number a pair: sorting numbers is much faster than sorting rows.
    base = int(b.max(initial=0)) + 1
    codes, shared = np.unique(a[both] * base + b[both], return_counts=True)
    return (codes // base, codes % base), shared


def _window(first: list[int], last: list[int], start: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(slice(low - offset, high - offset) for low, high, offset in zip(first, last, start, strict=True))


def _lesions(sizes: Integers, owners: Integers, iou: Floats) -> Lesions:
    best = np.zeros(len(sizes))
    np.maximum.at(best, owners, iou)
    return Lesions(tuple(sizes[1:].tolist()), tuple(best[1:].tolist()))
