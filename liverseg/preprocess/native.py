"""What is kept of the native grid while the scan streams past: the reference mask, foreground intensities, tissue."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from liverseg.preprocess.arrays import NativeReference
from liverseg.preprocess.levels import LevelCounts
from liverseg.preprocess.orient import Orientation
from liverseg.preprocess.stacks import Stack, VoxelFile

HISTOGRAM_BINS = 4096
HISTOGRAM_LOW_HU = -1024
TISSUE_HU = -200
_TISSUE_STEP = 4

Crop = tuple[int, int, int, npt.NDArray[np.uint8]]
_Box = tuple[slice, slice]


class NativeFacts:
    """Collects native facts of one scan, stack by stack.

    Args:
        image: the scan.
        orientation: of the image.
        tissue: whether `tissue` is wanted; it stays 0 otherwise.

    Attributes:
        labelled: bool `(n,)` in stored order, slices with any label.
        tissue: float32 `(n,)` in stored order, share of the slice above -200 HU, from every fourth row and column.
    """

    def __init__(self, image: VoxelFile, orientation: Orientation, *, tissue: bool) -> None:
        self._wants_tissue = tissue
        header = image.header
        self._scale = image.scale
        self._orientation = orientation
        self._shape = (header.shape[orientation.axes[0]], *(header.shape[axis] for axis in orientation.plane_axes))
        self._spacing_mm = orientation.permute(header.spacing_mm)
        self._crops: list[Crop] = []
        self._levels = LevelCounts(image)
        self.labelled = np.zeros(self._shape[0], bool)
        self.tissue = np.zeros(self._shape[0], np.float32)

    def add(self, stack: Stack) -> None:
        """Take in one stack; its arrays may be overwritten afterwards."""
        where = slice(stack.start, stack.start + len(stack.image))
        if self._wants_tissue:
            sampled = self._hu(stack.image[:, ::_TISSUE_STEP, ::_TISSUE_STEP])
            self.tissue[where] = (sampled > TISSUE_HU).mean(axis=(1, 2))
        if stack.mask is None:
            return
        for index, mask in enumerate(stack.mask):
            box = _labelled_box(mask)
            if box is not None:
                self._add_box(stack.start + index, box, stack.image[index], mask)

    def _add_box(self, position: int, box: _Box, image: npt.NDArray[Any], mask: npt.NDArray[np.uint8]) -> None:
        self.labelled[position] = True
        labels = mask[box].copy()
        self._crops.append((position, int(box[0].start), int(box[1].start), labels))
        # Contiguous copies of the box first: a boolean index into a view costs three times as much.
        self._levels.add(image[box].ravel()[labels.ravel() != 0])

    def _hu(self, values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        slope, intercept = self._scale
        return values.astype(np.float32) * slope + intercept

    def foreground_hu(self) -> npt.NDArray[np.int64]:
        """Counts of foreground voxels by HU, int64 `(4096,)`, see `PreparedCase`."""
        hu, voxels = self._levels.by_hu()
        bins = np.clip(hu - HISTOGRAM_LOW_HU, 0, HISTOGRAM_BINS - 1).astype(np.intp)
        counts = np.zeros(HISTOGRAM_BINS, np.int64)
        np.add.at(counts, bins, voxels)
        return counts

    def reference(self) -> NativeReference:
        """The reference mask in display order."""
        shape, spacing_mm = self._display_shape(), self._spacing_mm
        if not self._crops:
            return NativeReference(shape, spacing_mm, (0, 0, 0), np.zeros((0, 0, 0), np.uint8))
        start, box = assemble(self._crops)
        turned = self._orientation.transposed
        first = (start[0], start[2], start[1]) if turned else start
        labels = np.ascontiguousarray(self._orientation.display(box))
        flipped = tuple(
            total - low - size if flip else low
            for total, low, size, flip in zip(shape, first, labels.shape, self._orientation.flips, strict=True)
        )
        return NativeReference(shape, spacing_mm, (flipped[0], flipped[1], flipped[2]), labels)

    def _display_shape(self) -> tuple[int, int, int]:
        n, slower, faster = self._shape
        return (n, faster, slower) if self._orientation.transposed else (n, slower, faster)


def _labelled_box(mask: npt.NDArray[np.uint8]) -> _Box | None:
    """Rows and columns of the smallest box around all labels of a plane; None when there are none.

    Args:
        mask: uint8 `(slower, faster)`, C order.
    """
    # Whether there is anything in eight voxels is asked at once where rows are whole words, and bytes are searched from
    # either end faster than arrays.
    words = mask.view(np.uint64) if mask.shape[1] % 8 == 0 else mask
    used = (words != 0).tobytes()
    first = used.find(1)
    if first < 0:
        return None
    rows = slice(first // words.shape[1], used.rfind(1) // words.shape[1] + 1)
    columns = np.flatnonzero(np.bitwise_or.reduce(mask[rows], axis=0))
    return rows, slice(int(columns[0]), int(columns[-1]) + 1)


def assemble(crops: list[Crop]) -> tuple[tuple[int, int, int], npt.NDArray[np.uint8]]:
    """The smallest box around all crops: its first position and its labels, in stored order."""
    first = min(position for position, _, _, _ in crops)
    top = min(row for _, row, _, _ in crops)
    left = min(column for _, _, column, _ in crops)
    depth = max(position for position, _, _, _ in crops) - first + 1
    height = max(row + labels.shape[0] for _, row, _, labels in crops) - top
    width = max(column + labels.shape[1] for _, _, column, labels in crops) - left
    box = np.zeros((depth, height, width), np.uint8)
    for position, row, column, labels in crops:
        rows = slice(row - top, row - top + labels.shape[0])
        box[position - first, rows, column - left : column - left + labels.shape[1]] = labels
    return (first, top, left), box
