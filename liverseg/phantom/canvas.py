"""The volume under construction: shapes are painted over one another with partial volume at their edges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from liverseg.phantom.grid import Box, Grid, Volume, is_empty
from liverseg.phantom.shapes import Capsule, Coordinates, Ellipsoid, coverage
from liverseg.phantom.tissues import Tissue

Codes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Canvas:
    """Painted so far, before noise.

    Attributes:
        grid: where the voxels are.
        palette: mean HU of each tissue in this patient.
        hu: float32 `(nx, ny, nz)`, painted in place.
        tissue: uint8 codes of `Tissue`, the last one that covered at least half a voxel.
    """

    grid: Grid
    palette: Mapping[Tissue, float]
    hu: Volume
    tissue: Codes

    @classmethod
    def blank(cls, grid: Grid, palette: Mapping[Tissue, float]) -> Canvas:
        """A canvas of air."""
        hu = np.full(grid.shape, palette[Tissue.AIR], np.float32)
        return cls(grid, palette, hu, np.full(grid.shape, Tissue.AIR, np.uint8))

    def paint(self, distance: Volume, tissue: Tissue, box: Box) -> None:
        """Paint a shape given by its signed distance (mm) inside `box`."""
        self.blend(coverage(distance, self.grid.edge_mm), self.palette[tissue], tissue, box)

    def blend(self, share: Volume, hu: Volume | float, tissue: Tissue, box: Box) -> None:
        """Replace `share` (0..1, shape of `box`) of each voxel by tissue of `hu`."""
        region = self.hu[box]
        region += share * (np.float32(hu) - region)
        self.tissue[box][share >= np.float32(0.5)] = tissue

    def paint_shape(self, shape: Ellipsoid | Capsule, tissue: Tissue, *, grow_mm: float = 0.0) -> None:
        """Paint an ellipsoid or capsule, grown by `grow_mm`; nothing happens outside the field of view."""
        box = self.grid.box(shape.low, shape.high)
        if not is_empty(box):
            self.paint(shape.distance(self.grid.at(box)) - np.float32(grow_mm), tissue, box)

    def coordinates(self, box: Box) -> Coordinates:
        """Deformed coordinates inside a box."""
        return self.grid.at(box)
