"""The distance from each of many voxels to the nearest of others, exact, in mm.

Two ways give the same numbers. A k-d tree is much faster than a distance transform where the two sets lie close together,
as the surfaces of a usable segmentation do, because it looks at the surfaces only and not at every voxel of the box around
them. Where they are far apart or fill the volume, as in the noise of a network that learned nothing, a tree has to
look at nearly everything from everywhere; then the distance transforms of single slices are put together, in a time that
depends on the volume alone. Memory grows with the number of boundary voxels, never with the volume: SciPy's transform of a
whole volume would take 30 bytes and more a voxel.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree

from liverseg.metrics.boundary import Points

Floats = npt.NDArray[np.float64]
Spacing = tuple[float, float, float]

NEAR_VOXELS = 25
"""A tree looks no further than so many of the smallest voxel sides at first."""
MANY_FAR = 20_000
"""From so many voxels on that have nothing near, slices are faster."""
MANY = 1_000_000
"""From so many voxels on, slices are faster whatever the distances."""
_LEAF = 32


def nearest_mm(points: Points, sites: Points, spacing_mm: Spacing) -> Floats:
    """Distance of every point to its nearest site.

    Args:
        points: voxel positions `(n, 3)`.
        sites: voxel positions `(m, 3)`.
        spacing_mm: distance between voxel centres along each axis.

    Returns:
        float64 `(n,)`, mm between voxel centres; infinite when there are no sites.
    """
    if not len(sites):
        return np.full(len(points), np.inf)
    if len(points) + len(sites) > MANY:
        return through_slices(points, sites, spacing_mm)
    tree = _Tree(sites, spacing_mm)
    distances = tree.distances(points, NEAR_VOXELS * min(spacing_mm))
    far = np.flatnonzero(np.isinf(distances))
    if far.size > MANY_FAR:
        distances[far] = through_slices(points[far], sites, spacing_mm)
    elif far.size:
        distances[far] = tree.distances(points[far])
    return distances


class _Tree:
    """A k-d tree over sites. Building it unbalanced costs a third and answers as fast on surfaces."""

    def __init__(self, sites: Points, spacing_mm: Spacing) -> None:
        self._sites, self._spacing_mm = sites, np.asarray(spacing_mm)
        self._tree = cKDTree(sites * self._spacing_mm, leafsize=_LEAF, balanced_tree=False, compact_nodes=False)

    def distances(self, points: Points, within_mm: float = np.inf) -> Floats:
        """Distances; infinite where there is no site within `within_mm`."""
        index = np.asarray(self._tree.query(points * self._spacing_mm, distance_upper_bound=within_mm)[1])
        distances = np.full(len(points), np.inf)
        found = np.flatnonzero(index < len(self._sites))
        # From whole voxels rather than from rounded positions: equal steps give equal numbers, wherever they are taken.
        steps = (points[found] - self._sites[index[found]]) * self._spacing_mm
        distances[found] = np.sqrt(np.einsum("ij,ij->i", steps, steps))
        return distances


def through_slices(points: Points, sites: Points, spacing_mm: Spacing) -> Floats:
    """As `nearest_mm`, in a time that does not depend on how far apart the two are. There is at least one site.

    The nearest site within each slice comes from that slice's own distance transform; the nearest of all is the best of
    those over the slices, by Pythagoras.
    """
    lows = np.minimum(points.min(axis=0, initial=np.iinfo(np.int32).max), sites.min(axis=0))
    highs = np.maximum(points.max(axis=0, initial=0), sites.max(axis=0))
    points, sites = points - lows, sites - lows
    empty = np.ones((highs - lows + 1)[1:], bool)
    squared = np.full(len(points), np.inf)
    for z in np.unique(sites[:, 0]):
        plane, inside = empty.copy(), sites[sites[:, 0] == z]
        plane[inside[:, 1], inside[:, 2]] = False
        within = np.square(ndimage.distance_transform_edt(plane, sampling=spacing_mm[1:]))
        away = np.square((points[:, 0] - z) * spacing_mm[0])
        todo = np.flatnonzero(away < squared)
        _, rows, columns = points[todo].T
        squared[todo] = np.minimum(squared[todo], within[rows, columns] + away[todo])
    distances: Floats = np.sqrt(squared)
    return distances
