"""The pieces that a predicted volume falls into: which of them is the liver, and where each tumour lies.

A *piece* is a component of label 1 and 2 together, a *lesion* one of label 2, both of `liverseg.handover.components`. With
the same connectivity for both, a lesion lies in exactly one piece, and a piece without liver tissue (label 1) is exactly one
lesion: one that touches no liver. So every voxel has one of six places, and they are all that post-processing looks at.

Memory: a byte a voxel for the places, and what `Components` takes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from liverseg.handover.components import Classes, Components, Integers
from liverseg.preprocess.arrays import Mask

BACKGROUND, TISSUE, TISSUE_ASIDE, LESION, LESION_ASIDE, LESION_ALONE = range(6)
"""Places: liver tissue of the largest piece and of any other; a lesion in the largest piece, in another, in none."""


@dataclass(frozen=True, slots=True)
class Lesions:
    """The lesions of a volume, numbered from 1 in order of their first voxel.

    Attributes:
        box: slices, rows and columns around all of them, within the array they were found in; empty without a lesion.
        numbers: the number at each voxel of the box, slab by slab.
        voxels: int64 `(count + 1,)`, size by number; that of 0 is 0.
        place: uint8 `(count + 1,)`, one of the three places of lesions by number; that of 0 is `BACKGROUND`.
    """

    box: tuple[slice, slice, slice]
    numbers: Components
    voxels: Integers
    place: npt.NDArray[np.uint8]


def find_places(labels: Mask) -> Mask:
    """The place of every voxel, uint8 of the shape of `labels` `(n, h, w)`, whose values are 0, 1, 2.

    The largest piece is that with the most voxels of label 1 and 2 together among those that have liver tissue; of equal
    ones the first. Without any liver tissue there is none, and every lesion is alone.
    """
    places: Mask = np.zeros(labels.shape, np.uint8)
    pieces = Components(labels.shape, lambda part: labels[part] != 0, Classes(lambda part: labels[part], 3))
    place = _place_of_pieces(pieces.voxels)
    for part, numbers in pieces.slabs():
        for target, number, label in zip(places[part], numbers, labels[part], strict=True):
            target[:] = place[number, label]
    return places


def _place_of_pieces(voxels: Integers) -> npt.NDArray[np.uint8]:
    """Place by number of the piece and label, uint8 `(count + 1, 3)`, from their voxels by label."""
    tissue = voxels[:, 1]
    place = np.empty((len(voxels), 3), np.uint8)
    place[:] = (BACKGROUND, TISSUE_ASIDE, LESION_ASIDE)
    place[tissue == 0, 2] = LESION_ALONE
    if tissue.any():
        place[np.where(tissue > 0, voxels.sum(axis=1), 0).argmax()] = (BACKGROUND, TISSUE, LESION)
    return place


def find_lesions(places: Mask) -> Lesions:
    """The lesions of a volume given by the places of its voxels; numbers are made of them anew for who asks for numbers."""
    box = box_of(places, LESION)
    inside = places[box]
    numbers = Components(inside.shape, lambda part: inside[part] >= LESION, Classes(lambda part: inside[part], 6))
    # All voxels of a lesion have one place.
    place = numbers.voxels.argmax(axis=1).astype(np.uint8)
    return Lesions(box, numbers, numbers.voxels.sum(axis=1), place)


def box_of(volume: Mask, least: int) -> tuple[slice, slice, slice]:
    """The smallest box around all voxels of `least` or more; empty when there are none."""
    used = [np.zeros(length, bool) for length in volume.shape]
    for index, plane in enumerate(volume):
        there = plane >= least
        rows = there.any(axis=1)
        if rows.any():
            used[0][index] = True
            used[1] |= rows
            used[2] |= there.any(axis=0)
    ends = [np.flatnonzero(axis) for axis in used]
    first, row, column = (slice(int(end[0]), int(end[-1]) + 1) if end.size else slice(0, 0) for end in ends)
    return first, row, column
