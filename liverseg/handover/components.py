"""Connected components of a volume too large to number at once: slab by slab, twice.

Numbering voxels takes four bytes each where a label takes one, so a scan of a thousand slices that a network called liver
all over would take gigabytes. Here a few slices are numbered at a time: once to find which components of neighbouring slabs
are one, and again for everybody who wants to know the numbers. A volume of one slab, which a liver usually is, is numbered
once and kept.

Connectivity is 26: voxels that share a face, an edge or a corner are of one component, as lesions are counted
(`liverseg.metrics.lesion`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
from scipy import ndimage, sparse

CONNECTIVITY = np.ones((3, 3, 3), bool)
_VOXELS_AT_ONCE = 1 << 23

Numbers = npt.NDArray[np.int32]
Integers = npt.NDArray[np.int64]
Inside = Callable[[slice], npt.NDArray[np.bool_]]


class Components:
    """The components of a mask, numbered from 1 in order of their first voxel.

    Memory: five bytes a voxel of a slab, and some twenty a component.

    Args:
        shape: of the mask `(n, h, w)`.
        inside: the mask's slices `start:stop`; asked for each twice, and must answer the same.

    Attributes:
        count: how many there are.
    """

    def __init__(self, shape: tuple[int, ...], inside: Inside) -> None:
        self._inside = inside
        self._slabs = tuple(slabs(shape))
        self._offsets: list[int] = []
        self._only: Numbers | None = None
        self.count, self._final = self._joined()

    def slabs(self) -> Iterator[tuple[slice, Numbers]]:
        """Slices, and the number of the component at each of their voxels, 0 for none; int32. Not to be changed."""
        for part, offset in zip(self._slabs, self._offsets, strict=True):
            if self._only is not None:
                yield part, self._only
                continue
            numbers, count = _labelled(self._inside(part))
            table = np.concatenate([np.zeros(1, np.int32), self._final[offset : offset + count]])
            # Plane by plane, so that the indices of a whole slab are not copied as longer integers.
            for plane in numbers:
                plane[:] = table[plane]
            yield part, numbers

    def tally(self, inside: Inside | None = None) -> Integers:
        """Voxels of each component, int64 `(count + 1,)`, that of 0 is 0; of those alone that are `inside`, if given."""
        counts = np.zeros(self.count + 1, np.int64)
        for part, numbers in self.slabs():
            chosen = numbers if inside is None else numbers[inside(part)]
            counts += np.bincount(chosen.ravel(), minlength=self.count + 1)
        counts[0] = 0
        return counts

    def _joined(self) -> tuple[int, Numbers]:
        """How many components there are, and the number of each component of each slab, slabs in order."""
        total, edge, pairs = 0, None, [np.zeros((0, 2), np.int64)]
        for part in self._slabs:
            self._offsets.append(total)
            numbers, count = _labelled(self._inside(part))
            if edge is not None:
                pairs.append(_touching(edge, np.where(numbers[0], numbers[0] + np.int64(total), 0)))
            edge = np.where(numbers[-1], numbers[-1] + np.int64(total), 0)
            total += count
            if len(self._slabs) == 1:
                self._only = numbers
        first, second = np.concatenate(pairs).T - 1
        graph = sparse.coo_array((np.ones(len(first), np.bool_), (first, second)), shape=(total, total))
        count, group = sparse.csgraph.connected_components(graph, directed=False) if total else (0, np.zeros(0))
        return int(count), _in_order(group)


def slabs(shape: tuple[int, ...], voxels: int | None = None) -> Iterator[slice]:
    """Runs of slices of a volume, so few at a time that what is computed of them takes little memory."""
    most = _VOXELS_AT_ONCE if voxels is None else voxels
    step = max(1, most // max(1, shape[1] * shape[2]))
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
