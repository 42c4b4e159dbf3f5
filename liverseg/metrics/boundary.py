"""The boundary of a label: the voxels that surface distances are measured between.

A voxel of the label is on its boundary when at least one of its six face neighbours is not of the label; what lies outside
the volume counts as background. That is the label minus its erosion with the 6-connected element, the definition of LiTS,
CHAOS and MedPy. Voxels are points at their centres.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from liverseg.metrics.overlap import SCORED
from liverseg.preprocess.arrays import Mask, NativeReference

Bools = npt.NDArray[np.bool_]
Points = npt.NDArray[np.int32]
"""Voxel positions `(n, 3)`: slice, row, column of the whole volume."""


def label_mask(labels: Mask, label: str) -> Bools:
    """Where a label is, bool of the shape of `labels`.

    Args:
        labels: uint8 of any shape, values 0, 1, 2.
        label: a key of `SCORED`.
    """
    mask: Bools = np.logical_or.reduce([labels == value for value in SCORED[label]])
    return mask


def boundary_mask(mask: Bools) -> Bools:
    """The boundary of a mask, bool `(n, h, w)`; its box may be cut from a larger volume, as long as all of it is inside."""
    inner = mask.copy()
    for axis in range(mask.ndim):
        target, source = np.moveaxis(inner, axis, 0), np.moveaxis(mask, axis, 0)
        target[1:] &= source[:-1]
        target[:-1] &= source[1:]
        target[:1] = target[-1:] = False
    boundary: Bools = mask & ~inner
    return boundary


def boundary_points(volume: NativeReference, label: str) -> Points:
    """The boundary voxels of one label of a volume, in order of slice, row and column; `(0, 3)` without the label."""
    found = np.nonzero(boundary_mask(label_mask(volume.labels, label)))
    points = np.empty((found[0].size, 3), np.int32)
    for axis, (positions, start) in enumerate(zip(found, volume.start, strict=True)):
        points[:, axis] = positions + start
    return points
