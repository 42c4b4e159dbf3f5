"""Slices to look at: validation scans with their reference masks, and what the trials predicted, on the same pixels.

A sweep writes each scan once (`overlays/<case>.npz`), a trial the labels of all its cases (`trials/<uid>/overlays.npz`).
Both say on which pixels they lie; only labels on exactly the scan's pixels are laid over it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt

from results.array_file import Arrays, read_arrays

Bytes = npt.NDArray[np.uint8]

SCHEMA_VERSION = 1
LARGEST_PX, MOST_SLICES = 512, 256


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the slices lie in the scan: every `step`-th, cut to a box, resampled to square pixels.

    `depth`, `scan_rows` and `scan_columns` are the whole scan's; `first` counts from 0 at the feet.
    """

    depth: int
    scan_rows: int
    scan_columns: int
    first: int
    step: int
    count: int
    top: int
    left: int
    height: int
    width: int
    rows: int
    columns: int

    @property
    def size(self) -> int:
        """Pixels of all slices."""
        return self.count * self.rows * self.columns

    @property
    def sound(self) -> bool:
        """Whether there can be such a grid, of a size that a page can show."""
        small = 0 < self.count <= MOST_SLICES and 0 < self.rows <= LARGEST_PX and 0 < self.columns <= LARGEST_PX
        return small and self.step > 0 and 0 <= self.first < self.first + self.step * (self.count - 1) + 1 <= self.depth


@dataclass(frozen=True, slots=True)
class ScanSlices:
    """A scan.

    Attributes:
        grid: its pixels.
        spacing_mm: `(slice, row, column)` of the scan itself.
        image: uint8 `(count, rows, columns)`, −100 … 240 HU from black to white.
        reference: uint8, the same shape: 0 background, 1 liver, 2 tumour.
    """

    grid: Grid
    spacing_mm: tuple[float, float, float]
    image: Bytes
    reference: Bytes


@dataclass(frozen=True, slots=True)
class Prediction:
    """What one trial predicted in one scan.

    Attributes:
        grid: its pixels.
        labels: uint8 `(count, rows, columns)`.
        unseen_ml: millilitres predicted where the grid shows nothing.
    """

    grid: Grid
    labels: Bytes
    unseen_ml: float


@dataclass(frozen=True, slots=True)
class Overlays:
    """Scans by case, and predictions by uid of the trial, then by case."""

    scans: Mapping[str, ScanSlices] = field(default_factory=dict)
    predictions: Mapping[str, Mapping[str, Prediction]] = field(default_factory=dict)

    def of(self, uid: str, case: str) -> Prediction | None:
        """A trial's prediction on exactly the pixels of the case's scan; None where there is none."""
        scan, found = self.scans.get(case), self.predictions.get(uid, {}).get(case)
        return found if scan is not None and found is not None and found.grid == scan.grid else None


def read_scan(path: Path, case: str) -> ScanSlices | None:
    """A scan's file; None when it is missing, damaged, of another version or another case, or too large.

    Never unpickles, and raises nothing for a bad file.
    """
    return read_arrays(path, lambda arrays: _scan(arrays, case))


def read_predictions(path: Path, cases: Collection[str]) -> dict[str, Prediction]:
    """A trial's predictions of some cases; those that it has not are left out. Bad files as in `read_scan`."""
    return read_arrays(path, lambda arrays: _predictions(arrays, cases)) or {}


def _scan(arrays: Arrays, case: str) -> ScanSlices | None:
    grid = _grid(arrays["grid"])
    spacing = [float(value) for value in arrays["spacing_mm"].tolist()]
    if not _is_current(arrays) or str(arrays["case"].item()) != case or grid is None or len(spacing) != 3:
        return None
    if not all(math.isfinite(value) and value > 0 for value in spacing):
        return None
    image, reference = arrays["image"], arrays["reference"]
    shape = (grid.count, grid.rows, grid.columns)
    if any(plane.shape != shape or plane.dtype != np.uint8 for plane in (image, reference)) or reference.max() > 2:
        return None
    bytes_of = (np.asarray(plane, np.uint8) for plane in (image, reference))
    return ScanSlices(grid, (spacing[0], spacing[1], spacing[2]), *bytes_of)


def _predictions(arrays: Arrays, cases: Collection[str]) -> dict[str, Prediction] | None:
    names, unseen = arrays["case"].reshape(-1).tolist(), arrays["unseen_ml"].reshape(-1).tolist()
    grids = [_grid(row) for row in arrays["grid"]]
    labels = arrays["labels"]
    sound = [grid for grid in grids if grid is not None]
    alike = len(names) == len(unseen) == len(grids) == len(sound)
    whole = labels.ndim == 1 and labels.dtype == np.uint8 and labels.size == sum(grid.size for grid in sound)
    if not _is_current(arrays) or not alike or not whole or labels.max(initial=0) > 2:
        return None
    found, start = {}, 0
    for name, grid, outside in zip(map(str, names), sound, map(float, unseen), strict=True):
        if name in cases and math.isfinite(outside):
            part = labels[start : start + grid.size].reshape(grid.count, grid.rows, grid.columns)
            found[name] = Prediction(grid, np.array(part, np.uint8), outside)  # a copy: the others may go
        start += grid.size
    return found


def _is_current(arrays: Arrays) -> bool:
    return int(arrays["schema_version"]) == SCHEMA_VERSION


def _grid(numbers: npt.NDArray[np.generic]) -> Grid | None:
    if numbers.shape != (len(fields(Grid)),) or numbers.dtype.kind not in "iu":
        return None
    grid = Grid(*(int(number) for number in numbers.tolist()))
    return grid if grid.sound else None
