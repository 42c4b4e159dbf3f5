"""Tumours, and the cysts that resemble them.

Tumours have log-normal diameters from 3 mm and a contrast to the liver given in units of the scan's noise. Most are
darker than the liver, some brighter, some have a bright rim around a dark core. Cysts are labelled as liver.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from liverseg.phantom.canvas import Canvas
from liverseg.phantom.grid import Box, Point, SmoothField, Volume, is_empty
from liverseg.phantom.scanner import Acquisition
from liverseg.phantom.shapes import Ellipsoid, coverage
from liverseg.phantom.tissues import Tissue

Painted = tuple[Box, Volume]

KINDS = ("hypodense", "hyperdense", "rim")
KIND_SHARES = (0.8, 0.1, 0.1)
SMALLEST_MM = 3.0
LARGEST_MM = 75.0
MEDIAN_MM = 19.0
SPREAD = 0.75
LOWEST_HU = 18.0


@dataclass(frozen=True, slots=True)
class Lesion:
    """One tumour or cyst.

    Attributes:
        kind: one of `KINDS`, or `cyst`.
        centre_mm: in the standard body.
        diameter_mm: mean diameter in the patient.
        contrast_hu: core minus liver.
        contrast_to_noise: magnitude of the contrast in noise standard deviations.
    """

    kind: str
    centre_mm: Point
    diameter_mm: float
    contrast_hu: float
    contrast_to_noise: float

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON, rounded to 1/1000."""
        plain = asdict(self)
        plain["centre_mm"] = [round(value, 3) for value in self.centre_mm]
        return {key: round(value, 3) if isinstance(value, float) else value for key, value in plain.items()}


def draw_diameters(rng: np.random.Generator) -> list[float]:
    """Diameters in mm of one patient's tumours, largest first: one to twelve, four on average."""
    count = min(int(rng.geometric(0.25)), 12)
    sizes = np.exp(np.log(MEDIAN_MM) + SPREAD * rng.standard_normal(count))
    return sorted((float(size) for size in np.clip(sizes, SMALLEST_MM, LARGEST_MM)), reverse=True)


def place(
    liver: Volume, box: Box, canvas: Canvas, diameter_mm: float, rng: np.random.Generator, *, rim: int = 1
) -> Point | None:
    """A random centre inside the liver, deep enough for most of a lesion of that size to fit.

    Args:
        liver: signed distance to the liver inside `box`, mm.
        box: where the liver lies.
        canvas: gives the grid.
        diameter_mm: of the lesion.
        rng: consumed once.
        rim: slices at either end of the scan that get no centre.

    Returns:
        Deformed coordinates of a voxel, or None when the field of view holds no such place.
    """
    open_slices = np.zeros(canvas.grid.shape[2], bool)
    open_slices[rim : canvas.grid.shape[2] - rim] = True
    inside = open_slices[box[2]] & (liver < -2.0)
    for depth in (0.45 * diameter_mm, 0.25 * diameter_mm, 2.0):
        found = np.flatnonzero(inside & (liver < -min(depth, 16.0)))
        if found.size:
            chosen = found[int(rng.integers(found.size))]
            voxel = np.unravel_index(chosen, liver.shape)
            x, y, z = (axis[voxel] for axis in canvas.coordinates(box))
            return float(x), float(y), float(z)
    return None


def draw_tumour(
    centre: Point,
    diameter_mm: float,
    noise_hu: float,
    cnr: tuple[float, float],
    liver_hu: float,
    rng: np.random.Generator,
) -> Lesion:
    """Kind and contrast of a tumour: contrast-to-noise is uniform between the bounds; no core falls below bile."""
    kind = str(rng.choice(KINDS, p=KIND_SHARES))
    ratio = float(rng.uniform(*cnr))
    contrast = ratio * noise_hu
    if kind != "hyperdense":
        contrast = -min(contrast, liver_hu - LOWEST_HU)
    return Lesion(kind, centre, diameter_mm, contrast, abs(contrast) / noise_hu)


