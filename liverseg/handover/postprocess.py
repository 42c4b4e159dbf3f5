"""What is removed from a prediction before anybody sees it: stray livers, tumours outside the liver, specks.

Nothing is ever added: the whole liver (label 1 and 2) only shrinks, and so does tumour. No hole is filled.

- *Largest liver*: of the pieces that hold liver tissue only the largest stays. The others become background whole, with the
  tumours in them: a tumour in a stray liver is a tumour of another organ. Lesions that touch no liver are not judged here.
- *Tumour inside liver*: a lesion that touches no liver tissue, not even with a corner, becomes background. One at the
  liver's edge stays, however much of its surface is free: tumours under the capsule look like that.
- *Minimum lesion*: a lesion of fewer millilitres becomes liver where it touches liver tissue, and background where it
  does not. So a removed lesion never leaves a hole in the liver.

Pieces and lesions are those of `liverseg.handover.pieces`: connectivity 26, voxels that share a corner touch. The three
options do not depend on each other's order, and applying them twice changes nothing more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from liverseg.errors import ConfigError
from liverseg.handover.pieces import (
    BACKGROUND,
    TISSUE,
    TISSUE_ASIDE,
    find_lesions,
    find_places,
)
from liverseg.metrics.mask_file import cut
from liverseg.preprocess.arrays import Mask, NativeReference

MOST_ML = 1000.0
"""No tumour is left out for being smaller than a litre."""

_SHRUNK = np.array([BACKGROUND, TISSUE, TISSUE_ASIDE, TISSUE, TISSUE_ASIDE, BACKGROUND], np.uint8)
"""Place of the voxels of a lesion that is too small, by its place."""


@dataclass(frozen=True, slots=True)
class PostProcess:
    """Which options are on.

    Attributes:
        largest_liver: only the largest piece of liver stays.
        tumour_inside_liver: lesions that touch no liver go.
        minimum_lesion_ml: lesions smaller than this go; 0 keeps all.

    Raises:
        ConfigError: a value that is no option.
    """

    largest_liver: bool
    tumour_inside_liver: bool
    minimum_lesion_ml: float

    def __post_init__(self) -> None:
        for name in ("largest_liver", "tumour_inside_liver"):
            if not isinstance(getattr(self, name), bool):
                what = "impossible post-processing option"
                raise ConfigError(what, where=name, got=repr(getattr(self, name)), allowed="true | false")
        size = self.minimum_lesion_ml
        number = isinstance(size, (int, float)) and not isinstance(size, bool)
        if not number or not 0 <= size <= MOST_ML:
            allowed = f"millilitres from 0 to {MOST_ML:g}"
            raise ConfigError(
                "impossible post-processing option", where="minimum_lesion_ml", got=repr(size), allowed=allowed
            )
        object.__setattr__(self, "minimum_lesion_ml", float(size))

    @property
    def switched_on(self) -> int:
        """How many of the three options do anything: what makes one choice simpler than another."""
        return int(self.largest_liver) + int(self.tumour_inside_liver) + int(self.minimum_lesion_ml > 0)

    def as_json(self) -> dict[str, Any]:
        """Plain values, one a field."""
        return asdict(self)

    @staticmethod
    def from_json(value: Any) -> PostProcess:
        """Rebuild from `as_json`.

        Raises:
            ConfigError: not an object, fields missing or unknown, or impossible values.
        """
        names = tuple(PostProcess.__slots__)
        if not isinstance(value, Mapping) or set(value) != set(names):
            got = ", ".join(sorted(map(str, value))) if isinstance(value, Mapping) else type(value).__name__
            raise ConfigError(
                "not a description of post-processing",
                where="postprocess",
                got=got or "nothing",
                allowed=f"an object of {', '.join(names)}",
            )
        return PostProcess(**value)

    def in_words(self) -> str:
        """One phrase for screens and cards, `none` without any option."""
        parts = [
            "only the largest piece of liver" if self.largest_liver else "",
            "only tumours that touch the liver" if self.tumour_inside_liver else "",
            f"no tumour under {self.minimum_lesion_ml:g} mL" if self.minimum_lesion_ml else "",
        ]
        return ", ".join(part for part in parts if part) or "none"

    def least_voxels(self, spacing_mm: tuple[float, float, float]) -> int:
        """How many voxels of this size a lesion must have to stay."""
        return math.ceil(self.minimum_lesion_ml / (math.prod(spacing_mm) / 1000.0) - 1e-9)

    def labels_of_places(self) -> Mask:
        """Label that a voxel gets by its place, uint8 `(6,)`; lesions that are too small have changed place before."""
        aside = not self.largest_liver
        return np.array([0, 1, 1 * aside, 2, 2 * aside, 2 * (not self.tumour_inside_liver)], np.uint8)

    def apply(self, volume: NativeReference) -> NativeReference:
        """The volume without what the options remove, cut to what is left.

        An empty volume stays empty. The volume given is not changed; where no option is on it is returned itself.
        Memory: at most two bytes a voxel of its box besides the box, and what `Components` takes.
        """
        if not self.switched_on or not volume.labels.size:
            return volume
        places = find_places(volume.labels)
        if self.minimum_lesion_ml:
            _shrink(places, self.least_voxels(volume.spacing_mm))
        table = self.labels_of_places()
        for plane in places:
            plane[:] = table[plane]
        left = cut(places, volume.spacing_mm)
        if not left.labels.size:
            return replace(left, shape=volume.shape)
        first, row, column = (a + b for a, b in zip(volume.start, left.start, strict=True))
        return replace(left, shape=volume.shape, start=(first, row, column))


NONE = PostProcess(largest_liver=False, tumour_inside_liver=False, minimum_lesion_ml=0.0)
"""The prediction as the network made it."""


def _shrink(places: Mask, least: int) -> None:
    """Give the voxels of lesions with fewer than `least` voxels the place of what is there without them, in place."""
    lesions = find_lesions(places)
    small = lesions.voxels < least
    small[0] = False
    if not small.any():
        return
    inside = places[lesions.box]
    # A slab is numbered from its places before they are changed here, and is not asked for again.
    for part, numbers in lesions.numbers.slabs():
        for plane, those in zip(inside[part], numbers, strict=True):
            there = small[those]
            plane[there] = _SHRUNK[plane[there]]
