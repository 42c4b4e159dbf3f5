"""One phantom patient, from seed to stored arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from liverseg.errors import ConfigError
from liverseg.phantom.canvas import Canvas, Codes
from liverseg.phantom.config import PhantomConfig
from liverseg.phantom.grid import Grid, Point, Volume
from liverseg.phantom.liver import Liver, liver_box, liver_distance
from liverseg.phantom.organs import Organs, paint_organs
from liverseg.phantom.scanner import Acquisition, deal, stream
from liverseg.phantom.shapes import coverage
from liverseg.phantom.tissues import Tissue, draw_hu
from liverseg.phantom.trunk import Trunk, diaphragm, paint_couch, paint_trunk
from liverseg.phantom.tumours import (
    Lesion,
    Painted,
    draw_cysts,
    draw_diameters,
    draw_tumour,
    label_tumours,
    paint_lesion,
    place,
)
from liverseg.phantom.vessels import draw_vessels, paint_vessels

FAR_MM = 1000.0


@dataclass(frozen=True, slots=True)
class PhantomFacts:
    """What is true of a case by construction.

    Attributes:
        index: number of the case in its cohort.
        phase: `portal` or `unenhanced`.
        scale: patient size relative to the standard body along x, y, z.
        liver_hu: mean of the parenchyma before offset, cupping and noise.
        acquisition: how it was scanned.
        tumours, cysts: what was put into the liver; all of it lies at least partly in the field of view.
    """

    index: int
    phase: str
    scale: Point
    liver_hu: float
    acquisition: Acquisition
    tumours: tuple[Lesion, ...]
    cysts: tuple[Lesion, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON, rounded to 1/1000."""
        scan = self.acquisition
        return {
            "index": self.index,
            "phase": self.phase,
            "scale": [round(value, 3) for value in self.scale],
            "liver_hu": round(self.liver_hu, 3),
            "noise_hu": round(scan.noise_hu, 3),
            "offset_hu": round(scan.offset_hu, 3),
            "orientation": scan.orientation,
            "spacing_ras_mm": list(scan.spacing_mm),
            "tumours": [lesion.as_dict() for lesion in self.tumours],
            "cysts": [lesion.as_dict() for lesion in self.cysts],
        }


@dataclass(frozen=True, slots=True)
class Anatomy:
    """A painted patient on the scan's own slices, RAS axes, before noise.

    Attributes:
        hu: float32 CT numbers.
        tissue: uint8 codes of `Tissue` (of the middle one of the averaged slices).
        labels: uint8, 0 background, 1 liver, 2 tumour.
        facts: what was painted.
    """

    hu: Volume
    tissue: Codes
    labels: npt.NDArray[np.uint8]
    facts: PhantomFacts


@dataclass(frozen=True, slots=True)
class PhantomCase:
    """One scan as it is stored.

    Attributes:
        image: int16 HU, axes as the orientation says.
        mask: uint8 of the same shape: 0 background, 1 liver, 2 tumour.
        affine: float64 `(4, 4)`, voxel to RAS mm.
        facts: what is true of it by construction.
    """

    image: npt.NDArray[np.int16]
    mask: npt.NDArray[np.uint8]
    affine: npt.NDArray[np.float64]
    facts: PhantomFacts


def has_tumours(config: PhantomConfig, index: int) -> bool:
    """Whether case `index` has tumours: one in each block of `tumour_free_every` has none, never the block's first."""
    block, position = divmod(index, config.tumour_free_every)
    return position != int(stream(config.seed, block, 103).integers(1, config.tumour_free_every))


def phase_of(config: PhantomConfig, index: int) -> str:
    """`unenhanced` for one case in each block of `unenhanced_every`, else `portal`."""
    phases = ["unenhanced"] + ["portal"] * (config.unenhanced_every - 1)
    return deal(phases, config.seed, index, 104)


def make_case(config: PhantomConfig, index: int) -> PhantomCase:
    """Generate one case.

    The result depends on the configuration without `cases`, and on `index`; not on threads, earlier calls or the size
    of the cohort.

    Args:
        config: the cohort.
        index: 0 or more; may lie beyond `config.cases`.

    Raises:
        ConfigError: the index is negative.
    """
    if index < 0:
        raise ConfigError("a phantom case has no negative number", where="index", got=index, allowed="0 or more")
    anatomy = paint_anatomy(config, index)
    scan = anatomy.facts.acquisition
    image, affine = scan.store(scan.expose(anatomy.hu, stream(config.seed, index, 6)))
    mask, _ = scan.store(anatomy.labels)
    return PhantomCase(np.asfortranarray(image), np.asfortranarray(mask), affine, anatomy.facts)


