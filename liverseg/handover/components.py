"""Connected components of a volume too large to number at once: slab by slab, twice.

Numbering voxels takes four bytes each where a label takes one, so a scan of a thousand slices that a network called liver
all over would take gigabytes. Here a few slices are numbered at a time: once to count, and to find which components of
neighbouring slabs are one; and again for everybody who wants to know the numbers. Of a volume as large as the box of a
liver the numbers of the first time are kept.

Connectivity is 26: voxels that share a face, an edge or a corner are of one component, as lesions are counted
(`liverseg.metrics.lesion`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage, sparse

CONNECTIVITY = np.ones((3, 3, 3), bool)
_VOXELS_AT_ONCE = 1 << 22
_KEPT_VOXELS = 1 << 25

Numbers = npt.NDArray[np.int32]
Integers = npt.NDArray[np.int64]
Inside = Callable[[slice], npt.NDArray[np.bool_]]


@dataclass(frozen=True, slots=True)
class Classes:
    """A class for each voxel of a volume.

    Attributes:
        of: uint8 classes of the slices `start:stop`.
        count: how many classes there are, from 0.
    """

    of: Callable[[slice], npt.NDArray[np.uint8]]
    count: int


class Components:
    """The components of a mask, numbered from 1 in order of their first voxel.

    Memory: a few slices, numbers of up to 33 million voxels (134 MB), some bytes a component and class.

    Args:
        shape: of the mask `(n, h, w)`.
        inside: the mask's slices `start:stop`; asked for each once or twice, and must answer the same.
        classes: by which to count voxels.

    Attributes:
        count: how many there are.
        voxels: int64 `(count + 1, classes)`, voxels of each component by class; one class where none were given.
    """

    def __init__(self, shape: tuple[int, ...], inside: Inside, classes: Classes | None = None) -> None:
        self._inside = inside
        self._slabs = tuple(slabs(shape))
        self._ends = [0]
        self._kept: list[Numbers] = []
        self._keeps = math.prod(shape) <= _KEPT_VOXELS
        self._final, counted = self._joined(classes)
        self.count = int(self._final.max(initial=0))
        self.voxels = np.zeros((self.count + 1, counted.shape[1]), np.int64)
        for column in range(counted.shape[1]):
            # Counts are whole numbers far below 2**53, which floats hold exactly.
            weights = counted[:, column]
            self.voxels[:, column] = np.bincount(self._final, weights, minlength=self.count + 1)

    def slabs(self) -> Iterator[tuple[slice, Numbers]]:
        """Slices, and the number of the component at each of their voxels, 0 for none; int32. Not to be kept."""
        for index, part in enumerate(self._slabs):
            numbers = self._kept[index].copy() if self._keeps else _labelled(self._inside(part))[0]
            table = np.concatenate([np.zeros(1, np.int32), self._final[slice(*self._ends[index : index + 2])]])
            # Plane by plane, so that the indices of a whole slab are not copied as longer integers.
            for plane in numbers:
                plane[:] = table[plane]
            yield part, numbers

    def tally(self, classes: Classes) -> Integers:
        """Voxels of each component by class, int64 `(count + 1, classes)`."""
        counts = np.zeros((self.count + 1, classes.count), np.int64)
        for part, numbers in self.slabs():
            counts += _counted(numbers, self.count, classes, part)
        return counts

    def _joined(self, classes: Classes | None) -> tuple[Numbers, Integers]:
        """Of each component of each slab, slabs in order: the number of its component, and its voxels by class."""
        total, edge = 0, None
        pairs = [np.zeros((0, 2), np.int64)]
        counted = [np.zeros((0, 1 if classes is None else classes.count), np.int64)]
        for part in self._slabs:
            numbers, count = _labelled(self._inside(part))
            first, last = (np.where(plane, plane + np.int64(total), 0) for plane in (numbers[0], numbers[-1]))
            if edge is not None:
                pairs.append(_touching(edge, first))
            counted.append(_counted(numbers, count, classes, part)[1:])
            edge, total = last, total + count
            self._ends.append(total)
            if self._keeps:
                self._kept.append(numbers)
        return _groups(np.concatenate(pairs) - 1, total), np.concatenate(counted)


def _counted(numbers: Numbers, count: int, classes: Classes | None, part: slice) -> Integers:
    """Voxels by number and class, int64 `(count + 1, classes)`; those of number 0 are not counted."""
    there = numbers != 0
    places = numbers[there].astype(np.int64)
    if classes is not None:
        places *= classes.count
        places += classes.of(part)[there]
    columns = 1 if classes is None else classes.count
    return np.bincount(places, minlength=(count + 1) * columns).reshape(count + 1, columns)


def _groups(pairs: Integers, total: int) -> Numbers:
    """Number from 1 of the group of each of `total` nodes that pairs connect, in order of the groups' first nodes."""
    if not total:
        return np.zeros(0, np.int32)
    first, second = pairs.T
    graph = sparse.coo_array((np.ones(len(first), np.bool_), (first, second)), shape=(total, total))
    _, group = sparse.csgraph.connected_components(graph, directed=False)
    return _in_order(group)


def slabs(shape: tuple[int, ...]) -> Iterator[slice]:
    """Runs of slices of a volume, so few at a time that what is computed of them takes little memory."""
    step = max(1, _VOXELS_AT_ONCE // max(1, shape[1] * shape[2]))
    for start in range(0, shape[0], step):
        yield slice(start, min(shape[0], start + step))


def _labelled(mask: npt.NDArray[np.bool_]) -> tuple[Numbers, int]:
    numbers, count = ndimage.label(mask, CONNECTIVITY)
    return numbers.astype(np.int32, copy=False), int(count)


def _touching(below: Integers, above: Integers) -> Integers:
    """Pairs of numbers `(k, 2)` that touch from one slice `(h, w)` to the next; 0 is none."""
    found = []
    for rows_below, rows_above in _shifts():
        for columns_below, columns_above in _shifts():
            one, other = below[rows_below, columns_below], above[rows_above, columns_above]
            both = (one != 0) & (other != 0)
            pairs = np.stack([one[both], other[both]], axis=1)
            # Neighbours along a row mostly say the same.
            new = np.ones(len(pairs), np.bool_)
            new[1:] = (pairs[1:] != pairs[:-1]).any(axis=1)
            found.append(pairs[new])
    return np.unique(np.concatenate(found), axis=0)


def _shifts() -> Iterator[tuple[slice, slice]]:
    """One axis against itself, moved by -1, 0 and 1."""
    yield slice(1, None), slice(None, -1)
    yield slice(None), slice(None)
    yield slice(None, -1), slice(1, None)


def _in_order(group: npt.NDArray[np.integer]) -> Numbers:
    """Groups renumbered from 1 in the order in which they first appear, int32."""
    _, first, place = np.unique(group, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int32)
    rank[np.argsort(first)] = np.arange(1, len(first) + 1, dtype=np.int32)
    renumbered: Numbers = rank[place]
    return renumbered
