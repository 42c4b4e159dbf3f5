"""The pieces that a predicted volume falls into: which of them is the liver, and where each tumour lies.

One connectivity everywhere: 26, voxels that share a face, an edge or a corner are of one piece, as lesions are counted
(`liverseg.metrics.lesion`). A *piece* is a component of label 1 and 2 together, a *lesion* one of label 2. With the same
connectivity for both, a lesion lies in exactly one piece, and a piece without liver tissue (label 1) is exactly one
lesion: one that touches no liver. So every voxel has one of six places, and they are all that post-processing looks at.

Memory: five bytes a voxel of the box for `find_places`, five of the tumours' box for `find_lesions`, freed afterwards but
for one and four.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from liverseg.preprocess.arrays import Mask

BACKGROUND, TISSUE, TISSUE_ASIDE, LESION, LESION_ASIDE, LESION_ALONE = range(6)
"""Places: liver tissue of the largest piece and of any other; a lesion in the largest piece, in another, in none."""

CONNECTIVITY = np.ones((3, 3, 3), bool)
_VOXELS_AT_ONCE = 1 << 22

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Lesions:
    """The lesions of a volume, numbered from 1 in order of their first voxel.

    Attributes:
        box: slices, rows and columns around all of them, within the array they were found in.
        numbers: int32 of the box's shape, 0 where no lesion is. Shape `(0, 0, 0)` without a lesion.
        voxels: int64 `(count + 1,)`, size by number; that of 0 is 0.
        place: uint8 `(count + 1,)`, one of the three places of lesions by number; that of 0 is `BACKGROUND`.
    """

    box: tuple[slice, slice, slice]
    numbers: npt.NDArray[np.int32]
    voxels: Integers
    place: npt.NDArray[np.uint8]


def find_places(labels: Mask) -> Mask:
    """The place of every voxel, uint8 of the shape of `labels` `(n, h, w)`, whose values are 0, 1, 2.

    The largest piece is that with the most voxels of label 1 and 2 together among those that have liver tissue; of equal
    ones the first. Without any liver tissue there is none, and every lesion is alone.
    """
    places: Mask = np.zeros(labels.shape, np.uint8)
    if not labels.size:
        return places
    pieces, count = _components(labels)
    place = _place_of_pieces(pieces, labels, count)
    for part in blocks(labels.shape):
        places[part] = place[pieces[part], labels[part]]
    return places


def _place_of_pieces(pieces: npt.NDArray[np.int32], labels: Mask, count: int) -> npt.NDArray[np.uint8]:
    """Place by number of the piece and label, uint8 `(count + 1, 3)`."""
    voxels, tissue = np.zeros((2, count + 1), np.int64)
    for part in blocks(labels.shape):
        inside, piece = labels[part], pieces[part]
        voxels += np.bincount(piece[inside != 0], minlength=count + 1)
        tissue += np.bincount(piece[inside == 1], minlength=count + 1)
    place = np.empty((count + 1, 3), np.uint8)
    place[:] = (BACKGROUND, TISSUE_ASIDE, LESION_ASIDE)
    place[tissue == 0, 2] = LESION_ALONE
    if tissue.any():
        place[np.where(tissue > 0, voxels, 0).argmax()] = (BACKGROUND, TISSUE, LESION)
    return place


def find_lesions(places: Mask) -> Lesions:
    """The lesions of a volume given by the places of its voxels."""
    box = _box_of_lesions(places)
    inside = places[box]
    if not inside.size:
        nothing = np.zeros((0, 0, 0), np.int32)
        return Lesions(box, nothing, np.zeros(1, np.int64), np.zeros(1, np.uint8))
    numbers, count = _components(inside >= LESION)
    voxels, place = np.zeros(count + 1, np.int64), np.zeros(count + 1, np.uint8)
    for part in blocks(inside.shape):
        there = inside[part] >= LESION
        number = numbers[part][there]
        voxels += np.bincount(number, minlength=count + 1)
        place[number] = inside[part][there]
    return Lesions(box, numbers, voxels, place)


def _components(mask: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int32], int]:
    """Number of the component at each voxel that is not 0, and how many there are."""
    numbers, count = ndimage.label(mask, CONNECTIVITY)
    return numbers.astype(np.int32, copy=False), int(count)


def _box_of_lesions(places: Mask) -> tuple[slice, slice, slice]:
    used = [np.zeros(length, bool) for length in places.shape]
    for index, plane in enumerate(places):
        there = plane >= LESION
        rows = there.any(axis=1)
        if rows.any():
            used[0][index] = True
            used[1] |= rows
            used[2] |= there.any(axis=0)
    ends = [np.flatnonzero(axis) for axis in used]
    first, row, column = (slice(int(end[0]), int(end[-1]) + 1) if end.size else slice(0, 0) for end in ends)
    return first, row, column


def blocks(shape: tuple[int, ...]) -> Iterator[slice]:
    """Runs of slices of a volume, so few at a time that what is computed of them takes little memory."""
    step = max(1, _VOXELS_AT_ONCE // max(1, shape[1] * shape[2]))
    for start in range(0, shape[0], step):
        yield slice(start, min(shape[0], start + step))