def draw_cysts(
    canvas: Canvas, liver: Volume, box: Box, liver_hu: float, noise_hu: float, rng: np.random.Generator
) -> list[Lesion]:
    """Up to five cysts of 4 to 22 mm anywhere in the liver; none in half of the patients."""
    cysts = []
    for _ in range(max(0, int(rng.integers(-4, 6)))):
        diameter = float(rng.uniform(4.0, 22.0))
        centre = place(liver, box, canvas, diameter, rng)
        if centre is not None:
            contrast = canvas.palette[Tissue.CYST] - liver_hu
            cysts.append(Lesion("cyst", centre, diameter, contrast, abs(contrast) / noise_hu))
    return cysts


def paint_lesion(
    canvas: Canvas, lesion: Lesion, liver: Volume, scale: Point, rng: np.random.Generator
) -> Painted | None:
    """Paint a lesion where it overlaps the liver.

    Args:
        canvas: with the liver and its vessels painted.
        lesion: what to paint.
        liver: signed distance to the liver on the whole grid, mm.
        scale: patient mm a standard mm along x, y and z.
        rng: shape of this lesion.

    Returns:
        The box that holds it and the share of each voxel in it (0..1), or None when the box is empty.
    """
    radius = lesion.diameter_mm / 2.0
    stretch = rng.uniform(0.8, 1.25, size=3)
    stretch /= float(stretch[0] * stretch[1] * stretch[2]) ** (1.0 / 3.0)
    radii = [max(radius * float(s) / k, 0.6) for s, k in zip(stretch, scale, strict=True)]
    shape = Ellipsoid(lesion.centre_mm, (radii[0], radii[1], radii[2]))
    ripple = SmoothField.draw(rng, sd=0.13 * radius, wavelength_mm=(1.6 * radius + 4.0, 3.5 * radius + 6.0), terms=5)
    grain = SmoothField.draw(rng, sd=min(6.0, 0.35 * abs(lesion.contrast_hu)), wavelength_mm=(5.0, 18.0), terms=8)
    box = canvas.grid.box(shape.low, shape.high, margin_mm=22.0)
    if is_empty(box):
        return None
    distance = shape.distance(canvas.coordinates(box)) + canvas.grid.field(ripple, box)
    blur = 1.0 if lesion.kind == "cyst" else float(rng.uniform(1.0, 1.9))
    share = coverage(distance, canvas.grid.edge_mm * blur) * coverage(liver[box], canvas.grid.edge_mm)
    hu: Volume = np.full(share.shape, canvas.palette[Tissue.LIVER] + lesion.contrast_hu, np.float32)
    if lesion.kind != "cyst":
        hu += canvas.grid.field(grain, box)
    if lesion.kind == "rim":
        rim = coverage(np.abs(distance + np.float32(0.2 * radius)) - np.float32(0.14 * radius), canvas.grid.edge_mm)
        hu += rim * np.float32(-1.6 * lesion.contrast_hu)
    canvas.blend(share, hu, Tissue.CYST if lesion.kind == "cyst" else Tissue.TUMOUR, box)
    return box, share


def label_tumours(painted: Sequence[Painted], liver: npt.NDArray[np.bool_], scan: Acquisition) -> npt.NDArray[np.bool_]:
    """Stored voxels that are tumour: at least half covered by one, and for each tumour the voxel it covers most.

    Without the second rule a tumour smaller than a voxel would be painted and yet missing from the reference.

    Args:
        painted: boxes on the painted grid and shares in them.
        liver: stored voxels that are liver, `(nx, ny, nz)`.
        scan: how painted slices become stored ones.

    Returns:
        bool of the same shape as `liver`, true only where `liver` is.
    """
    nx, ny, nz = liver.shape
    label = np.zeros(liver.shape, bool)
    for box, part in painted:
        fine = np.zeros((nx, ny, nz * scan.sub_slices), np.float32)
        fine[box] = part
        share = scan.average(fine) * liver
        label |= share >= np.float32(0.5)
        peak = np.unravel_index(int(np.argmax(share)), share.shape)
        label[peak] |= bool(share[peak] > 0)
    return label
