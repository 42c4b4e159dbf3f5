"""What a phantom cohort is made of, as one frozen value."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from liverseg.errors import ConfigError

ORIENTATIONS = ("LPS", "RAS", "LAS", "RPI", "LIP", "PSR")
Pair = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhantomConfig:
    """A cohort of generated abdominal CT scans.

    Case `i` depends on the seed and on everything here but `cases`. Lists of choices (`thickness_mm`, `orientations`)
    are dealt like cards: every choice comes up once before any comes up again.

    Attributes:
        cases: patients.
        seed: fixes every voxel.
        matrix_px: smallest and largest side of the square axial slice; sides are multiples of 8.
        slices: fewest and most axial slices; thin slices then cover only a part of the liver.
        field_of_view_mm: smallest and largest side of a slice.
        extent_mm: height that a scan tries to cover.
        thickness_mm: distances between slices.
        orientations: where the axes of the stored array point (`RAS` = right, anterior, superior). Codes whose third
            letter is not S or I store the axial axis elsewhere.
        tumour_free_every: one patient in so many has no tumour, never the first of them.
        unenhanced_every: one scan in so many is without contrast medium.
        noise_hu: bounds of the noise standard deviation.
        contrast_to_noise: bounds of tumour contrast over noise, uniform between.
        deformation_mm: standard deviation of the smooth deformation of the whole body.
    """

    cases: int = 12
    seed: int = 7
    matrix_px: tuple[int, int] = (128, 192)
    slices: tuple[int, int] = (20, 40)
    field_of_view_mm: Pair = (300.0, 420.0)
    extent_mm: Pair = (135.0, 170.0)
    thickness_mm: tuple[float, ...] = (5.0, 5.0, 4.0, 3.0, 2.5, 1.5)
    orientations: tuple[str, ...] = ORIENTATIONS
    tumour_free_every: int = 4
    unenhanced_every: int = 4
    noise_hu: Pair = (20.0, 30.0)
    contrast_to_noise: Pair = (0.3, 2.0)
    deformation_mm: float = 3.5

    def __post_init__(self) -> None:
        _check(self)


_RULES: tuple[tuple[str, str, Callable[[PhantomConfig], bool]], ...] = (
    ("cases", "a whole number from 1 to 10000", lambda c: _whole(c.cases, 1, 10_000)),
    ("seed", "a whole number from 0 to 2^63 - 1", lambda c: _whole(c.seed, 0, 2**63 - 1)),
    ("matrix_px", "two ordered multiples of 8 from 32 to 512", lambda c: _sides(c.matrix_px)),
    ("slices", "two ordered whole numbers from 8 to 512", lambda c: _counts(c.slices)),
    ("field_of_view_mm", "two ordered lengths from 200 to 600 mm", lambda c: _ordered(c.field_of_view_mm, 200, 600)),
    ("extent_mm", "two ordered lengths from 40 to 300 mm", lambda c: _ordered(c.extent_mm, 40, 300)),
    ("thickness_mm", "one or more lengths from 0.5 to 20 mm", lambda c: _each(c.thickness_mm, 0.5, 20.0)),
    ("orientations", "one or more codes such as RAS: a letter each of RL, AP and SI", lambda c: _codes(c.orientations)),
    ("tumour_free_every", "a whole number from 2 to 1000", lambda c: _whole(c.tumour_free_every, 2, 1000)),
    ("unenhanced_every", "a whole number from 1 to 1000", lambda c: _whole(c.unenhanced_every, 1, 1000)),
    ("noise_hu", "two ordered values from 1 to 100 HU", lambda c: _ordered(c.noise_hu, 1, 100)),
    ("contrast_to_noise", "two ordered values from 0.05 to 20", lambda c: _ordered(c.contrast_to_noise, 0.05, 20)),
    ("deformation_mm", "a length from 0 to 8 mm", lambda c: _each((c.deformation_mm,), 0.0, 8.0)),
)


def _check(config: PhantomConfig) -> None:
    """Raise ConfigError for the first field that breaks its rule."""
    for name, allowed, holds in _RULES:
        value: Any = getattr(config, name)
        if not holds(config):
            raise ConfigError("impossible value for a phantom cohort", where=name, got=repr(value), allowed=allowed)


def _whole(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _all_whole(values: tuple[int, ...]) -> bool:
    return all(isinstance(value, int) and not isinstance(value, bool) for value in values)


def _each(values: tuple[float, ...], low: float, high: float) -> bool:
    return len(values) > 0 and all(math.isfinite(value) and low <= value <= high for value in values)


def _ordered(values: tuple[float, ...], low: float, high: float) -> bool:
    return len(values) == 2 and _each(values, low, high) and values[0] <= values[1]


def _counts(values: tuple[int, int]) -> bool:
    return _ordered(values, 8, 512) and _all_whole(values)


def _sides(values: tuple[int, int]) -> bool:
    return _ordered(values, 32, 512) and _all_whole(values) and all(value % 8 == 0 for value in values)


def _codes(values: tuple[str, ...]) -> bool:
    letters = {"R": 0, "L": 0, "A": 1, "P": 1, "S": 2, "I": 2}
    return len(values) > 0 and all(sorted(letters.get(c, 9) for c in code) == [0, 1, 2] for code in values)
