"""CT slices with reference and predicted labels side by side: the same slices for every architecture's best trial.

Labels are a light tint with a solid outline. In predictions the outline of the reference is drawn too, in white, so
that both errors show: tint outside the white line is too much, untinted inside is too little.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from results.pictures import Pictures
from results.plots.marks import architectures
from results.plots.png import data_uri, png
from results.ranking import best_by_architecture
from results.records import Sweep, TrialRecord
from results.text import printable

Bytes = npt.NDArray[np.uint8]

MOST_SLICES = 6
LARGEST_PX = 240
SMALLEST_BOX_PX = 48
MARGIN = 0.15
LEVELS = 64
# Sky blue and vermilion of Okabe & Ito: told apart by every kind of colour vision, and by lightness.
LABEL_COLOURS = {1: (86, 180, 233), 2: (213, 94, 0)}
REFERENCE_COLOUR = (255, 255, 255)
_TINT = {1: 0.28, 2: 0.5}


@dataclass(frozen=True, slots=True)
class Tile:
    """One picture: its heading, and a PNG as a `data:` address (empty when the trial has no picture of the slice).

    A prediction names its architecture by its position in the sweep.
    """

    title: str
    source: str
    of: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One slice: its caption, then CT, reference, and one prediction an architecture."""

    caption: str
    tiles: tuple[Tile, ...]


@dataclass(frozen=True, slots=True)
class PictureGrid:
    """The grid, or a sentence in `note` when there is none."""

    note: str
    rows: tuple[Row, ...] = ()


def picture_grid(sweep: Sweep, pictures: Mapping[str, Pictures]) -> PictureGrid:
    """The grid of a sweep; `pictures` by uid of the trial. Slices are those of the best trial that left pictures."""
    ranked = best_by_architecture(sweep.trials, sweep.sweep.objectives)
    best = [trial for trial in ranked.values() if trial is not None and trial.uid in pictures]
    if not best:
        return PictureGrid("No finished trial has left pictures.")
    first = pictures[best[0].uid]
    chosen = _spread(first)
    names = architectures(sweep)
    rows = tuple(_row(first, i, best, pictures, names) for i in chosen)
    missing = [printable(name) for name, trial in ranked.items() if trial is None or trial.uid not in pictures]
    note = "The same slices of validation scans for the best trial of each architecture, cut to the labelled region. "
    note += "In predictions the white line is the outline of the reference."
    return PictureGrid(note + (f" Without pictures: {', '.join(missing)}." if missing else ""), rows)


def _spread(pictures: Pictures) -> list[int]:
    """Up to `MOST_SLICES` positions, taken from the cases in turn so that every case is seen."""
    by_case: dict[str, list[int]] = {}
    for i, case in enumerate(pictures.case):
        by_case.setdefault(case, []).append(i)
    turns = max(map(len, by_case.values()))
    in_turn = [found[turn] for turn in range(turns) for found in by_case.values() if turn < len(found)]
    return sorted(in_turn[:MOST_SLICES])


def _row(
    first: Pictures, i: int, best: Sequence[TrialRecord], pictures: Mapping[str, Pictures], names: Sequence[str]
) -> Row:
    case, index = first.case[i], first.slice_index[i]
    image, reference = first.image[i], first.reference[i]
    predictions = {trial.architecture: _prediction(pictures[trial.uid], case, index, image.shape) for trial in best}
    box = _box([reference, *(found for found in predictions.values() if found is not None)])
    empty = np.zeros_like(reference)
    tiles = [
        Tile("CT", _tile(image, empty, empty, box)),
        Tile("reference", _tile(image, reference, empty, box)),
    ]
    for name, found in predictions.items():
        source = "" if found is None else _tile(image, found, reference, box)
        tiles.append(Tile(printable(name), source, names.index(name)))
    return Row(f"{printable(case)}, slice {index}", tuple(tiles))


def _prediction(pictures: Pictures, case: str, index: int, shape: tuple[int, ...]) -> Bytes | None:
    found = pictures.find(case, index)
    return pictures.prediction[found] if found is not None and pictures.prediction[found].shape == shape else None


def _box(labels: Sequence[Bytes]) -> tuple[slice, slice]:
    """Rows and columns of everything labelled, with a margin; the whole slice when nothing is."""
    marked = np.any([plane > 0 for plane in labels], axis=0)
    if not marked.any():
        return slice(None), slice(None)
    spans = [np.flatnonzero(marked.any(axis=axis)) for axis in (1, 0)]
    side = max(int(span[-1] - span[0] + 1) for span in spans)
    side = max(round(side * (1 + 2 * MARGIN)), SMALLEST_BOX_PX)
    rows, columns = (_range(span, side, size) for span, size in zip(spans, marked.shape, strict=True))
    return rows, columns


def _range(span: npt.NDArray[np.intp], side: int, size: int) -> slice:
    start = int(span[0] + span[-1] + 1 - side) // 2
    start = max(0, min(start, size - side))
    return slice(start, min(start + side, size))


def _tile(image: Bytes, labels: Bytes, reference: Bytes, box: tuple[slice, slice]) -> str:
    planes = [_reduced(plane[box]) for plane in (image, labels, reference)]
    return data_uri(png(_indices(*planes), PALETTE))


def _reduced(plane: Bytes) -> Bytes:
    """Every k-th pixel, so that no side is longer than `LARGEST_PX`."""
    step = -(-max(plane.shape) // LARGEST_PX)
    reduced: Bytes = plane[::step, ::step]
    return reduced


def _indices(image: Bytes, labels: Bytes, reference: Bytes) -> Bytes:
    """Positions in `PALETTE`, uint8 `(h, w)`: grey level, tinted by label, outlines on top."""
    indices = image // (256 // LEVELS)
    for value in LABEL_COLOURS:
        indices = np.where(labels == value, indices + np.uint8(value * LEVELS), indices)
        indices = np.where(_outline(labels >= value), np.uint8(3 * LEVELS + value), indices)
    for value in LABEL_COLOURS:
        indices = np.where(_outline(reference >= value), np.uint8(3 * LEVELS), indices)
    return np.asarray(indices, np.uint8)


def _outline(region: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Pixels of a region that have a neighbour (of four) outside it; beyond the picture counts as inside."""
    padded = np.pad(region, 1, mode="edge")
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    edge: npt.NDArray[np.bool_] = region & ~inner
    return edge


def _palette() -> Bytes:
    grey = np.linspace(0, 255, LEVELS)[:, None].repeat(3, axis=1)
    tinted = [grey * (1 - _TINT[value]) + np.array(colour) * _TINT[value] for value, colour in LABEL_COLOURS.items()]
    outlines = np.array([REFERENCE_COLOUR, *LABEL_COLOURS.values()], float)
    return np.asarray(np.rint(np.concatenate([grey, *tinted, outlines])), np.uint8)


PALETTE = _palette()
