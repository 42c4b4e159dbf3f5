"""Voxel-to-world affines of NIfTI files: building, judging and naming them.

World coordinates are NIfTI's RAS+ millimetres: +x towards the patient's right, +y anterior, +z superior.
"""

from __future__ import annotations

from itertools import permutations

import numpy as np
import numpy.typing as npt

Affine = npt.NDArray[np.float64]

SPACING_MM = (0.1, 20.0)
MAX_SHEAR_COSINE = 0.05
"""Largest |cosine| between two voxel axes, 3 degrees from square: above any rounding, below a gantry tilt."""
QUATERNION_SLACK = 1e-4

_LETTERS = ("LR", "PA", "IS")


def quaternion_affine(
    bcd: npt.ArrayLike, zooms_mm: npt.ArrayLike, offset_mm: npt.ArrayLike, handedness: float
) -> Affine | None:
    """The 4x4 affine of a NIfTI qform ("method 2" of the NIfTI-1 standard).

    Args:
        bcd: the three stored quaternion parts, in the type in which they were stored; the first is the positive root of
            what is missing to length 1, and 0 where that is no more than three rounding errors of their type, as nibabel
            has it.
        zooms_mm: voxel sizes, `pixdim[1:4]`.
        offset_mm: world position of voxel (0, 0, 0).
        handedness: `pixdim[0]`; below 0 the third axis is reversed.

    Returns:
        The affine, or None when the stored parts are longer than 1 and so describe no rotation.
    """
    rounding = 3 * float(np.finfo(np.result_type(np.asarray(bcd), np.float32)).eps)
    b, c, d = np.asarray(bcd, np.float64)
    rest = 1.0 - (b * b + c * c + d * d)
    if not rest >= -QUATERNION_SLACK:
        return None
    # What rounding leaves of nothing is nothing: its root would turn a scan that lies square by 0.03 degrees.
    a = np.sqrt(rest) if rest > rounding else 0.0
    a, b, c, d = np.array((a, b, c, d)) / np.linalg.norm((a, b, c, d))
    rotation = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    scale = np.asarray(zooms_mm, np.float64) * (1.0, 1.0, -1.0 if handedness < 0 else 1.0)
    affine = np.eye(4)
    affine[:3, :3] = rotation * scale
    affine[:3, 3] = offset_mm
    return affine


def spacing_of(affine: npt.ArrayLike) -> tuple[float, float, float]:
    """Distances in mm between voxel centres along the three array axes: the lengths of the affine's columns."""
    x, y, z = np.linalg.norm(np.asarray(affine, np.float64)[:3, :3], axis=0)
    return float(x), float(y), float(z)


def fault_of(affine: Affine) -> tuple[str, str, str] | None:
    """Why an affine cannot be used, as (what, got, allowed); None when it can."""
    low, high = SPACING_MM
    if not np.isfinite(affine).all():
        return "affine is not finite", str(affine[:3].tolist()), "finite numbers"
    spacing = spacing_of(affine)
    if not all(low <= value <= high for value in spacing):
        return "impossible voxel spacing", " x ".join(f"{v:g}" for v in spacing) + " mm", f"{low:g} to {high:g} mm"
    axes = affine[:3, :3] / spacing
    cosine = float(np.abs(np.triu(axes.T @ axes, 1)).max())
    if cosine > MAX_SHEAR_COSINE:
        what = "affine is singular" if abs(np.linalg.det(axes)) < 1e-3 else "voxel axes are not at right angles"
        return what, f"|cosine| {cosine:.3f} between two axes", f"at most {MAX_SHEAR_COSINE:g}"
    return None


def orientation_of(affine: npt.ArrayLike) -> str:
    """Where each array axis points as its index grows: three of `L R A P S I`, for example `LPS`.

    Oblique axes are named after the nearest anatomical ones, each anatomical axis once.
    """
    columns = np.asarray(affine, np.float64)[:3, :3] / spacing_of(affine)
    order = max(permutations(range(3)), key=lambda p: sum(abs(columns[p[axis], axis]) for axis in range(3)))
    return "".join(_LETTERS[world][int(columns[world, axis] > 0)] for axis, world in enumerate(order))


def obliqueness_deg(affine: npt.ArrayLike) -> float:
    """Largest angle in degrees between an array axis and the anatomical axis it is named after."""
    columns = np.abs(np.asarray(affine, np.float64)[:3, :3] / spacing_of(affine))
    best = max(permutations(range(3)), key=lambda p: sum(columns[p[axis], axis] for axis in range(3)))
    cosines = np.array([columns[world, axis] for axis, world in enumerate(best)])
    return float(np.degrees(np.arccos(np.clip(cosines.min(), 0.0, 1.0))))
