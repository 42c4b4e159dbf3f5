"""Labels on the scan's own pixels from several predictions of one slice: the class whose mean probability is largest.

Members of an ensemble may look at squares of different sizes, and a mirrored slice is another prediction too, so their
probabilities are averaged where all of them are at home: at the scan's pixels. Each prediction's logits are resampled as
those of a single network (`liverseg.inference.native`), then turned into probabilities. Only the box that can be foreground
is computed: where background is the largest class of every prediction it is the largest of the mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from liverseg.inference.native import Logits, NativeBox, axis_weights
from liverseg.preprocess.arrays import Mask, PlaneMap

View = tuple[Logits, PlaneMap]
"""Logits float32 `(s, s, c)` of a slice, and how the slice lies in the square."""
_Range = tuple[int, int]


def mean_box(views: Sequence[View]) -> NativeBox:
    """Labels of the smallest box of native pixels in which any prediction can be foreground.

    Args:
        views: at least one, all of the same native slice and with the same classes. Ties go to the lower class.
    """
    boxes = [box for box in (_foreground(*view) for view in views) if box is not None]
    if not boxes:
        return NativeBox(0, 0, np.zeros((0, 0), np.uint8))
    rows = (min(box[0][0] for box in boxes), max(box[0][1] for box in boxes))
    columns = (min(box[1][0] for box in boxes), max(box[1][1] for box in boxes))
    return NativeBox(rows[0], columns[0], _labels(views, rows, columns))


def mean_labels_everywhere(views: Sequence[View]) -> Mask:
    """The same labels computed at every pixel, uint8 `(h, w)`: slower, the definition that tests compare with."""
    height, width = views[0][1].native_hw
    return _labels(views, (0, height), (0, width))


def _foreground(logits: Logits, plane: PlaneMap) -> tuple[_Range, _Range] | None:
    """Native rows and columns, ends exclusive, that touch a node where a label is above background."""
    foreground = logits[..., 1:].max(axis=-1) > logits[..., 0]
    if not foreground.any():
        return None
    down, across = _weights(plane)
    rows, columns = _touched(down, foreground.any(axis=1)), _touched(across, foreground.any(axis=0))
    return (rows, columns) if rows and columns else None


def _weights(plane: PlaneMap) -> tuple[Any, Any]:
    down = axis_weights(plane.native_hw[0], plane.resized_hw[0], plane.top, plane.size_px)
    across = axis_weights(plane.native_hw[1], plane.resized_hw[1], plane.left, plane.size_px)
    return down, across


def _touched(weights: Any, nodes: npt.NDArray[np.bool_]) -> _Range | None:
    used = np.flatnonzero(nodes)
    inside = (weights.indices >= used[0]) & (weights.indices <= used[-1])
    owner = np.repeat(np.arange(weights.shape[0]), np.diff(weights.indptr))[inside]
    return (int(owner.min()), int(owner.max()) + 1) if owner.size else None


def _labels(views: Sequence[View], rows: _Range, columns: _Range) -> Mask:
    mean = sum(_probabilities(logits, plane, rows, columns) for logits, plane in views)
    # argmax takes the first of equals, which is the lower class.
    labels: Mask = np.argmax(mean, axis=1).astype(np.uint8)
    return np.ascontiguousarray(labels.T)


def _probabilities(logits: Logits, plane: PlaneMap, rows: _Range, columns: _Range) -> Logits:
    """Probabilities float32 `(columns, classes, rows)` of a box of native pixels."""
    size, _, classes = logits.shape
    down, across = _weights(plane)
    partly = down[slice(*rows)] @ logits.reshape(size, -1)
    turned = partly.reshape(-1, size, classes).transpose(1, 2, 0).reshape(size, -1)
    planes = (across[slice(*columns)] @ turned).reshape(-1, classes, rows[1] - rows[0])
    planes -= planes.max(axis=1, keepdims=True)
    np.exp(planes, out=planes)
    planes /= planes.sum(axis=1, keepdims=True)
    found: Logits = planes
    return found
