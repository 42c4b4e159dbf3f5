"""Slices of a scan as sprites: all slices of one layer in one image, of which a page shows one tile at a time.

The scan is a grey JPEG; labels and outlines are PNGs with a palette, transparent where there is nothing, laid over it.
Labels look as in the other pictures of a report: a light tint with a solid outline, the reference's outline in white.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from results.plots.pictures import LABEL_COLOURS, REFERENCE_COLOUR
from results.plots.png import data_uri, png

Bytes = npt.NDArray[np.uint8]

JPEG_QUALITY = 60
_TINT = {1: 60, 2: 110}


@dataclass(frozen=True, slots=True)
class Tiles:
    """How the slices lie in a sprite: row by row, `across` in a row, `down` rows."""

    count: int

    @property
    def across(self) -> int:
        """Tiles in a row."""
        return math.ceil(math.sqrt(self.count))

    @property
    def down(self) -> int:
        """Rows of tiles."""
        return math.ceil(self.count / self.across)

    def place(self, index: int) -> tuple[float, float]:
        """Where a tile lies, as the percentages of CSS's `background-position`."""
        row, column = divmod(index, self.across)
        return 100 * column / max(1, self.across - 1), 100 * row / max(1, self.down - 1)

    def sprite(self, planes: Bytes) -> Bytes:
        """All planes uint8 `(count, h, w)` in one, uint8 `(down · h, across · w)`; what is left over is 0."""
        count, height, width = planes.shape
        full = np.zeros((self.down * self.across, height, width), np.uint8)
        full[:count] = planes
        rows = full.reshape(self.down, self.across, height, width).transpose(0, 2, 1, 3)
        return np.ascontiguousarray(rows.reshape(self.down * height, self.across * width))


def scan_sprite(image: Bytes) -> str:
    """A grey JPEG of slices uint8 `(count, h, w)`, as a `data:` address."""
    from PIL import Image

    stream = io.BytesIO()
    sprite = Tiles(len(image)).sprite(image)
    Image.fromarray(sprite).save(stream, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return data_uri(stream.getvalue(), "jpeg")


def label_sprite(labels: Bytes) -> str:
    """Tint and outline of liver and tumour, transparent elsewhere, as a `data:` address."""
    indices = labels.copy()
    for value in LABEL_COLOURS:
        indices[outlines(labels >= value)] = 2 + value
    return data_uri(png(Tiles(len(labels)).sprite(indices), _LABEL_PALETTE))


def outline_sprite(labels: Bytes) -> str:
    """The outlines of liver and tumour in white, transparent elsewhere, as a `data:` address."""
    indices = np.zeros_like(labels)
    for value in LABEL_COLOURS:
        indices[outlines(labels >= value)] = 1
    return data_uri(png(Tiles(len(labels)).sprite(indices), _OUTLINE_PALETTE))


def outlines(region: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Pixels that have a neighbour (of four, in their plane) outside the region; beyond the picture counts as inside.

    Of all planes `(count, h, w)` at once.
    """
    inner = region.copy()
    inner[:, 1:] &= region[:, :-1]
    inner[:, :-1] &= region[:, 1:]
    inner[:, :, 1:] &= region[:, :, :-1]
    inner[:, :, :-1] &= region[:, :, 1:]
    edge: npt.NDArray[np.bool_] = region & ~inner
    return edge


def _rows(*colours: tuple[tuple[int, int, int], int]) -> Bytes:
    return np.array([(0, 0, 0, 0), *((*colour, opacity) for colour, opacity in colours)], np.uint8)


_LABEL_PALETTE = _rows(
    *((LABEL_COLOURS[value], _TINT[value]) for value in LABEL_COLOURS),
    *((colour, 255) for colour in LABEL_COLOURS.values()),
)
_OUTLINE_PALETTE = _rows((REFERENCE_COLOUR, 235))


def differing(volumes: list[Bytes]) -> npt.NDArray[np.int64]:
    """Pixels of each slice on which not all label volumes uint8 `(count, h, w)` agree, int64 `(count,)`."""
    first = volumes[0]
    unequal = np.any([volume != first for volume in volumes], axis=0)
    return np.asarray(np.count_nonzero(unequal, axis=(1, 2)), np.int64)
