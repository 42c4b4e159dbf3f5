"""What is shown of a segmented scan: its slices as grey pictures, cut to the body, with the labels on the same pixels.

The scan is read once, from its first to its last plane. What stays in memory are the slices that will be shown, one byte
a pixel; so memory grows neither with the length of a scan nor with the type of its voxels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from liverseg.inference.overlay_grid import OverlayGrid, sample_labels
from liverseg.preprocess.arrays import Mask, NativeReference
from liverseg.preprocess.orient import orientation_from
from liverseg.preprocess.resize import resize_matrix
from liverseg.preprocess.stacks import VoxelFile, read_stacks
from liverseg.volume import Header

LONGEST_PX = 512
MOST_SLICES = 160
SHOWN_HU = (-200.0, 300.0)
"""From black to white. Wide enough for every window that is of use for the liver, at 2 HU a grey level."""
MARGIN_SLICES = 0.1
"""Slices beyond either end of the labelled ones, as a share of these; at least `LEAST_MARGIN_SLICES`."""
LEAST_MARGIN_SLICES = 3
MARGIN_MM = 12.0
"""Around the body."""
BODY_HU = -300.0
_SAMPLED_PX = 128
_KEPT_PX = 1024

Grey = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float32]
Box = tuple[slice, slice]


@dataclass(frozen=True, slots=True)
class ScanSlices:
    """Slices in the display frame (rows from front to back, columns from the patient's right to left), feet first.

    Attributes:
        image: uint8 `(count, rows, columns)`, 0 at `range_hu[0]`, 255 at `range_hu[1]`, clipped; pixels are square.
        labels: uint8 of the same shape: the label of the voxel nearest to each pixel's centre.
        slices: position of each in the scan, from 0 at the feet, rising.
        positions_mm: where each slice's centre lies on the axis from feet to head, in the scan's own coordinates (RAS);
            in scans that came from DICOM this is the z that the image viewer of a hospital shows.
        depth: slices of the whole scan.
        pixel_mm: side of a pixel.
        range_hu: HU of black and white.
    """

    image: Grey
    labels: Mask
    slices: tuple[int, ...]
    positions_mm: tuple[float, ...]
    depth: int
    pixel_mm: float
    range_hu: tuple[float, float]


def scan_slices(
    image: Path,
    header: Header,
    volume: NativeReference,
    *,
    longest_px: int = LONGEST_PX,
    most_slices: int = MOST_SLICES,
    case: str | None = None,
) -> ScanSlices:
    """The slices of a scan that are worth showing, and the labels on them.

    Shown are the labelled slices and a margin; the whole scan where nothing is labelled. Of more than `most_slices` every
    k-th is taken, and in addition of each stretch of slices with tumour the one with most of it. All are cut to the
    body, whole labels included. In memory: at most `most_slices` pictures of 1024 pixels a side.

    Args:
        image: the scan's file.
        header: of this file.
        volume: the labels, on the scan's grid in the display frame.
        longest_px: of the pictures; they are never finer than the scan.
        most_slices: at least 2.
        case: what errors call the scan.

    Raises:
        DataError: the file is damaged.
    """
    chosen = chosen_slices(volume, most_slices)
    kept = _Kept.read(VoxelFile(image, header), volume, chosen, case or image.name)
    grid = _grid(volume, kept.body, longest_px)
    return ScanSlices(
        image=kept.resampled(grid),
        labels=np.concatenate([sample_labels(volume, replace(grid, first=position)) for position in chosen]),
        slices=chosen,
        positions_mm=tuple(_position_mm(header, position) for position in chosen),
        depth=volume.shape[0],
        pixel_mm=grid.height * volume.spacing_mm[1] / grid.rows,
        range_hu=SHOWN_HU,
    )


def chosen_slices(volume: NativeReference, most: int) -> tuple[int, ...]:
    """Positions of the slices to show, rising; see `scan_slices`."""
    low, high = _slice_range(volume)
    if high - low <= most:
        return tuple(range(low, high))
    peaks = _tumour_peaks(volume)
    if len(peaks) > most // 2:
        peaks = [peaks[index] for index in _even(len(peaks), most // 2)]
    even = [low + index for index in _even(high - low, most - len(peaks))]
    return tuple(sorted({*even, *peaks}))


def _even(count: int, wanted: int) -> list[int]:
    """Every k-th of `count` places, with the smallest k that gives no more than `wanted`, in the middle of the range."""
    step = math.ceil(count / max(1, wanted))
    return list(range((count - 1) % step // 2, count, step))


def _slice_range(volume: NativeReference) -> tuple[int, int]:
    total, labelled = volume.shape[0], volume.labels.shape[0]
    if not labelled:
        return 0, total
    margin = max(LEAST_MARGIN_SLICES, round(MARGIN_SLICES * labelled))
    return max(0, volume.start[0] - margin), min(total, volume.start[0] + labelled + margin)


def _tumour_peaks(volume: NativeReference) -> list[int]:
    """Of each run of slices with tumour the one with most, the lowest of equals."""
    counts = np.array([np.count_nonzero(plane == 2) for plane in volume.labels], np.int64)
    edges = np.flatnonzero(np.diff(counts > 0, prepend=False, append=False)).reshape(-1, 2)
    return [volume.start[0] + int(first + counts[first:stop].argmax()) for first, stop in edges]


def _position_mm(header: Header, position: int) -> float:
    """S of the centre of a slice, from the affine."""
    orientation = orientation_from(header.orientation)
    place = [(size - 1) / 2 for size in header.shape]
    axis = orientation.axes[0]
    place[axis] = header.shape[axis] - 1 - position if orientation.flips[0] else position
    return float(np.dot(header.affine[2], [*place, 1.0]))


@dataclass(frozen=True, slots=True)
class _Kept:
    """The chosen slices, whole, one byte a pixel, at most 1024 pixels a side.

    Attributes:
        planes: uint8 `(count, rows, columns)`; a pixel is the mean of `block` pixels of the scan.
        block: rows and columns of the scan in a pixel; the last may reach beyond the scan.
        body: rows and columns of the scan where there is body or label, in whole blocks.
    """

    planes: Grey
    block: tuple[int, int]
    body: Box

    @classmethod
    def read(cls, scan: VoxelFile, volume: NativeReference, chosen: tuple[int, ...], case: str) -> _Kept:
        """Read the file to its end."""
        orientation = orientation_from(scan.header.orientation)
        depth, height, width = volume.shape
        block = math.ceil(height / _KEPT_PX), math.ceil(width / _KEPT_PX)
        planes = np.zeros((len(chosen), math.ceil(height / block[0]), math.ceil(width / block[1])), np.uint8)
        places = {depth - 1 - position if orientation.flips[0] else position: k for k, position in enumerate(chosen)}
        slope, intercept = scan.scale
        seen = np.zeros((height, width), np.bool_)
        for stack in read_stacks(scan, None, orientation, case=case):
            for index in range(len(stack.image)):
                place = places.get(stack.start + index)
                if place is not None:
                    plane = orientation.display(stack.image[index : index + 1])[0]
                    hu = plane.astype(np.float32) * slope + intercept
                    _mark_body(seen, hu)
                    planes[place] = _grey(_block_means(hu, block))
        return cls(planes, block, _body(_bounds(seen), volume, block))

    def resampled(self, grid: OverlayGrid) -> Grey:
        """The pictures on a grid, which names a box of whole blocks and the pixels that it becomes."""
        down, across = self.block
        rows = slice(grid.top // down, (grid.top + grid.height) // down)
        columns = slice(grid.left // across, (grid.left + grid.width) // across)
        boxes = self.planes[:, rows, columns]
        if boxes.shape[1:] == (grid.rows, grid.columns):
            return boxes.copy()
        to_rows, to_columns = resize_matrix(boxes.shape[1], grid.rows), resize_matrix(boxes.shape[2], grid.columns)
        shown = np.zeros((len(boxes), grid.rows, grid.columns), np.uint8)
        for place, box in enumerate(boxes):
            shown[place] = np.rint(np.clip(to_rows @ (to_columns @ box.astype(np.float32).T).T, 0, 255))
        return shown


def _block_means(hu: Plane, block: tuple[int, int]) -> Plane:
    """Means of blocks of pixels; those at the end are filled up with the last row and column."""
    if block == (1, 1):
        return hu
    down, across = block
    filled = np.pad(hu, [(0, -size % by) for size, by in zip(hu.shape, block, strict=True)], mode="edge")
    means: Plane = filled.reshape(filled.shape[0] // down, down, -1, across).mean(axis=(1, 3), dtype=np.float32)
    return means


def _grey(hu: Plane) -> Grey:
    low, high = SHOWN_HU
    shown: Grey = np.rint(np.clip((hu - low) * (255.0 / (high - low)), 0.0, 255.0)).astype(np.uint8)
    return shown


def _mark_body(seen: npt.NDArray[np.bool_], hu: Plane) -> None:
    """Mark where the largest connected piece of tissue of a plane lies: the body, and not the table or an arm."""
    from scipy import ndimage

    step = max(1, max(hu.shape) // _SAMPLED_PX)
    tissue = hu[::step, ::step] > BODY_HU
    pieces, count = ndimage.label(tissue)
    if not count:
        return
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    seen[::step, ::step] |= pieces == sizes.argmax()


def _bounds(seen: npt.NDArray[np.bool_]) -> Box | None:
    """The smallest box around all that is marked; None when nothing is."""
    if not seen.any():
        return None
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _body(body: Box | None, volume: NativeReference, block: tuple[int, int]) -> Box:
    """Whole blocks that hold body and labels with a margin; everything where there is neither."""
    found = []
    for axis in range(2):
        start, labelled, size = volume.start[1 + axis], volume.labels.shape[1 + axis], volume.shape[1 + axis]
        ends = [] if body is None else [body[axis].start, body[axis].stop]
        ends += [start, start + labelled] if labelled else []
        margin = math.ceil(MARGIN_MM / volume.spacing_mm[1 + axis])
        low, high = (max(0, min(ends) - margin), min(size, max(ends) + margin)) if ends else (0, size)
        by = block[axis]
        found.append(slice(low // by * by, -(-high // by) * by))
    return found[0], found[1]


def _grid(volume: NativeReference, box: Box, longest_px: int) -> OverlayGrid:
    """Square pixels on a box of the scan; its slices are those of the caller."""
    top, left = (part.start for part in box)
    height, width = (part.stop - part.start for part in box)
    _, row_mm, column_mm = volume.spacing_mm
    pixel_mm = max(height * row_mm / longest_px, width * column_mm / longest_px, min(row_mm, column_mm))
    rows, columns = (max(1, round(size_mm / pixel_mm)) for size_mm in (height * row_mm, width * column_mm))
    return OverlayGrid(volume.shape, 0, 1, 1, top, left, height, width, rows, columns)
