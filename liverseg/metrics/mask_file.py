"""A mask file as a volume to score: checked by the rules of every mask, turned upright, cut to its foreground."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from liverseg.preprocess.arrays import Mask, NativeReference
from liverseg.preprocess.orient import orientation_from
from liverseg.volume import Header, slabs, to_labels


def read_mask(
    path: Path | str, header: Header, *, case: str | None = None, meaning: Mapping[int, int] | None = None
) -> NativeReference:
    """The labels of a mask in the display frame, whatever the file's own axes.

    Memory: one byte a voxel while the file is read, then the box of the foreground.

    Args:
        path: the file `header` was read from.
        header: from `read_header`.
        case: name of the case, for the error.
        meaning: label of each stored value that has one, see `to_labels`.

    Raises:
        DataError: rule N1, N3 (the file is not whole) or N4 (values other than 0, 1, 2).
    """
    stored = np.empty(header.shape, np.uint8, order="F")
    start = 0
    for block in slabs(path, header, case=case, reuse=True):
        stored[:, :, start : start + block.shape[2]] = to_labels(block, header, path=path, case=case, meaning=meaning)
        start += block.shape[2]
    orientation = orientation_from(header.orientation)
    return cut(orientation.display_volume(stored), orientation.permute(header.spacing_mm))


def cut(labels: Mask, spacing_mm: tuple[float, float, float]) -> NativeReference:
    """A whole volume of labels `(n, h, w)`, cut to the box of its foreground (copied)."""
    shape = (labels.shape[0], labels.shape[1], labels.shape[2])
    ends = []
    for axis in range(3):
        used = np.flatnonzero(labels.any(axis=tuple(other for other in range(3) if other != axis)))
        if not used.size:
            return NativeReference(shape, spacing_mm, (0, 0, 0), np.zeros((0, 0, 0), np.uint8))
        ends.append((int(used[0]), int(used[-1]) + 1))
    box = labels[tuple(slice(*end) for end in ends)]
    return NativeReference(shape, spacing_mm, (ends[0][0], ends[1][0], ends[2][0]), np.ascontiguousarray(box))
