"""Warnings: what is allowed by every rule of the file format and still looks wrong to somebody who knows livers."""

from __future__ import annotations

from collections.abc import Iterator

from liverseg.data.records import Case, Problem
from liverseg.volume import obliqueness_deg

AIR_OR_FAT_HU = -50.0
SOFT_TISSUE_HU = (0.0, 250.0)
LIVER_ML = (200.0, 6000.0)
MAX_OBLIQUE_DEG = 20.0


def implausible(case: Case) -> tuple[Problem, ...]:
    """All warnings about one case, in the order of their rules."""
    return tuple(
        Problem(rule, f"[case {case.name}, rule {rule}] {what}", case.name, what) for rule, what in _warnings(case)
    )


def _warnings(case: Case) -> Iterator[tuple[str, str]]:
    if oddity := _odd_hu(case.hu_min, case.hu_max):
        yield "Q1", f"values from {case.hu_min:g} to {case.hu_max:g}: {oddity}"
    if case.liver_hu is None:
        yield "Q2", "no liver labelled: the mask is empty"
    elif not SOFT_TISSUE_HU[0] <= case.liver_hu <= SOFT_TISSUE_HU[1]:
        yield (
            "Q3",
            f"mean of the labelled liver is {case.liver_hu:.0f} HU: mask flipped, of another scan, or values not HU",
        )
    if (angle := obliqueness_deg(case.header.affine)) > MAX_OBLIQUE_DEG:
        yield "Q4", f"slices are {angle:.0f} degrees away from an anatomical plane: they will not look axial"
    if case.liver_hu is not None and not LIVER_ML[0] <= case.liver_ml <= LIVER_ML[1]:
        yield "Q5", f"labelled liver of {case.liver_ml:.0f} mL: part of a liver, or a wrong voxel spacing"


def _odd_hu(low: float, high: float) -> str | None:
    if high - low < 100:
        return "nearly constant"
    if low >= 0 and high <= 255:
        return "an 8-bit picture rather than HU"
    if low >= 0:
        return "no air: stored detector values without the shift of -1024?"
    if low > AIR_OR_FAT_HU:
        return "neither air nor fat: windowed or normalised before?"
    if low < -32000 or high > 32000:
        return "far outside CT"
    return None
