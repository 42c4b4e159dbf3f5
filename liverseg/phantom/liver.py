"""The liver's own shape: two lobes under the diaphragm, moulded by the organs that press into it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from liverseg.phantom.canvas import Canvas
from liverseg.phantom.grid import Box, SmoothField, Volume
from liverseg.phantom.organs import Organs
from liverseg.phantom.shapes import Capsule, Ellipsoid, cut, intersect, unite

LIVER_LOW = (-80.0, -95.0, -120.0)
LIVER_HIGH = (130.0, 95.0, 90.0)
CLEARANCE_MM = 1.0


@dataclass(frozen=True, slots=True)
class Liver:
    """One patient's liver, mm in the standard body.

    Attributes:
        right, left, tip, caudate: the lobes, and the tongue that reaches down along the right wall.
        slope: how steeply the lower medial surface rises to the left, mm a mm.
        ligament, porta: clefts filled with fat.
        surface, texture: roughness in mm, and uneven perfusion in HU.
    """

    right: Ellipsoid
    left: Ellipsoid
    tip: Ellipsoid
    caudate: Ellipsoid
    slope: float
    ligament: Ellipsoid
    porta: Ellipsoid
    surface: SmoothField
    texture: SmoothField

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Liver:
        """A random liver around the average one; the left lobe and the tip vary most."""
        reach = float(rng.uniform(44.0, 66.0))
        low = float(rng.uniform(34.0, 62.0))
        size = rng.uniform(0.92, 1.06, size=3)
        return cls(
            right=Ellipsoid((56.0, -2.0, -2.0), (70.0 * size[0], 76.0 * size[1], 82.0 * size[2])),
            left=Ellipsoid((0.0, 38.0, 24.0), (reach, float(rng.uniform(26.0, 36.0)), float(rng.uniform(32.0, 44.0)))),
            tip=Ellipsoid((82.0, -4.0, -46.0), (30.0, 52.0, low)),
            caudate=Ellipsoid((10.0, -8.0, 12.0), (17.0, 16.0, 24.0)),
            slope=float(rng.uniform(0.7, 1.1)),
            ligament=Ellipsoid((float(rng.uniform(-2.0, 8.0)), 48.0, 2.0), (3.0, 26.0, float(rng.uniform(14.0, 24.0)))),
            porta=Ellipsoid((14.0, 10.0, -12.0), (17.0, 12.0, 10.0)),
            surface=SmoothField.draw(rng, sd=2.4, wavelength_mm=(40.0, 95.0), terms=7),
            texture=SmoothField.draw(rng, sd=float(rng.uniform(2.5, 6.0)), wavelength_mm=(22.0, 90.0), terms=9),
        )


def liver_box(canvas: Canvas) -> Box:
    """The part of the grid in which any liver lies."""
    return canvas.grid.box(LIVER_LOW, LIVER_HIGH)


def liver_distance(canvas: Canvas, liver: Liver, organs: Organs, cavity: Volume, domes: Volume, box: Box) -> Volume:
    """Signed distance to the liver's surface inside `box`, negative inside.

    Vessels, cysts and tumours within it count as liver; the gallbladder, the vena cava and the clefts do not.
    """
    where = canvas.coordinates(box)
    x, _, z = where
    slope = liver.slope
    length = math.sqrt(1.0 + slope * slope)
    underside: Volume = (
        np.float32((4.0 - 12.0 * slope) / length) - x * np.float32(1.0 / length) - z * np.float32(slope / length)
    )
    right = intersect(liver.right.distance(where), underside, blend_mm=18.0)
    body = unite(right, liver.tip.distance(where), blend_mm=16.0)
    body = unite(body, liver.left.distance(where), blend_mm=16.0)
    body = unite(body, liver.caudate.distance(where), blend_mm=8.0) + canvas.grid.field(liver.surface, box)
    body = intersect(body, domes[box] + np.float32(CLEARANCE_MM), blend_mm=6.0)
    body = intersect(body, cavity[box] + np.float32(CLEARANCE_MM), blend_mm=6.0)
    return _mould(body, canvas, liver, organs, box)


def _mould(body: Volume, canvas: Canvas, liver: Liver, organs: Organs, box: Box) -> Volume:
    """Press the neighbours into the liver."""
    where = canvas.coordinates(box)
    neighbours: tuple[tuple[Ellipsoid | Capsule, float], ...] = (
        (organs.right_kidney, 2.0),
        (_renal_bed(organs.right_kidney), 0.0),
        (organs.gallbladder, 0.5),
        (organs.cava, 0.0),
        (organs.aorta, 6.0),
        (organs.stomach, 0.5),
        (liver.ligament, 0.0),
        (liver.porta, 0.0),
        (Ellipsoid((0.0, -58.0, 0.0), (30.0, 26.0, 4000.0)), 1.0),
    )
    for shape, gap_mm in neighbours:
        body = cut(body, shape.distance(where), gap_mm=gap_mm)
    for loop in (*organs.duodenum, *organs.colon[1:4]):
        body = cut(body, loop.distance(where), gap_mm=0.5)
    return body


def _renal_bed(kidney: Ellipsoid) -> Ellipsoid:
    """The fat behind and inwards of the right kidney, where the liver does not reach."""
    x, y, z = kidney.centre
    return Ellipsoid((x - 10.0, y - 16.0, z - 2.0), (30.0, 30.0, kidney.radii[2] + 10.0))
