"""The trunk: skin, fat, muscle wall, ribs, spine, diaphragm and lungs, and the couch below it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from liverseg.phantom.canvas import Canvas
from liverseg.phantom.grid import Volume
from liverseg.phantom.shapes import Capsule, Coordinates, Ellipsoid, intersect, unite
from liverseg.phantom.tissues import Tissue

RIB_PITCH_MM = 27.0
DISC_PITCH_MM = 34.0
DIAPHRAGM_MM = 3.0
RIGHT_DOME = Ellipsoid((52.0, 2.0, 0.0), (68.0, 80.0, 78.0))
LEFT_DOME = Ellipsoid((-52.0, 0.0, -4.0), (66.0, 76.0, 66.0))


@dataclass(frozen=True, slots=True)
class Trunk:
    """Build of one patient, mm in the standard body.

    Attributes:
        half_width, half_depth: semi-axes of the skin outline.
        fat: thickness of the fat under the skin.
        wall: thickness of the muscle wall.
        rib_phase: height of the ribs, 0..1 of their pitch.
    """

    half_width: float
    half_depth: float
    fat: float
    wall: float
    rib_phase: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Trunk:
        """A random build; more fat makes a wider trunk, so that the cavity keeps its size."""
        fat = float(rng.triangular(7.0, 12.0, 30.0))
        wall = float(rng.uniform(11.0, 16.0))
        cavity = rng.uniform(107.0, 116.0), rng.uniform(72.0, 80.0)
        return cls(cavity[0] + fat + wall, cavity[1] + fat + wall, fat, wall, float(rng.uniform(0.0, 1.0)))

    def skin(self, where: Coordinates) -> Volume:
        """Signed radial distance to the skin, a rounded box with a groove along the spine."""
        x, y, _ = where
        u, v = x / np.float32(self.half_width), y / np.float32(self.half_depth)
        u2, v2 = u * u, v * v
        q = np.float32(0.6) * np.sqrt(u2 + v2) + np.float32(0.4) * np.sqrt(np.sqrt(u2 * u2 + v2 * v2))
        radius = np.sqrt(x * x + y * y)
        groove = np.float32(7.0) / (np.float32(1) + x * x * np.float32(1 / 18.0**2))
        result: Volume = radius * (np.float32(1) - np.float32(1) / np.maximum(q, np.float32(0.05)))
        return result + np.where(y < 0, groove * np.minimum(-v, np.float32(1)), np.float32(0))

    def cavity(self, skin: Volume) -> Volume:
        """Signed distance to the inside of the muscle wall."""
        return skin + np.float32(self.fat + self.wall)


def diaphragm(where: Coordinates) -> Volume:
    """Signed distance to the two domes of the diaphragm; below their equators the sides go straight down."""
    sides = []
    for dome in (RIGHT_DOME, LEFT_DOME):
        above = np.maximum(where[2], np.float32(dome.centre[2]))
        sides.append(dome.distance((where[0], where[1], above)))
    return unite(sides[0], sides[1], blend_mm=20.0)


def paint_trunk(canvas: Canvas, trunk: Trunk, cavity: Volume, domes: Volume) -> None:
    """Paint everything that surrounds the abdominal organs, from the skin inwards.

    Args:
        canvas: blank, or holding the couch.
        trunk: the patient's build.
        cavity: `Trunk.cavity` on the whole grid.
        domes: `diaphragm` on the whole grid.
    """
    everywhere = canvas.grid.everywhere()
    skin = cavity - np.float32(trunk.fat + trunk.wall)
    canvas.paint(skin, Tissue.SKIN, everywhere)
    canvas.paint(skin + np.float32(2.5), Tissue.FAT, everywhere)
    canvas.paint(cavity - np.float32(trunk.wall), Tissue.MUSCLE, everywhere)
    canvas.paint(cavity, Tissue.FAT, everywhere)
    _paint_chest(canvas, cavity, domes)
    _paint_ribs(canvas, trunk, cavity)
    _paint_back(canvas)


def _paint_chest(canvas: Canvas, cavity: Volume, domes: Volume) -> None:
    """Lungs above the domes, and the muscle of the diaphragm between them and the abdomen."""
    everywhere = canvas.grid.everywhere()
    _, y, z = canvas.coordinates(everywhere)
    recess = np.float32(-8.0) + np.float32(0.4) * y - z
    canvas.paint(intersect(cavity, recess), Tissue.MUSCLE, everywhere)
    lungs = intersect(intersect(cavity + np.float32(1.5), recess), np.float32(DIAPHRAGM_MM) - domes)
    canvas.paint(lungs, Tissue.LUNG, everywhere)
    canvas.paint(intersect(cavity + np.float32(1.0), domes), Tissue.FAT, everywhere)


def _paint_ribs(canvas: Canvas, trunk: Trunk, cavity: Volume) -> None:
    """Ribs that slant down to the front, and the costal cartilage that ends them."""
    everywhere = canvas.grid.everywhere()
    x, y, z = canvas.coordinates(everywhere)
    slant = (z + np.float32(0.55) * y + np.float32(0.1) * np.abs(x)) / np.float32(RIB_PITCH_MM)
    slant += np.float32(trunk.rib_phase)
    height = (slant - np.rint(slant)) * np.float32(RIB_PITCH_MM * 0.85)
    depth = (cavity - np.float32(trunk.wall * 0.42)) * np.float32(1.35)
    tube = np.sqrt(height * height + depth * depth)
    lowest = np.float32(-62.0) + np.float32(0.9) * y - z
    front = y - np.float32(38.0)
    ribs = np.maximum(np.maximum(tube - np.float32(5.5), lowest), front)
    canvas.paint(ribs, Tissue.BONE, everywhere)
    canvas.paint(np.maximum(ribs, tube - np.float32(2.5)), Tissue.MARROW, everywhere)
    cartilage = np.maximum(np.maximum(tube - np.float32(6.0), lowest), -front)
    canvas.paint(cartilage, Tissue.CARTILAGE, everywhere)


def _paint_back(canvas: Canvas) -> None:
    """Muscles beside the spine, vertebrae with discs, the canal and the processes."""
    bottom, top = -400.0, 400.0
    for side in (-1.0, 1.0):
        canvas.paint_shape(Capsule((side * 30.0, -76.0, bottom), (side * 30.0, -76.0, top), 19.0, 19.0), Tissue.MUSCLE)
        canvas.paint_shape(Capsule((side * 30.0, -48.0, -20.0), (side * 42.0, -42.0, -150.0), 9.0, 18.0), Tissue.MUSCLE)
        canvas.paint_shape(Capsule((side * 10.0, -34.0, 70.0), (side * 11.0, -36.0, -70.0), 6.0, 5.0), Tissue.MUSCLE)
    column = Ellipsoid((0.0, -55.0, 0.0), (23.0, 18.0, 4000.0))
    box = canvas.grid.box((-30.0, -80.0, bottom), (30.0, -30.0, top))
    where = canvas.coordinates(box)
    disc = where[2] / np.float32(DISC_PITCH_MM)
    between = np.float32(4.0) - np.abs(disc - np.rint(disc)) * np.float32(DISC_PITCH_MM)
    body = column.distance(where)
    canvas.paint(body, Tissue.CARTILAGE, box)
    canvas.paint(np.maximum(body, between), Tissue.BONE, box)
    canvas.paint(np.maximum(body + np.float32(3.0), between + np.float32(2.0)), Tissue.MARROW, box)
    _paint_arches(canvas)


def _paint_arches(canvas: Canvas) -> None:
    """The bony ring around the canal with its spinous and transverse processes."""
    box = canvas.grid.box((-45.0, -108.0, -400.0), (45.0, -60.0, 400.0))
    x, y, z = canvas.coordinates(box)
    level = z / np.float32(DISC_PITCH_MM) + np.float32(0.35)
    off = np.abs(level - np.rint(level)) * np.float32(DISC_PITCH_MM) - np.float32(10.0)
    across, back = np.abs(x), y + np.float32(80.0)
    axis_mm = np.sqrt(x * x + back * back)
    ring = np.abs(axis_mm - np.float32(12.0)) - np.float32(3.5)
    spine = np.maximum(across - np.float32(3.5), np.abs(back + np.float32(15.0)) - np.float32(9.0))
    wings = np.abs(back - np.float32(4.0) + across * np.float32(0.15)) - np.float32(3.0)
    wings = np.maximum(wings, across - np.float32(32.0))
    bone = np.maximum(np.minimum(np.minimum(ring, spine), wings), off)
    canvas.paint(bone, Tissue.BONE, box)
    canvas.paint(axis_mm - np.float32(8.5), Tissue.NERVE, box)


def paint_couch(canvas: Canvas, trunk: Trunk) -> None:
    """The curved shell of the table under the patient's back."""
    box = canvas.grid.box((-190.0, -trunk.half_depth - 70.0, -400.0), (190.0, -trunk.half_depth, 400.0))
    x, y, _ = canvas.coordinates(box)
    top = np.float32(-trunk.half_depth - 10.0) + x * x * np.float32(1 / 900.0)
    shell = np.maximum(np.abs(y - top) - np.float32(2.0), np.abs(x) - np.float32(180.0))
    canvas.paint(shell, Tissue.COUCH, box)
