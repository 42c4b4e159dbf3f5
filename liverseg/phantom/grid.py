"""The voxel grid that a phantom is painted on, and smooth random fields over it.

Coordinates are in the **standard body**: RAS millimetres (x to the patient's right, y to the front, z to the head) from
the middle of the trunk at the height of the porta hepatis. A patient is the standard body stretched by a scale per
axis, so a grid holds standard coordinates, `scanner mm / scale`. Arrays have axes `(x, y, z)` and are float32: every
operation on them is exactly rounded (`+ - * / sqrt`), and transcendental functions are only taken of one-dimensional
float64 coordinates, so that the same seed gives the same voxels on any processor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Volume = npt.NDArray[np.float32]
Point = tuple[float, float, float]
Box = tuple[slice, slice, slice]

BOX_MARGIN_MM = 12.0


@dataclass(frozen=True, slots=True)
class SmoothField:
    """A sum of products of cosines, one wave vector a term: smooth, stationary, mean about 0.

    Attributes:
        frequency: float64 `(terms, 3)`, radians per mm along each axis.
        phase: float64 `(terms, 3)`, radians.
        weight: amplitude of each term, in the field's unit.
    """

    frequency: npt.NDArray[np.float64]
    phase: npt.NDArray[np.float64]
    weight: float

    @classmethod
    def draw(
        cls, rng: np.random.Generator, *, sd: float, wavelength_mm: tuple[float, float], terms: int = 6
    ) -> SmoothField:
        """A random field of standard deviation `sd` with wavelengths between the two given."""
        wavelength = rng.uniform(*wavelength_mm, size=(terms, 3))
        phase = rng.uniform(0.0, 2.0 * np.pi, size=(terms, 3))
        return cls(2.0 * np.pi / wavelength, phase, sd * float(np.sqrt(8.0 / terms)))

    def on(self, axes: tuple[Volume, Volume, Volume]) -> Volume:
        """Values on the outer product of three coordinate axes (1-D each): float32 `(nx, ny, nz)`."""
        total = np.zeros(tuple(axis.size for axis in axes), np.float32)
        for frequency, phase in zip(self.frequency, self.phase, strict=True):
            cosines = [np.cos(axes[i].astype(np.float64) * frequency[i] + phase[i]) for i in range(3)]
            plane = (self.weight * cosines[0][:, None] * cosines[1][None, :]).astype(np.float32)
            total += plane[:, :, None] * cosines[2].astype(np.float32)
        return total


@dataclass(frozen=True, slots=True)
class Grid:
    """Standard-body coordinates of every voxel.

    Attributes:
        axes: three 1-D float32 arrays, the coordinates of voxel centres along x, y and z (increasing).
        warped: three float32 `(nx, ny, nz)` arrays: the coordinates after the patient's own smooth deformation.
        edge_mm: width over which a boundary passes from 0 to 1, about one voxel.
    """

    axes: tuple[Volume, Volume, Volume]
    warped: tuple[Volume, Volume, Volume]
    edge_mm: float

    @classmethod
    def build(cls, axes: tuple[Volume, Volume, Volume], rng: np.random.Generator, *, deformation_mm: float) -> Grid:
        """A grid whose body is deformed by three smooth random fields of the given standard deviation."""
        fields = [SmoothField.draw(rng, sd=deformation_mm, wavelength_mm=(110.0, 260.0)) for _ in range(3)]
        shapes = ((-1, 1, 1), (1, -1, 1), (1, 1, -1))
        warped = [field.on(axes) + axis.reshape(shape) for field, axis, shape in zip(fields, axes, shapes, strict=True)]
        steps = [float(axis[1] - axis[0]) for axis in axes]
        return cls(axes, (warped[0], warped[1], warped[2]), sum(steps) / 3.0)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along x, y and z."""
        return self.axes[0].size, self.axes[1].size, self.axes[2].size

    def box(self, low: Point, high: Point, *, margin_mm: float = BOX_MARGIN_MM) -> Box:
        """Index ranges that hold everything between two corners, with a margin for the deformation. May be empty."""
        ranges = []
        for axis, start, stop in zip(self.axes, low, high, strict=True):
            first, last = np.searchsorted(axis, (start - margin_mm, stop + margin_mm))
            ranges.append(slice(int(first), int(last)))
        return ranges[0], ranges[1], ranges[2]

    def everywhere(self) -> Box:
        """The index ranges of the whole grid."""
        return slice(None), slice(None), slice(None)

    def at(self, box: Box) -> tuple[Volume, Volume, Volume]:
        """Deformed coordinates inside a box, three views of equal shape."""
        return self.warped[0][box], self.warped[1][box], self.warped[2][box]

    def field(self, field: SmoothField, box: Box) -> Volume:
        """A smooth field inside a box; the same values whatever the box."""
        return field.on((self.axes[0][box[0]], self.axes[1][box[1]], self.axes[2][box[2]]))


def is_empty(box: Box) -> bool:
    """Whether a box holds no voxel (only meaningful for boxes with explicit bounds)."""
    return any(part.start is not None and part.stop <= part.start for part in box)
