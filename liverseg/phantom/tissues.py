"""Tissues and their CT numbers.

Ranges are in Hounsfield units and hold for a patient's mean before scanner offset, bias and noise. Blood, kidney,
spleen and liver depend on the phase: a portal-venous scan with contrast medium, or an unenhanced one.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType

import numpy as np

Range = tuple[float, float]


class Tissue(IntEnum):
    """What a voxel mostly consists of; the code painted into `Canvas.tissue`."""

    AIR = 0
    COUCH = 1
    SKIN = 2
    FAT = 3
    MUSCLE = 4
    BONE = 5
    MARROW = 6
    CARTILAGE = 7
    NERVE = 8
    LUNG = 9
    BLOOD = 10
    HEART = 11
    SPLEEN = 12
    KIDNEY = 13
    STOMACH_WALL = 14
    STOMACH = 15
    GAS = 16
    PANCREAS = 17
    BOWEL_WALL = 18
    BOWEL = 19
    LIVER = 20
    VESSEL = 21
    BILE = 22
    CYST = 23
    TUMOUR = 24
    FISSURE = 25


_COMMON: dict[Tissue, Range] = {
    Tissue.AIR: (-1000.0, -1000.0),
    Tissue.COUCH: (-160.0, -120.0),
    Tissue.SKIN: (-5.0, 25.0),
    Tissue.FAT: (-110.0, -92.0),
    Tissue.BONE: (420.0, 780.0),
    Tissue.MARROW: (190.0, 330.0),
    Tissue.NERVE: (25.0, 40.0),
    Tissue.LUNG: (-860.0, -760.0),
    Tissue.STOMACH: (-20.0, 60.0),
    Tissue.GAS: (-960.0, -900.0),
    Tissue.BOWEL: (0.0, 50.0),
    Tissue.BILE: (0.0, 15.0),
    Tissue.CYST: (0.0, 15.0),
    Tissue.FISSURE: (-70.0, -30.0),
}

PORTAL: Mapping[Tissue, Range] = MappingProxyType(
    _COMMON
    | {
        Tissue.MUSCLE: (50.0, 60.0),
        Tissue.CARTILAGE: (85.0, 125.0),
        Tissue.BLOOD: (150.0, 185.0),
        Tissue.HEART: (95.0, 135.0),
        Tissue.SPLEEN: (110.0, 140.0),
        Tissue.KIDNEY: (150.0, 200.0),
        Tissue.STOMACH_WALL: (75.0, 110.0),
        Tissue.PANCREAS: (85.0, 115.0),
        Tissue.BOWEL_WALL: (75.0, 115.0),
        Tissue.LIVER: (90.0, 130.0),
        Tissue.VESSEL: (150.0, 200.0),
    }
)

UNENHANCED: Mapping[Tissue, Range] = MappingProxyType(
    _COMMON
    | {
        Tissue.MUSCLE: (50.0, 60.0),
        Tissue.CARTILAGE: (80.0, 110.0),
        Tissue.BLOOD: (36.0, 46.0),
        Tissue.HEART: (38.0, 50.0),
        Tissue.SPLEEN: (42.0, 55.0),
        Tissue.KIDNEY: (28.0, 38.0),
        Tissue.STOMACH_WALL: (35.0, 50.0),
        Tissue.PANCREAS: (32.0, 48.0),
        Tissue.BOWEL_WALL: (32.0, 50.0),
        Tissue.LIVER: (40.0, 60.0),
        Tissue.VESSEL: (34.0, 42.0),
    }
)

PHASES: Mapping[str, Mapping[Tissue, Range]] = MappingProxyType({"portal": PORTAL, "unenhanced": UNENHANCED})


def draw_hu(phase: str, rng: np.random.Generator) -> dict[Tissue, float]:
    """One patient's mean HU of every tissue but tumour, which is set against the liver it grows in.

    Args:
        phase: a key of `PHASES`.
        rng: consumed once a tissue, in the order of the table.
    """
    return {tissue: float(rng.uniform(low, high)) for tissue, (low, high) in sorted(PHASES[phase].items())}
