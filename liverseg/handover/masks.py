"""A predicted volume as a mask file on the scan's own grid, and what is measured in it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial.distance import pdist

from liverseg.metrics.mask_file import cut
from liverseg.preprocess.arrays import Mask, NativeReference
from liverseg.preprocess.orient import orientation_from
from liverseg.volume import Header, write_nifti

_TOUCHING = np.ones((3, 3, 3), np.uint8)
"""Tumours are 26-connected, as where they are scored."""


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


def measure(volume: NativeReference) -> Measurements:
    """Volumes, and each tumour. All zero for an empty volume."""
    voxel_ml = math.prod(volume.spacing_mm) / 1000.0
    liver = int(np.count_nonzero(volume.labels)) * voxel_ml
    # Numbers of tumours take four bytes a voxel: only where there are tumours.
    marked = cut(np.equal(volume.labels, 2).view(np.uint8), volume.spacing_mm)
    if not marked.labels.size:
        return Measurements(liver, 0.0, ())
    parts, count = ndimage.label(marked.labels, _TOUCHING)
    sizes = np.bincount(parts.ravel(), minlength=count + 1)
    first = volume.start[0] + marked.start[0]
    found = [
        _tumour(parts[box] == number, first + int(box[0].start), int(sizes[number]) * voxel_ml, volume.spacing_mm)
        for number, box in enumerate(ndimage.find_objects(parts), start=1)
    ]
    found.sort(key=lambda one: (-one.volume_ml, one.slices))
    return Measurements(liver, int(sizes[1:].sum()) * voxel_ml, tuple(found))


def _tumour(
    part: npt.NDArray[np.bool_], first: int, volume_ml: float, spacing_mm: tuple[float, float, float]
) -> Tumour:
    longest = [_longest_mm(plane, spacing_mm[1:]) for plane in part]
    at = int(np.argmax(longest))
    return Tumour(volume_ml, longest[at], (first, first + len(part) - 1), first + at)


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
