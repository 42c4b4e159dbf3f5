"""A predicted volume as a mask file on the scan's own grid, and what is measured in it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial.distance import pdist

from liverseg.handover.components import Components
from liverseg.handover.pieces import box_of
from liverseg.preprocess.arrays import Mask, NativeReference
from liverseg.preprocess.orient import orientation_from
from liverseg.volume import Header, write_nifti


@dataclass(frozen=True, slots=True)
class Tumour:
    """One 26-connected tumour.

    Attributes:
        volume_ml: of its voxels.
        longest_mm: the longest diameter in one axial slice: between the centres of its farthest two pixels, and a pixel more.
        slices: first and last slice, from 0 at the feet.
        longest_slice: where `longest_mm` was measured.
    """

    volume_ml: float
    longest_mm: float
    slices: tuple[int, int]
    longest_slice: int


@dataclass(frozen=True, slots=True)
class Measurements:
    """Volumes of a segmentation.

    Attributes:
        liver_ml: voxels labelled 1 or 2.
        tumour_ml: voxels labelled 2.
        tumours: largest first.
    """

    liver_ml: float
    tumour_ml: float
    tumours: tuple[Tumour, ...]

    @property
    def tumour_burden(self) -> float | None:
        """Tumour as a share of the liver, 0 to 1; None without liver."""
        return self.tumour_ml / self.liver_ml if self.liver_ml else None

    def as_json(self) -> dict[str, Any]:
        """Plain values, rounded to what a voxel can tell."""
        burden = self.tumour_burden
        return {
            "volumes_ml": {"liver": round(self.liver_ml, 3), "tumour": round(self.tumour_ml, 3)},
            "tumour_burden": None if burden is None else round(burden, 6),
            "tumours": [
                {**asdict(one), "volume_ml": round(one.volume_ml, 3), "longest_mm": round(one.longest_mm, 1)}
                | {"slices": list(one.slices)}
                for one in self.tumours
            ],
        }


def liver_volume_ml(volume: NativeReference) -> float:
    """Millilitres of the voxels that have a label; 0 for an empty volume."""
    return int(np.count_nonzero(volume.labels)) * math.prod(volume.spacing_mm) / 1000.0


def measure(volume: NativeReference) -> Measurements:
    """Volumes, and each tumour. All zero for an empty volume.

    Memory: a few slices, and what `Components` takes.
    """
    voxel_ml = math.prod(volume.spacing_mm) / 1000.0
    box = box_of(volume.labels, 2)
    inside = volume.labels[box]
    parts = Components(inside.shape, lambda part: inside[part] == 2)
    sizes = parts.voxels[1:, 0]
    found = _extents(parts, volume.start[0] + box[0].start, volume.spacing_mm)
    tumours = [
        Tumour(int(size) * voxel_ml, longest_mm, (first, last), at)
        for size, (longest_mm, first, last, at) in zip(sizes, found, strict=True)
    ]
    tumours.sort(key=lambda one: (-one.volume_ml, one.slices))
    return Measurements(liver_volume_ml(volume), int(sizes.sum()) * voxel_ml, tuple(tumours))


def _extents(
    parts: Components, start: int, spacing_mm: tuple[float, float, float]
) -> list[tuple[float, int, int, int]]:
    """Of each component its longest distance in a slice, its first and last slice, and the first slice with the longest."""
    found: list[tuple[float, int, int, int]] = [(-1.0, 0, 0, 0)] * parts.count
    for part, numbers in parts.slabs():
        for position, plane in enumerate(numbers, start=start + part.start):
            for number, piece in _pieces(plane):
                longest, first, _, at = found[number - 1]
                now = _longest_mm(piece, spacing_mm[1:])
                first = first if longest >= 0 else position
                found[number - 1] = (
                    (now, first, position, position) if now > longest else (longest, first, position, at)
                )
    return found


def _pieces(plane: npt.NDArray[np.int32]) -> Iterator[tuple[int, npt.NDArray[np.bool_]]]:
    """Number and mask, cut to its box, of each component that is in a plane."""
    counts = np.bincount(plane.ravel())
    counts[0] = 0
    there = np.flatnonzero(counts)
    local = np.zeros(len(counts), np.int32)
    local[there] = np.arange(1, len(there) + 1, dtype=np.int32)
    for number, box in zip(there, ndimage.find_objects(local[plane]), strict=True):
        yield int(number), plane[box] == number


def _longest_mm(plane: npt.NDArray[np.bool_], spacing_mm: tuple[float, ...]) -> float:
    """The farthest two pixel centres of a plane, each the first or last of its row, and the smaller side of a pixel."""
    rows = np.flatnonzero(plane.any(axis=1))
    if not rows.size:
        return 0.0
    used = plane[rows]
    left, right = used.argmax(axis=1), used.shape[1] - 1 - used[:, ::-1].argmax(axis=1)
    ends = np.concatenate([np.stack([rows, left], axis=1), np.stack([rows, right], axis=1)]) * np.array(spacing_mm)
    return float(pdist(ends).max()) + min(spacing_mm)


def stored_labels(volume: NativeReference, header: Header) -> Mask:
    """The labels on the scan's own voxels in the order of its file, uint8 `(x, y, z)`, Fortran order.

    Args:
        volume: in the display frame of the scan.
        header: of the scan.
    """
    stored = np.zeros(header.shape, np.uint8, order="F")
    if volume.labels.size:
        shown = orientation_from(header.orientation).display_volume(stored)
        box = tuple(slice(low, low + size) for low, size in zip(volume.start, volume.labels.shape, strict=True))
        shown[box] = volume.labels
    return stored


def write_mask(path: Path, volume: NativeReference, header: Header) -> None:
    """Write a mask with the scan's shape and affine, whole or not at all.

    Raises:
        OSError: the disk is full or cannot be written.
    """
    write_nifti(path, stored_labels(volume, header), np.array(header.affine, np.float64))
