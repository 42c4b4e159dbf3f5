"""How a native slice comes to lie in the network's square, and the operators that put it there.

Pixels are isotropic in millimetres after resampling, so the body keeps its shape. Fit `pad` shrinks or enlarges until
the longer side of the field of view fits and fills the rest with air; `crop` lets the shorter side fill the square and
cuts the longer one equally at both ends (the reference study).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from liverseg.config import FITS
from liverseg.errors import ConfigError, DataError
from liverseg.preprocess.arrays import HU_CENTRE, HU_STEPS, PlaneMap
from liverseg.preprocess.band import Axis, PlaneResizer
from liverseg.preprocess.orient import Orientation
from liverseg.preprocess.resize import Indices, nearest_indices

_LONGEST_PX = 1 << 16


def plane_map(native_hw: tuple[int, int], spacing_mm: tuple[float, float], size_px: int, fit: str) -> PlaneMap:
    """Where a slice of `native_hw` pixels, `spacing_mm` (row, column) apart, goes in the square.

    A side never shrinks below one pixel.

    Raises:
        ConfigError: unknown `fit`, or a size below 1.
        DataError: fit `crop` of a field of view so narrow that its longer side would exceed 65,536 pixels.
    """
    if fit not in FITS:
        raise ConfigError("unknown fit", where="prepare.fit", got=repr(fit), allowed=" | ".join(FITS))
    if size_px < 1:
        raise ConfigError("impossible size", where="prepare.size", got=size_px, allowed="at least 1 pixel")
    field_mm = (native_hw[0] * spacing_mm[0], native_hw[1] * spacing_mm[1])
    reference_mm = max(field_mm) if fit == "pad" else min(field_mm)
    height, width = (max(1, int(side / reference_mm * size_px + 0.5)) for side in field_mm)
    if max(height, width) > _LONGEST_PX:
        raise DataError(
            "the field of view is too narrow to be cropped to a square",
            got=f"{field_mm[0]:.4g} by {field_mm[1]:.4g} mm",
            next_step="use fit: pad",
        )
    return PlaneMap(native_hw, (height, width), (size_px - height) // 2, (size_px - width) // 2, size_px)


@dataclass(frozen=True, slots=True)
class Placement:
    """One axis of a plane map: the pixels of `axis` go to `into` onwards."""

    axis: Axis
    into: int

    @property
    def target(self) -> slice:
        """Where the pixels go in the square."""
        return slice(self.into, self.into + self.axis.count)


def placements(plane: PlaneMap, flips: tuple[bool, bool] = (False, False)) -> tuple[Placement, Placement]:
    """Row and column placement of a plane map; `flips` says which of them are stored backwards."""
    rows, columns = (
        Placement(Axis(n_in, n_out, max(0, -offset), min(n_out, plane.size_px), flip), max(0, offset))
        for n_in, n_out, offset, flip in zip(
            plane.native_hw, plane.resized_hw, (plane.top, plane.left), flips, strict=True
        )
    )
    return rows, columns


class PlaneFitter:
    """Brings stored planes `(slower, faster)` of one scan into the square, in display order.

    Flips are folded into the operators and the transposition is applied to the small result, so the big plane is read
    once, in the order in which it is stored.

    Args:
        plane: the map from the native slice to the square.
        orientation: of the scan.
        scale: slope and intercept that make HU of the scan's stored values.
    """

    def __init__(self, plane: PlaneMap, orientation: Orientation, scale: tuple[np.float32, np.float32]) -> None:
        rows, columns = placements(plane, orientation.flips[1:])
        self._target = (rows.target, columns.target)
        self._transposed = orientation.transposed
        slower, faster = (columns.axis, rows.axis) if self._transposed else (rows.axis, columns.axis)
        self._resize = PlaneResizer(slower, faster, gain=float(scale[0]) * HU_STEPS)
        self._nearest = (_nearest(slower), _nearest(faster))
        self._offset = (scale[1] - np.float32(HU_CENTRE)) * np.float32(HU_STEPS)

    def image(self, plane: npt.NDArray[Any], square: npt.NDArray[np.int16]) -> None:
        """Resample one stored plane into its place in `square`, int16 `(s, s)`, rounded as by `stored_from_hu`."""
        small = self._resize(plane)
        small += self._offset
        np.rint(small, out=small)
        np.clip(small, -32768, 32767, out=small)
        square[self._target] = small.T if self._transposed else small

    def mask(self, plane: npt.NDArray[np.uint8], square: npt.NDArray[np.uint8]) -> None:
        """Take the nearest labels of one stored plane, uint8, into its place in `square`, uint8 `(s, s)`."""
        small = plane.take(self._nearest[0], axis=0).take(self._nearest[1], axis=1)
        square[self._target] = small.T if self._transposed else small


def _nearest(axis: Axis) -> Indices:
    indices = nearest_indices(axis.n_in, axis.n_out, axis.first, axis.count)
    return axis.n_in - 1 - indices if axis.flipped else indices
