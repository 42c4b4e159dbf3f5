"""How the slices of a series lie in space: one plane, one direction, straight above each other, complete.

Directions and positions are in DICOM's LPS axes (x towards the patient's left, y posterior, z superior) until `affine`
turns them into NIfTI's RAS. Sources: DICOM PS3.3 C.7.6.2.1.1 (position and orientation), nifti1.h (RAS).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from liverseg.dicom.gaps import CLOSEST_MM, Spacing, doubles, missing, spacing
from liverseg.dicom.rules import broken
from liverseg.dicom.slices import Slice
from liverseg.volume.affine import Affine, fault_of
from liverseg.volume.header import MAX_SIZE, MAX_VOXELS

Vectors = npt.NDArray[np.float64]

SAME_DIRECTION = 1e-3
"""Directions whose parts differ by less are the same: tags are often rounded to three or four places."""
SAME_SPACING = 1e-3
"""Relative difference below which two pixel spacings are the same."""
STRAIGHT_PIXELS = 0.5
"""Slices may lie so far beside the normal through the first one; what is less is rounding and is dropped."""
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Stacked:
    """Slices in order, and the grid that they make.

    Attributes:
        slices: ascending along the normal of their planes.
        spacing: the steps between them.
        affine: voxel `(column, row, slice)` of the even grid to RAS mm, 4x4.
    """

    slices: tuple[Slice, ...]
    spacing: Spacing
    affine: Affine

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels of the even grid along columns, rows and slices."""
        return self.slices[0].columns, self.slices[0].rows, len(self.spacing.planes)


def stack(slices: Sequence[Slice], folder: Path) -> Stacked:
    """Sort slices by where they lie and check that they are one scan.

    Args:
        slices: of one series, in any order.
        folder: where they come from, for the error.

    Raises:
        DataError: rule X3 (missing or double slices) or X4 (slices that do not lie on one grid).
    """
    if len(slices) < 2:
        next_step = "export the whole series"
        raise broken(
            "X3", "a scan needs at least two slices", folder, got=f"{len(slices)} CT slice", next_step=next_step
        )
    _same_plane(slices, folder)
    first = slices[0]
    normal = np.cross(first.along_row, first.along_column)
    normal /= np.linalg.norm(normal)
    slices = sorted(slices, key=lambda one: (float(normal @ one.position_mm), one.number or 0, one.path.name))
    where = np.array([one.position_mm for one in slices])
    along = where @ normal
    _not_twice(slices, along, folder)
    _straight(slices, where, along, normal, folder)
    _complete(slices, along, folder)
    steps = spacing(along)
    return Stacked(tuple(slices), steps, _affine(slices[0], normal, steps.step_mm, len(steps.planes), folder))


def _same_plane(slices: Sequence[Slice], folder: Path) -> None:
    """All slices have one size, one pixel spacing and one orientation."""
    next_step = "they belong to different scans: keep one series in a folder"
    sizes = [f"{one.columns}x{one.rows}" for one in slices]
    if len(set(sizes)) > 1:
        raise broken("X4", "slices have different sizes", folder, got=_counted(sizes), next_step=next_step)
    first = slices[0]
    across = [one for one in slices if _differs(one.spacing_mm, first.spacing_mm, SAME_SPACING * min(first.spacing_mm))]
    if across:
        spacings = [" x ".join(f"{value:g}" for value in one.spacing_mm) + " mm" for one in slices]
        raise broken("X4", "slices have different pixel spacings", folder, got=_counted(spacings), next_step=next_step)
    turned = [
        one
        for one in slices
        if _differs((*one.along_row, *one.along_column), (*first.along_row, *first.along_column), SAME_DIRECTION)
    ]
    if turned:
        got = f"{min(len(turned), len(slices) - len(turned))} of {len(slices)} turned against the others"
        raise broken("X4", "slices have different orientations", folder, got=got, next_step=next_step)
    if abs(float(np.dot(first.along_row, first.along_column))) > SAME_DIRECTION:
        what, next_step = "rows and columns are not at right angles", "export the series again"
        raise broken(
            "X4", what, folder, allowed="ImageOrientationPatient of two directions at right angles", next_step=next_step
        )


def _differs(a: Sequence[float], b: Sequence[float], most: float) -> bool:
    return any(abs(x - y) > most for x, y in zip(a, b, strict=True))


