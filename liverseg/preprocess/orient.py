"""From stored voxel axes to the display frame of `liverseg.preprocess.arrays`.

Where the stored axes point is read from the affine by `liverseg.volume`, which names oblique axes after the nearest
anatomical ones: scans are flipped and transposed, never resampled to straighten them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from liverseg.errors import DataError

# Where slice, row and column of the display frame point, each with its opposite.
_DISPLAY = ("SI", "PA", "LR")


@dataclass(frozen=True, slots=True)
class Orientation:
    """Which stored axis becomes slice, row and column, and which of them run backwards.

    Attributes:
        axes: stored axis of `(slice, row, column)`.
        flips: whether `(slice, row, column)` runs against its stored axis.
    """

    axes: tuple[int, int, int]
    flips: tuple[bool, bool, bool]

    @property
    def plane_axes(self) -> tuple[int, int]:
        """The two stored axes of an axial plane, slower varying first (stored data are in Fortran order)."""
        low, high = sorted(self.axes[1:])
        return high, low

    @property
    def transposed(self) -> bool:
        """Whether a stored plane `(slower, faster)` has columns first."""
        return self.axes[1] != self.plane_axes[0]

    def permute(self, values: Sequence[Any]) -> tuple[Any, Any, Any]:
        """Values given by stored axis, for example a shape, in display order."""
        return values[self.axes[0]], values[self.axes[1]], values[self.axes[2]]

    def display(self, stacked: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """A view in display order of an array with axes `(slice, slower, faster)`."""
        turned = stacked.transpose(0, 2, 1) if self.transposed else stacked
        return turned[tuple(slice(None, None, -1) if flip else slice(None) for flip in self.flips)]

    def display_volume(self, volume: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """A view in display order `(n, h, w)` of a stored volume `(x, y, z)`."""
        return self.display(self.stack(volume))

    def stack(self, volume: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """A view `(slice, slower, faster)` of a stored volume `(x, y, z)`, nothing flipped."""
        return volume.transpose(self.axes[0], *self.plane_axes)


def orientation_from(letters: str) -> Orientation:
    """The orientation of a volume whose stored axes point to `letters`, for example `LPS` (`Header.orientation`).

    Raises:
        DataError: not one letter of each pair L/R, P/A and S/I.
    """
    axes, flips = [], []
    for pair in _DISPLAY:
        found = [axis for axis, letter in enumerate(letters) if letter in pair]
        if len(found) != 1 or len(letters) != 3:
            raise DataError("not an orientation", got=repr(letters), allowed="one of L/R, one of P/A and one of S/I")
        axes.append(found[0])
        flips.append(letters[found[0]] != pair[0])
    return Orientation((axes[0], axes[1], axes[2]), (flips[0], flips[1], flips[2]))
