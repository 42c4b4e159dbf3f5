"""Which tumour of a record is which on the pictures, so that they can carry its number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from results.scan_page.facts import Tumour
from results.scan_page.view import ScanView

MOST_TUMOURS = 200
"""Of a record, its first, that are shown one by one."""
_LEAST_OVERLAP = 0.5


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a tumour lies on one slice.

    Attributes:
        place: of the slice in the view.
        number: of the tumour, from 1 in the order of the record.
        x, y: right end and middle of its box, in pixels from the picture's top left corner.
        middle_x: middle of its box.
    """

    place: int
    number: int
    x: float
    y: float
    middle_x: float


def located(view: ScanView, tumours: Sequence[Tumour]) -> tuple[Mark, ...]:
    """A mark for each of the first `MOST_TUMOURS` tumours on each shown slice that it lies on.

    Connected pieces (26-connected, as tumours are counted) are matched with tumours of the record that lie in the same
    slices, the most similar volumes first. What has no counterpart (as where slices are left out, or pictures are
    coarser than the scan) gets no mark: a wrong number would be worse.
    """
    from scipy import ndimage

    marked = view.labels == 2
    if not tumours or not marked.any():
        return ()
    pieces, count = ndimage.label(marked, np.ones((3, 3, 3), np.uint8))
    boxes = ndimage.find_objects(pieces)
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)[1:]
    numbers = _matched(view, boxes, sizes.tolist(), tumours)
    marks = []
    for piece, number in numbers.items():
        depth, rows, columns = boxes[piece]
        for place in range(depth.start, depth.stop):
            used = pieces[place, rows, columns] == piece + 1
            down, across = np.flatnonzero(used.any(axis=1)), np.flatnonzero(used.any(axis=0))
            if down.size:
                left, right = columns.start + int(across[0]), columns.start + int(across[-1]) + 1
                marks.append(
                    Mark(place, number, right, rows.start + (int(down[0] + down[-1]) + 1) / 2, (left + right) / 2)
                )
    return tuple(sorted(marks, key=lambda mark: (mark.place, mark.number)))


def _matched(view: ScanView, boxes: Sequence[Any], sizes: Sequence[int], tumours: Sequence[Tumour]) -> dict[int, int]:
    """The number of each piece that is a tumour of the record."""
    slice_mm = _slice_mm(view)
    pairs = []
    largest = sorted(range(len(sizes)), key=lambda piece: (-sizes[piece], piece))[: 2 * MOST_TUMOURS]
    for piece in largest:
        box, size = boxes[piece], sizes[piece]
        first, last = view.slices[box[0].start], view.slices[box[0].stop - 1]
        volume_ml = size * view.pixel_mm**2 * slice_mm / 1000
        for number, tumour in enumerate(tumours[:MOST_TUMOURS], start=1):
            common = min(last, tumour.last) - max(first, tumour.first) + 1
            whole = max(last, tumour.last) - min(first, tumour.first) + 1
            if common / whole >= _LEAST_OVERLAP and 0.5 < (tumour.volume_ml + 1e-6) / (volume_ml + 1e-6) < 2:
                unlike = abs(np.log((tumour.volume_ml + 1e-6) / (volume_ml + 1e-6)))
                pairs.append((round(float(unlike), 6), whole - common, number, piece))
    found: dict[int, int] = {}
    for _, _, number, piece in sorted(pairs):
        if piece not in found and number not in found.values():
            found[piece] = number
    return found


def _slice_mm(view: ScanView) -> float:
    """Millimetres between the slices that are shown; 1 where there is one only."""
    positions = np.array(view.positions_mm)
    return float(np.median(np.abs(np.diff(positions)))) if len(positions) > 1 else 1.0
