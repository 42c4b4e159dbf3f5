"""The outline of a region as an SVG path along the edges of its pixels: what is drawn is what was labelled, at any zoom."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.intp]


def outline_path(region: npt.NDArray[np.bool_]) -> str:
    """The closed outlines of a region `(h, w)`, holes included, in pixels: pixel `(row, column)` is the unit square from
    `(column, row)`. To be filled by the even-odd rule. Empty for an empty region.

    Corners of rectilinear polygons pair up: in a row of corners, sorted by column, the first is joined with the second, the
    third with the fourth, and likewise down the columns. Where two pixels touch in one point there are two corners.
    """
    rows, columns = _corners(region)
    if not rows.size:
        return ""
    along = _partners(np.lexsort((columns, rows)))
    down = _partners(np.lexsort((rows, columns)))
    return "".join(_loops(rows.tolist(), columns.tolist(), along.tolist(), down.tolist()))


def _corners(region: npt.NDArray[np.bool_]) -> tuple[Indices, Indices]:
    """Rows and columns of all corners."""
    padded = np.pad(region, 1)
    a, b, c, d = padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    touching = (a == d) & (b == c) & (a != b)
    rows, columns = np.nonzero((a ^ b ^ c ^ d) | touching)
    times = 1 + touching[rows, columns]
    return np.repeat(rows, times), np.repeat(columns, times)


def _partners(order: npt.NDArray[Any]) -> Indices:
    """For each corner the one it is joined with, when neighbours in `order` are joined two by two."""
    partners = np.empty(len(order), np.intp)
    partners[order[0::2]], partners[order[1::2]] = order[1::2], order[0::2]
    return partners


def _loops(rows: list[int], columns: list[int], along: list[int], down: list[int]) -> list[str]:
    left, parts = [True] * len(rows), []
    for first in range(len(rows)):
        if not left[first]:
            continue
        parts.append(f"M{columns[first]} {rows[first]}")
        corner = first
        while left[corner]:
            beside = along[corner]
            below = down[beside]
            left[corner] = left[beside] = False
            parts.append(f"h{columns[beside] - columns[corner]}")
            parts.append(f"v{rows[below] - rows[beside]}" if below != first else "z")
            corner = below
    return parts
