"""Where the slices of a series lie along their normal: doubled, missing, equidistant, or spaced on purpose unevenly.

Pure functions of positions in mm (ascending) and instance numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Positions = npt.NDArray[np.float64]

CLOSEST_MM = 0.1
"""Slices nearer to each other are one slice twice: the finest spacing that a scan may have."""
STRAY = 0.05
"""How far a slice may lie from its place on an even grid, as a share of the step."""
SECTION = 4
"""So many equal distances in a row are a section that was scanned so; fewer are an accident."""
GAP = 1.75
"""An accidental distance that is so many times the usual one has lost a slice."""
NUMBERED_GAP = 1.25
"""The same, where the instance numbers have a hole at that place too."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A place where slices are missing: between two positions along the normal, mm, and about how many."""

    low_mm: float
    high_mm: float
    slices: int

    def __str__(self) -> str:
        return f"{self.slices} between {self.low_mm:.1f} and {self.high_mm:.1f} mm"


@dataclass(frozen=True, slots=True)
class Spacing:
    """The even grid that the scan gets.

    Attributes:
        step_mm: distance between its slices.
        planes: for each slice of the grid the stored slice below it and the weight of the next one, 0 <= weight < 1.
        even: whether the stored slices lie on it as they are.
    """

    step_mm: float
    planes: tuple[tuple[int, float], ...]
    even: bool


def doubles(positions: Positions) -> list[int]:
    """Indices of slices that lie where the one before them lies."""
    return [int(index) + 1 for index in np.flatnonzero(np.diff(positions) < CLOSEST_MM)]


def is_even(positions: Positions) -> bool:
    """Whether every slice lies within `STRAY` of a step of its place, when first and last are taken as they are."""
    grid = np.linspace(positions[0], positions[-1], len(positions))
    return bool(np.abs(positions - grid).max() <= STRAY * (grid[1] - grid[0]))


def missing(positions: Positions, numbers: Sequence[int | None]) -> list[Gap]:
    """Where slices are missing.

    A gap is an accidental distance (fewer than `SECTION` equal ones in a row) of at least `GAP` times what is usual
    beside it, or one where the instance numbers, if they run along the slices, have a hole and which is at least
    `NUMBERED_GAP` times the usual one. Slices lost at either end cannot be seen, nor every second one of a series that
    was numbered anew.

    Args:
        positions: at least 2, ascending, no doubles.
        numbers: instance numbers in the same order, None where a slice has none.
    """
    if is_even(positions):
        return []
    apart = np.diff(positions)
    section = _in_section(apart)
    usual = _usual(apart, section)
    lost = np.where(~section & (apart >= GAP * usual), np.maximum(np.rint(apart / usual) - 1, 1), 0).astype(int)
    lost = np.maximum(lost, _holes(apart, numbers))
    return [Gap(positions[i], positions[i + 1], int(lost[i])) for i in np.flatnonzero(lost)]


def spacing(positions: Positions) -> Spacing:
    """An even grid over the slices: their own where they lie on one, else one at the finest distance of a section.

    The uneven scan keeps its first slice; the last slice of the grid lies at most one step before its last one.

    Args:
        positions: at least 2, ascending, no doubles.
    """
    count = len(positions)
    if is_even(positions):
        step = float(positions[-1] - positions[0]) / (count - 1)
        return Spacing(step, tuple((index, 0.0) for index in range(count)), True)
    apart = np.diff(positions)
    section = _in_section(apart)
    step = float(apart[section].min() if section.any() else apart.min())
    places = positions[0] + step * np.arange(int((positions[-1] - positions[0]) / step + STRAY) + 1)
    below = np.clip(np.searchsorted(positions, places + STRAY * step, side="right") - 1, 0, count - 1)
    room = np.append(apart, np.inf)[below]
    weight = np.clip((places - positions[below]) / room, 0.0, 1.0)
    weight[np.abs(places - positions[below]) <= STRAY * step] = 0.0
    return Spacing(step, tuple((int(index), float(part)) for index, part in zip(below, weight, strict=True)), False)


def _in_section(apart: Positions) -> npt.NDArray[np.bool_]:
    """Which distances belong to a row of at least `SECTION` equal ones."""
    joined = np.abs(np.diff(apart)) <= STRAY * np.maximum(apart[1:], apart[:-1])
    labels = np.concatenate(([0], np.cumsum(~joined)))
    regular: npt.NDArray[np.bool_] = np.bincount(labels)[labels] >= SECTION
    return regular


def _usual(apart: Positions, section: npt.NDArray[np.bool_]) -> Positions:
    """For each distance the larger of those of the nearest sections on both sides; the median where there is none."""
    if not section.any():
        return np.full(len(apart), np.median(apart))
    where = np.flatnonzero(section)
    after = np.searchsorted(where, np.arange(len(apart)))
    left, right = where[np.maximum(after - 1, 0)], where[np.minimum(after, len(where) - 1)]
    usual: Positions = np.maximum(apart[left], apart[right])
    return usual


def _holes(apart: Positions, numbers: Sequence[int | None]) -> npt.NDArray[np.int_]:
    """How many slices the instance numbers miss at each distance; 0 everywhere when they do not run along the slices."""
    none = np.zeros(len(apart), int)
    if any(number is None for number in numbers):
        return none
    # Python's whole numbers: a damaged one may be of any size.
    steps = [int(b or 0) - int(a or 0) for a, b in pairwise(numbers)]
    if not (all(step > 0 for step in steps) or all(step < 0 for step in steps)):
        return none
    sizes = [min(abs(step), 10**6) for step in steps]
    stride = sorted(sizes)[(len(sizes) - 1) // 2]
    usual = float(np.median(apart[[size == stride for size in sizes]]))
    holed = np.array([size > stride for size in sizes]) & (apart >= NUMBERED_GAP * usual)
    return np.where(holed, np.maximum(np.array(sizes) // stride - 1, 1), 0)