def _counted(values: Sequence[str]) -> str:
    kinds = sorted(set(values), key=lambda value: (-values.count(value), value))
    shown = ", ".join(f"{values.count(kind)} of {kind}" for kind in kinds[:_SHOWN])
    return shown + (", …" if len(kinds) > _SHOWN else "")


def _not_twice(slices: Sequence[Slice], along: Vectors, folder: Path) -> None:
    found = doubles(along)
    if not found:
        return
    places = ", ".join(f"{along[index]:.1f} mm" for index in found[:_SHOWN]) + (", …" if len(found) > _SHOWN else "")
    copies = all(slices[index].uid and slices[index].uid == slices[index - 1].uid for index in found)
    what = "slices are there twice" if copies else "several slices lie in one place"
    next_step = (
        "remove the copies"
        if copies
        else "the series holds several phases or reconstructions: keep the slices of one in a folder"
    )
    got, allowed = f"{len(found)} at {places}", f"slices at least {CLOSEST_MM:g} mm apart"
    raise broken("X3", what, folder, got=got, allowed=allowed, next_step=next_step)


def _straight(slices: Sequence[Slice], where: Vectors, along: Vectors, normal: Vectors, folder: Path) -> None:
    """Slices lie above each other along the normal, within half a pixel over the whole scan."""
    beside = where - where[0] - np.outer(along - along[0], normal)
    most = STRAIGHT_PIXELS * min(slices[0].spacing_mm)
    far = float(np.linalg.norm(beside, axis=1).max())
    if far <= most:
        return
    drift = beside[-1] / (along[-1] - along[0])
    left = float(np.linalg.norm(beside - np.outer(along - along[0], drift), axis=1).max())
    allowed = f"at most {most:.2g} mm (half a pixel) beside the normal"
    if left <= max(most, 0.1 * far):
        angle = math.degrees(math.atan(float(np.linalg.norm(drift))))
        written = max((one.tilt_deg for one in slices), key=abs)
        told = f", gantry tilt {written:g} degrees in the files" if written else ""
        got = f"each slice is shifted against the next: {angle:.1f} degrees from the normal{told}"
        next_step = "have the scanner or archive correct the gantry tilt, or convert with dcm2niix, which resamples it"
        raise broken(
            "X4", "the scan was taken with a tilted gantry", folder, got=got, allowed=allowed, next_step=next_step
        )
    next_step = "the slices may come from two scans: export the series again"
    raise broken(
        "X4",
        "slices do not lie above each other",
        folder,
        got=f"up to {far:.1f} mm beside",
        allowed=allowed,
        next_step=next_step,
    )


def _complete(slices: Sequence[Slice], along: Vectors, folder: Path) -> None:
    extent = float(along[-1] - along[0])
    if not extent <= MAX_SIZE * 20.0:
        raise broken(
            "X4", "impossible height of a scan", folder, got=f"{extent:g} mm", next_step="export the series again"
        )
    gaps = missing(along, [one.number for one in slices])
    if not gaps:
        return
    got = f"{sum(gap.slices for gap in gaps)} missing of {len(slices) + sum(gap.slices for gap in gaps)}: "
    got += ", ".join(map(str, gaps[:_SHOWN])) + (
        f" and at {len(gaps) - _SHOWN} more places" if len(gaps) > _SHOWN else ""
    )
    next_step = "export or copy the whole series again; without these slices volumes would be wrong"
    raise broken("X3", "slices are missing", folder, got=got, allowed="a series without gaps", next_step=next_step)


def _affine(first: Slice, normal: Vectors, step_mm: float, planes: int, folder: Path) -> Affine:
    lps = np.eye(4)
    lps[:3, 0] = np.array(first.along_row) * first.spacing_mm[0]
    lps[:3, 1] = np.array(first.along_column) * first.spacing_mm[1]
    lps[:3, 2] = normal * step_mm
    lps[:3, 3] = first.position_mm
    affine: Affine = _LPS_TO_RAS @ lps
    if fault := fault_of(affine):
        what, got, allowed = fault
        raise broken("X4", what, folder, got=got, allowed=allowed, next_step="export the series again")
    sizes = first.columns, first.rows, planes
    if max(sizes) > MAX_SIZE or math.prod(sizes) > MAX_VOXELS:
        got, allowed = "x".join(map(str, sizes)), f"1 to {MAX_SIZE} along each axis, {MAX_VOXELS:,} voxels in all"
        raise broken(
            "X4", "impossible size", folder, got=got, allowed=allowed, next_step="export fewer or smaller slices"
        )
    return affine