def paint_anatomy(config: PhantomConfig, index: int) -> Anatomy:
    """Paint the patient of one case on the scan's slices, without noise."""
    phase = phase_of(config, index)
    rng = stream(config.seed, index, 1)
    scale = (float(rng.uniform(0.93, 1.1)), float(rng.uniform(0.94, 1.1)), float(rng.uniform(0.9, 1.08)))
    palette = draw_hu(phase, rng)
    trunk, organs, liver = Trunk.draw(rng), Organs.draw(rng), Liver.draw(rng)
    scan = Acquisition.draw(config, index, 2.0 * trunk.half_width * scale[0], stream(config.seed, index, 2))
    grid = Grid.build(scan.fine_axes(scale), stream(config.seed, index, 3), deformation_mm=config.deformation_mm)
    canvas = Canvas.blank(grid, palette)
    liver_mm = _paint_body(canvas, trunk, organs, liver)
    paint_vessels(canvas, draw_vessels(organs, stream(config.seed, index, 4)), liver_mm)
    cysts, tumours, painted = _paint_lesions(config, index, canvas, liver_mm, scan, scale)
    liver_label = scan.average(coverage(liver_mm, grid.edge_mm)) >= np.float32(0.5)
    labels = liver_label.astype(np.uint8) + label_tumours(painted, liver_label, scan)
    facts = PhantomFacts(index, phase, scale, palette[Tissue.LIVER], scan, tumours, cysts)
    middle = canvas.tissue[:, :, scan.sub_slices // 2 :: scan.sub_slices]
    return Anatomy(scan.average(canvas.hu), middle, labels, facts)


def _paint_body(canvas: Canvas, trunk: Trunk, organs: Organs, liver: Liver) -> Volume:
    """Paint everything but lesions and vessels; returns the signed distance to the liver on the whole grid, mm."""
    where = canvas.coordinates(canvas.grid.everywhere())
    cavity, domes = trunk.cavity(trunk.skin(where)), diaphragm(where)
    paint_couch(canvas, trunk)
    paint_trunk(canvas, trunk, cavity, domes)
    paint_organs(canvas, organs, cavity, domes)
    box = liver_box(canvas)
    distance = _one_piece(liver_distance(canvas, liver, organs, cavity, domes, box))
    for shape in (liver.ligament, liver.porta):
        canvas.paint_shape(shape, Tissue.FISSURE)
    canvas.paint_shape(organs.portal, Tissue.BLOOD)
    texture = canvas.grid.field(liver.texture, box) + np.float32(canvas.palette[Tissue.LIVER])
    canvas.blend(coverage(distance, canvas.grid.edge_mm), texture, Tissue.LIVER, box)
    canvas.paint_shape(organs.gallbladder, Tissue.BILE)
    whole = np.full(canvas.grid.shape, FAR_MM, np.float32)
    whole[box] = distance
    return whole


def _one_piece(distance: Volume) -> Volume:
    """Push all but the largest connected part outside, so that no crumbs of liver float about."""
    parts, count = ndimage.label(distance < 0)
    if count <= 1:
        return distance
    largest = 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
    return np.where((parts > 0) & (parts != largest), np.float32(FAR_MM), distance)


def _paint_lesions(
    config: PhantomConfig, index: int, canvas: Canvas, liver_mm: Volume, scan: Acquisition, scale: Point
) -> tuple[tuple[Lesion, ...], tuple[Lesion, ...], list[Painted]]:
    """Cysts, then tumours; returns both and where the tumours were painted."""
    rng = stream(config.seed, index, 5)
    box = liver_box(canvas)
    hu, sd = canvas.palette[Tissue.LIVER], scan.noise_hu
    cysts = draw_cysts(canvas, liver_mm[box], box, hu, sd, rng)
    tumours = []
    for diameter in draw_diameters(rng) if has_tumours(config, index) else []:
        centre = place(liver_mm[box], box, canvas, diameter, rng, rim=scan.sub_slices)
        if centre is not None:
            tumours.append(draw_tumour(centre, diameter, sd, config.contrast_to_noise, hu, rng))
    for cyst in cysts:
        paint_lesion(canvas, cyst, liver_mm, scale, rng)
    painted = [part for tumour in tumours if (part := paint_lesion(canvas, tumour, liver_mm, scale, rng))]
    return tuple(cysts), tuple(tumours), painted
