"""The organs around the liver: heart, spleen, kidneys, stomach, pancreas, bowel and great vessels.

They are there to be confused with it: several share its CT numbers, most of them touch it.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from liverseg.phantom.canvas import Canvas
from liverseg.phantom.grid import Box, Point, SmoothField, Volume, is_empty
from liverseg.phantom.shapes import Capsule, Ellipsoid, cut, intersect, unite
from liverseg.phantom.tissues import Tissue


@dataclass(frozen=True, slots=True)
class Organs:
    """Where one patient's organs lie, mm in the standard body.

    Attributes:
        heart, spleen, stomach, left_kidney, right_kidney, gallbladder: ellipsoids before deformation.
        aorta, cava, portal: great vessels.
        pancreas, duodenum, colon, bowel: chains of tubes.
        surface: roughness of the organs' surfaces, mm.
    """

    heart: Ellipsoid
    spleen: Ellipsoid
    stomach: Ellipsoid
    left_kidney: Ellipsoid
    right_kidney: Ellipsoid
    gallbladder: Ellipsoid
    aorta: Capsule
    cava: Capsule
    portal: Capsule
    pancreas: tuple[Capsule, ...]
    duodenum: tuple[Capsule, ...]
    colon: tuple[Capsule, ...]
    bowel: tuple[Capsule, ...]
    surface: SmoothField

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Organs:
        """Random places and sizes around the average anatomy."""
        cava = float(rng.uniform(17.0, 23.0))
        return cls(
            heart=_jitter(rng, (-24.0, 26.0, 92.0), (60.0, 45.0, 44.0)),
            spleen=_jitter(rng, (-84.0, -24.0, 16.0), (27.0, 42.0, 46.0), size=0.18),
            stomach=_jitter(rng, (-44.0, 24.0, 18.0), (36.0, 32.0, 44.0), size=0.18),
            left_kidney=_jitter(rng, (-55.0, -44.0, -42.0), (25.0, 23.0, 46.0)),
            right_kidney=_jitter(rng, (47.0, -46.0, -58.0), (24.0, 23.0, 47.0)),
            gallbladder=_jitter(rng, (42.0, 40.0, -44.0), (13.0, 17.0, 26.0), size=0.25),
            aorta=Capsule((-8.0, -26.0, 400.0), (-6.0, -26.0, -400.0), 11.0, 9.0),
            cava=Capsule((cava, -20.0, 90.0), (cava - 2.0, -22.0, -400.0), 11.5, 10.0),
            portal=Capsule((-2.0, 4.0, -34.0), (19.0, 2.0, -6.0), 6.5, 6.5),
            pancreas=_chain(
                ((26.0, 12.0, -46.0), (4.0, 18.0, -32.0), (-32.0, 6.0, -18.0), (-66.0, -8.0, -4.0)), 10.0, 7.0
            ),
            duodenum=_chain(
                ((14.0, 32.0, -30.0), (36.0, 20.0, -40.0), (38.0, 2.0, -72.0), (4.0, -4.0, -84.0)), 12.0, 11.0
            ),
            colon=_colon(rng),
            bowel=_loops(rng),
            surface=SmoothField.draw(rng, sd=1.6, wavelength_mm=(25.0, 60.0), terms=5),
        )


def paint_organs(canvas: Canvas, organs: Organs, cavity: Volume, domes: Volume) -> None:
    """Paint every organ but the liver, from those that are covered to those that cover."""
    for loop in organs.bowel + organs.colon + organs.duodenum:
        _paint_tube(canvas, loop, cavity, domes)
    for part in organs.pancreas:
        _paint_inside(canvas, part, Tissue.PANCREAS, organs, cavity, domes)
    for kidney in (organs.left_kidney, organs.right_kidney):
        _paint_kidney(canvas, kidney, organs)
    _paint_inside(canvas, organs.spleen, Tissue.SPLEEN, organs, cavity, domes)
    _paint_stomach(canvas, organs, cavity, domes)
    _paint_heart(canvas, organs, cavity, domes)
    for vessel in (organs.aorta, organs.cava, organs.portal):
        canvas.paint_shape(vessel, Tissue.BLOOD)


def _rough(canvas: Canvas, organs: Organs, shape: Ellipsoid | Capsule, box: Box) -> Volume:
    return shape.distance(canvas.coordinates(box)) + canvas.grid.field(organs.surface, box)


def _paint_inside(
    canvas: Canvas, shape: Ellipsoid | Capsule, tissue: Tissue, organs: Organs, cavity: Volume, domes: Volume
) -> None:
    """An organ pressed against the wall and the diaphragm."""
    box = canvas.grid.box(shape.low, shape.high)
    if is_empty(box):
        return
    free = _rough(canvas, organs, shape, box)
    canvas.paint(intersect(free, np.maximum(cavity[box] + 1, domes[box] + 1)), tissue, box)


def _paint_kidney(canvas: Canvas, kidney: Ellipsoid, organs: Organs) -> None:
    """Cortex, the sinus full of fat, and a renal vein towards the middle."""
    box = canvas.grid.box(kidney.low, kidney.high)
    if is_empty(box):
        return
    canvas.paint(_rough(canvas, organs, kidney, box), Tissue.KIDNEY, box)
    side = 1.0 if kidney.centre[0] > 0 else -1.0
    x, y, z = kidney.centre
    sinus = Ellipsoid((x - side * 9.0, y + 4.0, z), (kidney.radii[0] * 0.55, 8.0, kidney.radii[2] * 0.5))
    canvas.paint_shape(sinus, Tissue.FAT)
    canvas.paint_shape(Capsule((x - side * 10.0, y + 5.0, z), (side * 14.0, -24.0, z + 6.0), 3.5, 4.5), Tissue.BLOOD)


def _paint_stomach(canvas: Canvas, organs: Organs, cavity: Volume, domes: Volume) -> None:
    """A wall, mixed content, and a bubble of gas under the front wall."""
    stomach = organs.stomach
    antrum = Capsule((stomach.centre[0] + 8.0, 34.0, -12.0), (10.0, 36.0, -30.0), 17.0, 12.0)
    low = (stomach.low[0], min(stomach.low[1], 15.0), min(stomach.low[2], -45.0))
    box = canvas.grid.box(low, (30.0, stomach.high[1] + 10.0, stomach.high[2]))
    if is_empty(box):
        return
    where = canvas.coordinates(box)
    outline = unite(_rough(canvas, organs, stomach, box), antrum.distance(where), blend_mm=14.0)
    outline = intersect(outline, np.maximum(cavity[box] + 2, domes[box] + 1))
    canvas.paint(outline, Tissue.STOMACH_WALL, box)
    canvas.paint(outline + np.float32(4.5), Tissue.STOMACH, box)
    level = np.float32(stomach.centre[1] + 0.45 * stomach.radii[1]) - where[1]
    canvas.paint(np.maximum(outline + np.float32(4.5), level), Tissue.GAS, box)


def _paint_heart(canvas: Canvas, organs: Organs, cavity: Volume, domes: Volume) -> None:
    """The heart lies on the diaphragm, over the left lobe, with blood in its chambers and fat around it."""
    heart = organs.heart
    box = canvas.grid.box(heart.low, heart.high)
    if is_empty(box):
        return
    outline = intersect(heart.distance(canvas.coordinates(box)), cavity[box] + np.float32(6.0))
    outline = cut(outline, domes[box], gap_mm=2.0)
    canvas.paint(outline - np.float32(4.0), Tissue.FAT, box)
    canvas.paint(outline, Tissue.HEART, box)
    x, y, z = heart.centre
    for shift, radii in (((-20.0, -6.0, -4.0), (25.0, 24.0, 30.0)), ((24.0, 2.0, -2.0), (22.0, 28.0, 30.0))):
        chamber = Ellipsoid((x + shift[0], y + shift[1], z + shift[2]), radii)
        canvas.paint(
            np.maximum(chamber.distance(canvas.coordinates(box)), outline + np.float32(7.0)), Tissue.BLOOD, box
        )


def _paint_tube(canvas: Canvas, tube: Capsule, cavity: Volume, domes: Volume) -> None:
    """A piece of gut: wall, content, and gas in front where the tube is wide."""
    box = canvas.grid.box(tube.low, tube.high)
    if is_empty(box):
        return
    where = canvas.coordinates(box)
    outline = intersect(tube.distance(where), np.maximum(cavity[box] + 2, domes[box] + 2))
    canvas.paint(outline, Tissue.BOWEL_WALL, box)
    canvas.paint(outline + np.float32(3.2), Tissue.BOWEL, box)
    if tube.start_radius > 14.5:
        level = np.float32(0.5 * (tube.start[1] + tube.end[1]) + 2.0) - where[1]
        canvas.paint(np.maximum(outline + np.float32(3.2), level), Tissue.GAS, box)


def _jitter(
    rng: np.random.Generator, centre: Point, radii: Point, *, shift: float = 5.0, size: float = 0.1
) -> Ellipsoid:
    moved = [c + float(rng.uniform(-shift, shift)) for c in centre]
    grown = [r * float(rng.uniform(1.0 - size, 1.0 + size)) for r in radii]
    return Ellipsoid((moved[0], moved[1], moved[2]), (grown[0], grown[1], grown[2]))


def _chain(points: tuple[Point, ...], first: float, last: float) -> tuple[Capsule, ...]:
    """Tubes from point to point, their radius going from `first` to `last`."""
    radii = np.linspace(first, last, len(points))
    return tuple(
        Capsule(a, b, float(radii[i]), float(radii[i + 1])) for i, (a, b) in enumerate(itertools.pairwise(points))
    )


def _colon(rng: np.random.Generator) -> tuple[Capsule, ...]:
    lift = float(rng.uniform(-14.0, 12.0))
    points = (
        (84.0, 0.0, -140.0),
        (80.0, 14.0, -88.0 + lift),
        (62.0, 44.0, -76.0 + lift),
        (20.0, 58.0, -74.0 + lift),
        (-30.0, 58.0, -60.0 + lift),
        (-80.0, 30.0, -34.0),
        (-90.0, -8.0, -60.0),
        (-90.0, -12.0, -150.0),
    )
    return _chain(points, 19.0, 13.0)


def _loops(rng: np.random.Generator) -> tuple[Capsule, ...]:
    """Loops of small bowel that fill the lower abdomen; those that reach the liver end up behind it."""
    loops = []
    for _ in range(44):
        start = rng.uniform((-88.0, -12.0, -150.0), (72.0, 64.0, -38.0))
        end = start + rng.normal(0.0, (20.0, 10.0, 8.0))
        radius = float(rng.uniform(9.0, 13.0))
        loops.append(Capsule((*map(float, start),), (*map(float, end),), radius, radius))  # type: ignore[arg-type]
    return tuple(loops)
