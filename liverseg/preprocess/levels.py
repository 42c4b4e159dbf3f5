"""Counting the voxels of a scan by their value while they stream past."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from liverseg.preprocess.stacks import VoxelFile

_COUNT_AT_ONCE = 1 << 15


class LevelCounts:
    """Counts of voxels by stored value: exact for integers of up to 16 bits, by rounded HU for all other types.

    Args:
        image: the scan whose stacks the values come from.
    """

    def __init__(self, image: VoxelFile) -> None:
        self._scale = image.scale
        # Stacks hold integers of up to 16 bits, or HU between -32768 and 32768 that are rounded before counting.
        limits = np.iinfo(image.header.dtype) if image.small else None
        self._lowest, highest = (int(limits.min), int(limits.max)) if limits else (-32768, 32768)
        self._levels = np.zeros(highest - self._lowest + 1, np.int64)
        # Allocated once: fresh memory of this size costs as much as the counting.
        self._work = np.empty(_COUNT_AT_ONCE, np.intp)

    def add(self, values: npt.NDArray[Any]) -> None:
        """Count values `(n,)` as stacks hold them; none are no values."""
        for start in range(0, len(values), _COUNT_AT_ONCE):
            self._count(values[start : start + _COUNT_AT_ONCE])

    def _count(self, values: npt.NDArray[Any]) -> None:
        if values.dtype.kind == "f":
            values = np.rint(values)
        low = int(values.min())
        levels = np.subtract(values, low, out=self._work[: len(values)], dtype=np.intp, casting="unsafe")
        counts = np.bincount(levels)
        self._levels[low - self._lowest :][: len(counts)] += counts

    def by_hu(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Whole HU that occur, float32 `(k,)` in the order of stored values, and how many voxels each has, int64 `(k,)`.

        Several stored values may have the same HU. Empty when nothing was counted.
        """
        slope, intercept = self._scale
        used = np.flatnonzero(self._levels)
        return np.rint((used + self._lowest).astype(np.float32) * slope + intercept), self._levels[used]
