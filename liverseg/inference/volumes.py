"""Whole predicted volumes, scan by scan, for scores that need more than one slice at a time.

Only the box around a volume's foreground is kept, one byte a voxel, and only of one scan at a time.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from liverseg.inference.native import NativeBox, native_box
from liverseg.inference.predict import Forward, predict_batches, slice_owners
from liverseg.preprocess.arrays import CaseSpan, NativeReference, Pack
from liverseg.preprocess.native import assemble
from liverseg.preprocess.window import WindowParams


def predicted_volumes(
    forward: Forward, pack: Pack, window: WindowParams, batch_size: int
) -> Iterator[tuple[CaseSpan, NativeReference]]:
    """The prediction of every scan of a pack on the scan's own grid, in the form of a reference mask.

    The labels are those that `score_pack` counts.

    Args:
        forward: the network on one batch.
        pack: the scans, every slice present.
        window: the training's window.
        batch_size: slices a batch.

    Raises:
        ValueError: the pack holds fewer slices than the scans have, as a training pack does.
    """
    owners = slice_owners(pack)
    boxes: list[NativeBox] = []
    for first, logits, _ in predict_batches(forward, pack, window, batch_size):
        for row, one in enumerate(logits, start=first):
            span = owners[row]
            boxes.append(native_box(one, span.plane))
            if row + 1 == span.stop:
                yield span, _volume(span, boxes)
                boxes = []


def _volume(span: CaseSpan, boxes: list[NativeBox]) -> NativeReference:
    shape, spacing_mm = span.reference.shape, span.reference.spacing_mm
    crops = [(index, box.row, box.column, box.labels) for index, box in enumerate(boxes) if box.labels.size]
    if not crops:
        return NativeReference(shape, spacing_mm, (0, 0, 0), np.zeros((0, 0, 0), np.uint8))
    start, labels = assemble(crops)
    return NativeReference(shape, spacing_mm, start, labels)
