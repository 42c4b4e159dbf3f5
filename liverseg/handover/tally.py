"""What every choice of post-processing makes of one scan, counted once: a few numbers a lesion instead of volumes.

All that post-processing can do is to drop or relabel whole groups of voxels: the liver tissue of the largest piece, that of
the others, and each lesion. With the overlap of each group with the reference known, the score of any combination of
options is a sum over groups; the volume is looked at once, however many combinations are compared.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from liverseg.handover.components import Classes, Integers, slabs
from liverseg.handover.pieces import (
    LESION_ALONE,
    LESION_ASIDE,
    TISSUE,
    TISSUE_ASIDE,
    Lesions,
    find_lesions,
    find_places,
)
from liverseg.handover.postprocess import PostProcess
from liverseg.metrics.overlap import dice
from liverseg.preprocess.arrays import Mask, NativeReference


@dataclass(frozen=True, slots=True)
class Tally:
    """One scan's groups of voxels, and how much of the reference each holds.

    Attributes:
        voxel_mm: size of its voxels, slice, row, column.
        reference: voxels of the reference that are liver (label 1 and 2), and tumour (label 2).
        tissue: int64 `(2, 2)`: liver tissue of the largest piece and of the others; voxels, and how many of them the
            reference calls liver.
        lesions: int64 `(count, 3)`: of each lesion its voxels, and how many the reference calls liver, and tumour.
        place: uint8 `(count,)` of each lesion.
    """

    voxel_mm: tuple[float, float, float]
    reference: tuple[int, int]
    tissue: Integers
    lesions: Integers
    place: npt.NDArray[np.uint8]

    @property
    def has_tumour(self) -> bool:
        """Whether the reference holds tumour."""
        return self.reference[1] > 0

    def dice(self, label: str, chosen: PostProcess) -> float:
        """Dice of `liver` (label 1 and 2) or `tumour` after post-processing; NaN where both sides are empty."""
        voxels, shared = self.counts(label, chosen)
        return dice(self.reference[label == "tumour"], voxels, shared)

    def counts(self, label: str, chosen: PostProcess) -> tuple[int, int]:
        """Voxels of a label that post-processing leaves, and how many of them are that label in the reference."""
        there, large = self._kept(chosen), self._large(chosen)
        if label == "tumour":
            voxels, _, shared = self.lesions[there & large].sum(axis=0)
            return int(voxels), int(shared)
        tissue = self.tissue[0] if chosen.largest_liver else self.tissue.sum(axis=0)
        # A small lesion that touches liver tissue is still liver.
        inside = self.lesions[there & (large | (self.place != LESION_ALONE))].sum(axis=0)
        return int(tissue[0] + inside[0]), int(tissue[1] + inside[1])

    def tumours(self, chosen: PostProcess) -> tuple[int, int]:
        """Predicted lesions that post-processing leaves: those that touch tumour of the reference, and those that do not."""
        true = self.lesions[self._kept(chosen) & self._large(chosen), 2] > 0
        return int(np.count_nonzero(true)), int(np.count_nonzero(~true))

    def _large(self, chosen: PostProcess) -> npt.NDArray[np.bool_]:
        """Lesions of at least the minimum size."""
        large: npt.NDArray[np.bool_] = self.lesions[:, 0] >= chosen.least_voxels(self.voxel_mm)
        return large

    def _kept(self, chosen: PostProcess) -> npt.NDArray[np.bool_]:
        """Lesions that lie where something stays, whatever their size."""
        kept = np.ones(len(self.place), np.bool_)
        if chosen.largest_liver:
            kept &= self.place != LESION_ASIDE
        if chosen.tumour_inside_liver:
            kept &= self.place != LESION_ALONE
        return kept


def tally(reference: NativeReference, prediction: NativeReference) -> Tally:
    """Count one scan.

    Args:
        reference: of the scan.
        prediction: on the same grid, without post-processing.

    Memory: as `PostProcess.apply`, a byte a voxel of the prediction's box and what `Components` takes.

    Raises:
        ValueError: the two have different shapes.
    """
    if reference.shape != prediction.shape:
        raise ValueError(f"prediction has shape {prediction.shape}, the reference {reference.shape}")
    truth = tuple(int(np.count_nonzero(reference.labels >= value)) for value in (1, 2))
    places = find_places(prediction.labels)
    found = find_lesions(places)
    return Tally(
        voxel_mm=reference.spacing_mm,
        reference=(truth[0], truth[1]),
        tissue=_tissue(reference, prediction.start, places),
        lesions=_lesions(reference, prediction.start, found),
        place=found.place[1:],
    )


def _tissue(reference: NativeReference, start: tuple[int, int, int], places: Mask) -> Integers:
    counts = np.zeros((2, 2), np.int64)
    for part in slabs(places.shape):
        truth = _reference_block(reference, start, part, places.shape)
        for row, place in enumerate((TISSUE, TISSUE_ASIDE)):
            there = places[part] == place
            counts[row] += np.count_nonzero(there), np.count_nonzero(truth[there])
    return counts


def _lesions(reference: NativeReference, start: tuple[int, int, int], found: Lesions) -> Integers:
    first, row, column = (a + part.start for a, part in zip(start, found.box, strict=True))
    shape = tuple(part.stop - part.start for part in found.box)

    def truth(part: slice) -> Mask:
        return _reference_block(reference, (first, row, column), part, shape)

    hits = found.numbers.tally(Classes(truth, 3))
    return np.stack([found.voxels, hits[:, 1:].sum(axis=1), hits[:, 2]], axis=1)[1:]


def _reference_block(
    reference: NativeReference, start: tuple[int, int, int], part: slice, shape: tuple[int, ...]
) -> Mask:
    """The reference's labels in some slices of a box of `shape` that begins at `start`."""
    size = (part.stop - part.start, shape[1], shape[2])
    block: Mask = np.zeros(size, np.uint8)
    offset = [a - b for a, b in zip(reference.start, (start[0] + part.start, start[1], start[2]), strict=True)]
    low = [max(0, shift) for shift in offset]
    high = [min(n, shift + m) for n, shift, m in zip(size, offset, reference.labels.shape, strict=True)]
    if all(a < b for a, b in zip(low, high, strict=True)):
        source = tuple(slice(a - shift, b - shift) for a, b, shift in zip(low, high, offset, strict=True))
        block[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = reference.labels[source]
    return block
