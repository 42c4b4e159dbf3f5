"""From a network's logits on its square to labels on the scan's own pixels.

Logits, not labels, are resampled: bilinear with pixel centres aligned (an antialiased triangle filter where the
network's square is finer than the scan). Only the part that can be foreground is computed, and the result is
exactly that of the full computation: an interpolated value is a weighted sum with weights >= 0 of its nodes, so
where background is the largest class at all nodes of a pixel it is the largest at that pixel. Rounding keeps this
true, because the same operations in the same order are monotone in their operands.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from liverseg.preprocess.arrays import Mask, PlaneMap
from liverseg.preprocess.resize import resize_matrix

Logits = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class NativeBox:
    """Labels of a part of a native slice; outside it all is background.

    Attributes:
        row, column: top left corner in the slice.
        labels: uint8 `(bh, bw)`; shape `(0, 0)` when the slice is all background.
    """

    row: int
    column: int
    labels: Mask


_EMPTY = NativeBox(0, 0, np.zeros((0, 0), np.uint8))


@lru_cache(maxsize=256)
def axis_weights(native_px: int, resized_px: int, offset_px: int, size_px: int) -> Any:
    """Weights that take one axis of the square to the native grid.

    Args:
        native_px: pixels of the native axis.
        resized_px: pixels that the whole native axis was resampled to.
        offset_px: where the resampled axis begins in the square; negative when its ends were cut off.
        size_px: side of the square.

    Returns:
        float32 CSR `(native_px, size_px)`, rows >= 0 that sum to 1. A native pixel whose centre was cut off has an
        empty row; one inside whose nodes are partly cut off takes the remaining ones.
    """
    full = resize_matrix(resized_px, native_px).tocoo()
    node = full.col + offset_px
    centre = (np.arange(native_px) + 0.5) * (resized_px / native_px) + offset_px
    seen = (node >= 0) & (node < size_px) & ((centre >= 0) & (centre < size_px))[full.row]
    triplets = (full.data[seen], (full.row[seen], node[seen]))
    kept = sparse.csr_matrix(triplets, shape=(native_px, size_px), dtype=np.float32)
    total = np.asarray(kept.sum(axis=1)).ravel()
    whole = np.abs(total - 1.0) < 1e-4
    scale = np.where(whole | (total == 0), 1.0, 1.0 / np.where(total == 0, 1.0, total)).astype(np.float32)
    return sparse.csr_matrix(sparse.diags(scale, dtype=np.float32) @ kept)


def native_box(logits: Logits, plane: PlaneMap) -> NativeBox:
    """Labels of the smallest box of native pixels that can hold foreground.

    Args:
        logits: float32 `(s, s, c)` with `c` 2 or 3; class 0 is background. Ties go to the lower class.
        plane: how the native slice lies in the square.
    """
    foreground = logits[..., 1:].max(axis=-1) > logits[..., 0]
    rows, columns = np.flatnonzero(foreground.any(axis=1)), np.flatnonzero(foreground.any(axis=0))
    if not rows.size:
        return _EMPTY
    down = axis_weights(plane.native_hw[0], plane.resized_hw[0], plane.top, plane.size_px)
    across = axis_weights(plane.native_hw[1], plane.resized_hw[1], plane.left, plane.size_px)
    row, row_weights = _touching(down, rows[0], rows[-1])
    column, column_weights = _touching(across, columns[0], columns[-1])
    if not row_weights.shape[0] or not column_weights.shape[0]:
        return _EMPTY
    return NativeBox(row, column, _labels(logits, row_weights, column_weights))


def native_labels(logits: Logits, plane: PlaneMap) -> Mask:
    """Labels of a whole native slice.

    Args:
        logits: float32 `(s, s, c)`.
        plane: how the native slice lies in the square.

    Returns:
        uint8 `(h, w)`; what was cut off by the square is background.
    """
    box = native_box(logits, plane)
    labels = np.zeros(plane.native_hw, np.uint8)
    labels[box.row : box.row + box.labels.shape[0], box.column : box.column + box.labels.shape[1]] = box.labels
    return labels


def labels_everywhere(logits: Logits, plane: PlaneMap) -> Mask:
    """The same labels as `native_labels`, computed at every pixel: slower, the definition that tests compare with."""
    down = axis_weights(plane.native_hw[0], plane.resized_hw[0], plane.top, plane.size_px)
    across = axis_weights(plane.native_hw[1], plane.resized_hw[1], plane.left, plane.size_px)
    return _labels(logits, down, across)


def _touching(weights: Any, first: int, last: int) -> tuple[int, Any]:
    """The run of native pixels with a node from `first` to `last`, and their rows of the weights."""
    inside = (weights.indices >= first) & (weights.indices <= last)
    owner = np.repeat(np.arange(weights.shape[0]), np.diff(weights.indptr))[inside]
    if not owner.size:
        return 0, weights[:0]
    return int(owner.min()), weights[int(owner.min()) : int(owner.max()) + 1]


def _labels(logits: Logits, row_weights: Any, column_weights: Any) -> Mask:
    size, _, classes = logits.shape
    partly = row_weights @ logits.reshape(size, -1)
    across = partly.reshape(-1, size, classes).transpose(1, 2, 0).reshape(size, -1)
    planes = (column_weights @ across).reshape(-1, classes, row_weights.shape[0])
    best = planes[:, 0]
    labels = np.zeros(best.shape, np.uint8)
    for value in range(1, classes):
        better = planes[:, value] > best
        labels[better] = value
        best = np.maximum(best, planes[:, value])
    return np.ascontiguousarray(labels.T)
