"""Vessel trees inside the liver: portal branches from the hilum, hepatic veins towards the vena cava."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from liverseg.phantom.canvas import Canvas
from liverseg.phantom.grid import Point, Volume, is_empty
from liverseg.phantom.organs import Organs
from liverseg.phantom.shapes import Capsule, coverage
from liverseg.phantom.tissues import Tissue

Vector = npt.NDArray[np.float64]

SMALLEST_RADIUS_MM = 0.9
SHRINK = (0.66, 0.82)
HILUM: Point = (19.0, 2.0, -6.0)
PORTAL_DIRECTIONS = ((1.0, -0.25, 0.15), (0.8, 0.3, -0.5), (-0.45, 0.8, 0.55))
VEIN_TARGETS = ((85.0, -15.0, 10.0), (50.0, 35.0, 8.0), (-12.0, 44.0, 30.0))


def draw_vessels(organs: Organs, rng: np.random.Generator) -> tuple[Capsule, ...]:
    """Both trees of one patient, as tubes in mm of the standard body, thick ones first. May leave the liver."""
    tubes: list[Capsule] = []
    for direction in PORTAL_DIRECTIONS:
        _grow(tubes, np.array(HILUM), np.array(direction), float(rng.uniform(4.0, 5.2)), 26.0, rng)
    mouth = np.array((organs.cava.start[0] + 3.0, -12.0, 52.0))
    for target in VEIN_TARGETS:
        toward = np.array(target) - mouth
        _grow(tubes, mouth, toward, float(rng.uniform(4.0, 5.5)), 30.0, rng)
    return tuple(sorted(tubes, key=lambda tube: -tube.start_radius))


def _grow(
    tubes: list[Capsule], start: Vector, toward: Vector, radius: float, length: float, rng: np.random.Generator
) -> None:
    """Append a branch and, recursively, the two that it divides into, until they are too thin to be seen."""
    if radius < SMALLEST_RADIUS_MM:
        return
    heading = toward / np.sqrt(np.sum(toward * toward))
    end = start + heading * length * float(rng.uniform(0.8, 1.2))
    child = radius * float(rng.uniform(*SHRINK))
    tubes.append(Capsule(_point(start), _point(end), radius, child))
    spread = rng.normal(0.0, 0.5, size=3)
    for sign in (-1.0, 1.0):
        wobble = rng.normal(0.0, 0.18, size=3)
        _grow(tubes, end, heading + sign * spread + wobble, child * (0.95 if sign > 0 else 0.85), length * 0.82, rng)


def _point(vector: Vector) -> Point:
    return float(vector[0]), float(vector[1]), float(vector[2])


def paint_vessels(canvas: Canvas, tubes: tuple[Capsule, ...], liver: Volume) -> None:
    """Paint the tubes where they run inside the liver.

    Args:
        canvas: with the liver painted.
        tubes: from `draw_vessels`.
        liver: signed distance to the liver on the whole grid, mm.
    """
    edge = canvas.grid.edge_mm
    for tube in tubes:
        box = canvas.grid.box(tube.low, tube.high, margin_mm=10.0)
        if is_empty(box):
            continue
        share = coverage(tube.distance(canvas.coordinates(box)), edge) * coverage(liver[box] + np.float32(3.0), edge)
        thin = min(1.0, 2.0 * tube.end_radius / edge)
        canvas.blend(share * np.float32(thin), canvas.palette[Tissue.VESSEL], Tissue.VESSEL, box)
