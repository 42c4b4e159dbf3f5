"""Where labels and scan are sampled to be looked at: a small grid on a part of a scan, the same for every training.

Only the reference mask decides, so that the predictions of all trainings lie on the same pixels as the scan and the
reference, and any two can be laid over each other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from liverseg.preprocess.arrays import Mask, NativeReference

MOST_SLICES = 40
LONGEST_PX = 160
MARGIN_MM = 25.0
MARGIN_SLICES = 0.1
"""Slices shown beyond either end of the labelled ones, as a share of these; at least one."""

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class OverlayGrid:
    """Every `step`-th slice of a scan, cut to a box and resampled to square pixels. Native grid, display frame.

    Attributes:
        shape: slices, rows and columns of the whole scan.
        first, step, count: the slices, counted from the feet.
        top, left, height, width: the box, in pixels of the scan.
        rows, columns: pixels that the box is resampled to, as long as wide in millimetres.
    """

    shape: tuple[int, int, int]
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
    def slices(self) -> range:
        """Positions of the slices in the scan."""
        return range(self.first, self.first + self.step * self.count, self.step)

    @property
    def row_indices(self) -> Indices:
        """Row of the scan at the centre of each row of the grid, intp `(rows,)`."""
        return self.top + _centres(self.height, self.rows)

    @property
    def column_indices(self) -> Indices:
        """Column of the scan at the centre of each column of the grid, intp `(columns,)`."""
        return self.left + _centres(self.width, self.columns)

    def as_array(self) -> npt.NDArray[np.int32]:
        """The twelve numbers in the order of the attributes, int32 `(12,)`."""
        values = (self.first, self.step, self.count, self.top, self.left, self.height, self.width)
        return np.array([*self.shape, *values, self.rows, self.columns], np.int32)


def _centres(pixels: int, sampled: int) -> Indices:
    centres: Indices = np.floor((np.arange(sampled) + 0.5) * (pixels / sampled)).astype(np.intp)
    return centres


def overlay_grid(reference: NativeReference) -> OverlayGrid:
    """The grid of a scan: the labelled part with a margin, the whole scan where nothing is labelled.

    The slice that tells most (most tumour, else most liver, the lowest of equals) is always among those sampled.
    """
    low, high = _slice_range(reference)
    step = math.ceil((high - low) / MOST_SLICES)
    first = low + (_telling_slice(reference) - low) % step
    (top, height), (left, width) = (_span(reference, axis) for axis in (1, 2))
    _, row_mm, column_mm = reference.spacing_mm
    pixel_mm = max(height * row_mm / LONGEST_PX, width * column_mm / LONGEST_PX, min(row_mm, column_mm))
    return OverlayGrid(
        shape=reference.shape,
        first=first,
        step=step,
        count=len(range(first, high, step)),
        top=top,
        left=left,
        height=height,
        width=width,
        rows=min(LONGEST_PX, max(1, round(height * row_mm / pixel_mm))),
        columns=min(LONGEST_PX, max(1, round(width * column_mm / pixel_mm))),
    )


def _slice_range(reference: NativeReference) -> tuple[int, int]:
    total, labelled = reference.shape[0], reference.labels.shape[0]
    if not labelled:
        return 0, total
    margin = max(1, round(MARGIN_SLICES * labelled))
    return max(0, reference.start[0] - margin), min(total, reference.start[0] + labelled + margin)


def _telling_slice(reference: NativeReference) -> int:
    for wanted in (reference.labels == 2, reference.labels >= 1):
        if wanted.any():
            return reference.start[0] + int(np.argmax(np.count_nonzero(wanted, axis=(1, 2))))
    return reference.shape[0] // 2


def _span(reference: NativeReference, axis: int) -> tuple[int, int]:
    """First pixel and length of the box along an axis."""
    total, labelled = reference.shape[axis], reference.labels.shape[axis]
    if not labelled:
        return 0, total
    margin = math.ceil(MARGIN_MM / reference.spacing_mm[axis])
    start = max(0, reference.start[axis] - margin)
    return start, min(total, reference.start[axis] + labelled + margin) - start


def sample_labels(volume: NativeReference, grid: OverlayGrid) -> Mask:
    """The labels of a volume at the grid's pixels (the nearest voxel), uint8 `(count, rows, columns)`."""
    sampled = np.zeros((grid.count, grid.rows, grid.columns), np.uint8)
    wanted = (np.array(grid.slices, np.intp), grid.row_indices, grid.column_indices)
    positions = [index - start for index, start in zip(wanted, volume.start, strict=True)]
    inside = [(index >= 0) & (index < size) for index, size in zip(positions, volume.labels.shape, strict=True)]
    if all(part.any() for part in inside):
        taken = np.ix_(*(index[part] for index, part in zip(positions, inside, strict=True)))
        sampled[np.ix_(*inside)] = volume.labels[taken]
    return sampled


def unseen_ml(volume: NativeReference, grid: OverlayGrid) -> float:
    """Millilitres labelled outside the box and the range of slices, which cannot be seen on the grid."""
    last = grid.first + grid.step * (grid.count - 1)
    bounds = (
        (grid.first - grid.step + 1, last + grid.step),
        (grid.top, grid.top + grid.height),
        (grid.left, grid.left + grid.width),
    )
    cut = tuple(
        slice(max(0, low - start), max(0, high - start))
        for (low, high), start in zip(bounds, volume.start, strict=True)
    )
    outside = np.count_nonzero(volume.labels) - np.count_nonzero(volume.labels[cut])
    return float(outside * math.prod(volume.spacing_mm) / 1000.0)
