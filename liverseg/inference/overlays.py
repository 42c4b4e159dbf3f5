"""What is kept of a training's predictions so that they can be looked at slice by slice, and of the scans below them.

A training writes the labels of its validation scans into one small file; scans and reference masks are the same for all
trainings and lie in a file of their own for each scan. Both are NumPy archives without pickles; the archive carries a
checksum of each array.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from liverseg.inference.overlay_grid import OverlayGrid, overlay_grid, sample_labels, unseen_ml
from liverseg.inference.pictures import DISPLAY_HU
from liverseg.preprocess.arrays import CaseSpan, Mask, NativeReference
from liverseg.preprocess.orient import orientation_from
from liverseg.preprocess.resize import resize_matrix
from liverseg.preprocess.stacks import VoxelFile, read_stacks
from liverseg.training.atomic import atomic_path
from liverseg.volume import read_header

SCHEMA_VERSION = 1
MOST_CASES = 200
"""Scans whose labels a training keeps, the first of the pack: the same ones for every training."""

Grey = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Overlay:
    """One training's labels of one scan.

    Attributes:
        case_uid: pseudonym.
        grid: where they were sampled.
        labels: uint8 `(count, rows, columns)`.
        unseen_ml: millilitres of prediction that lie outside what the grid shows.
    """

    case_uid: str
    grid: OverlayGrid
    labels: Mask
    unseen_ml: float


@dataclass(frozen=True, slots=True)
class OverlayBook:
    """The overlays of one training, as they come in."""

    overlays: list[Overlay] = field(default_factory=list)

    def add(self, span: CaseSpan, prediction: NativeReference) -> None:
        """Sample the prediction of one scan; nothing happens beyond `MOST_CASES`."""
        if len(self.overlays) < MOST_CASES:
            grid = overlay_grid(span.reference)
            labels = sample_labels(prediction, grid)
            self.overlays.append(Overlay(span.uid, grid, labels, unseen_ml(prediction, grid)))

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The overlays as arrays that need no pickle.

        Returns:
            `schema_version` (), `case` text `(k,)`, `grid` int32 `(k, 12)`, `unseen_ml` float64 `(k,)` and `labels`
            uint8 `(n,)`: all volumes one after another, in C order.
        """
        overlays = self.overlays
        return {
            "schema_version": np.array(SCHEMA_VERSION),
            "case": np.array([overlay.case_uid for overlay in overlays], np.str_),
            "grid": np.array([overlay.grid.as_array() for overlay in overlays], np.int32).reshape(-1, 12),
            "unseen_ml": np.array([overlay.unseen_ml for overlay in overlays], np.float64),
            "labels": np.concatenate([np.zeros(0, np.uint8), *(overlay.labels.ravel() for overlay in overlays)]),
        }

    def write(self, path: Path) -> None:
        """Write the overlays as an .npz of `arrays`, atomically.

        Raises:
            OSError: the disk is full or cannot be written.
        """
        with atomic_path(path) as temporary, temporary.open("wb") as stream:
            np.savez_compressed(stream, allow_pickle=False, **self.arrays())


def scan_arrays(span: CaseSpan, image_path: Path) -> dict[str, npt.NDArray[Any]]:
    """A scan and its reference mask at the pixels of its grid. Reads the scan once; a few planes are in memory.

    Args:
        span: the scan in a pack.
        image_path: its file.

    Returns:
        `schema_version` (), `case` text (), `grid` int32 `(12,)`, `spacing_mm` float64 `(3,)`, and `image` (`DISPLAY_HU`
        from black to white, averaged over what a pixel covers) and `reference`, uint8 `(count, rows, columns)`.

    Raises:
        DataError: the file is damaged.
    """
    grid = overlay_grid(span.reference)
    return {
        "schema_version": np.array(SCHEMA_VERSION),
        "case": np.array(span.uid, np.str_),
        "grid": grid.as_array(),
        "spacing_mm": np.array(span.reference.spacing_mm, np.float64),
        "image": _grey(grid, image_path, span.uid),
        "reference": sample_labels(span.reference, grid),
    }


def packed(arrays: dict[str, npt.NDArray[Any]]) -> bytes:
    """The bytes of an .npz file of arrays, compressed."""
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **arrays)
    return stream.getvalue()


def _grey(grid: OverlayGrid, path: Path, case: str) -> Grey:
    scan = VoxelFile(path, read_header(path, case=case, role="image"))
    orientation = orientation_from(scan.header.orientation)
    slope, intercept = scan.scale
    low, high = DISPLAY_HU
    down, across = resize_matrix(grid.height, grid.rows), resize_matrix(grid.width, grid.columns)
    places = {position: k for k, position in enumerate(grid.slices)}
    grey = np.zeros((grid.count, grid.rows, grid.columns), np.uint8)
    for stack in read_stacks(scan, None, orientation, case=case):
        for index in range(len(stack.image)):
            position = stack.start + index
            place = places.get(grid.shape[0] - 1 - position if orientation.flips[0] else position)
            if place is None:
                continue
            plane = orientation.display(stack.image[index : index + 1])[0]
            box = plane[grid.top : grid.top + grid.height, grid.left : grid.left + grid.width]
            shown = np.clip((box.astype(np.float32) * slope + intercept - low) / (high - low), 0.0, 1.0)
            grey[place] = np.rint(255.0 * (down @ (across @ shown.T).T))
    return grey
