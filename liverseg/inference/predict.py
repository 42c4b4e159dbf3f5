"""Predicting and scoring the scans of a pack, batch by batch, without ever holding a whole predicted volume."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from liverseg.inference.native import Logits, native_box
from liverseg.inference.pictures import Picture, PictureChoice, make_picture, picture_rows
from liverseg.metrics.case import score_case
from liverseg.metrics.overlap import Counts, slice_confusion
from liverseg.metrics.score import CaseScore
from liverseg.preprocess.arrays import CaseSpan, Pack
from liverseg.preprocess.window import WindowParams, apply_window

Forward = Callable[[Logits], Logits]
"""One fixed batch of inputs, float32 `(b, s, s, 1)`, to logits, float32 `(b, s, s, c)`."""


@dataclass(frozen=True, slots=True)
class PackScore:
    """What scoring a pack gives.

    Attributes:
        cases: one record a scan, in the pack's order.
        pictures: the slices asked for.
        ms_per_slice: milliseconds a slice took, from stored pixels to native labels (scoring not counted).
    """

    cases: tuple[CaseScore, ...]
    pictures: tuple[Picture, ...]
    ms_per_slice: float


def predict_batches(
    forward: Forward, pack: Pack, window: WindowParams, batch_size: int
) -> Iterator[tuple[int, Logits, float]]:
    """Logits of all slices of a pack, in order.

    Every batch given to `forward` has the same shape, so that it is compiled once: a short last one is filled up with
    repetitions of its last slice, whose results are dropped.

    Yields:
        First slice, logits float32 `(k, s, s, c)` with `k <= batch_size`, and the seconds they took.
    """
    total = pack.image.shape[0]
    for first in range(0, total, batch_size):
        began = time.perf_counter()
        rows = np.minimum(np.arange(first, first + batch_size), total - 1)
        logits = forward(apply_window(pack.image[rows], window))
        yield first, logits[: total - first], time.perf_counter() - began


def score_pack(
    forward: Forward,
    pack: Pack,
    window: WindowParams,
    labels: tuple[str, ...],
    batch_size: int,
    pictures: Sequence[PictureChoice] = (),
) -> PackScore:
    """Score every scan of a pack on its own grid.

    Args:
        forward: the network on one batch, for example `model.predict_on_batch`.
        pack: the scans, every slice present.
        window: the training's window.
        labels: labels that the network was taught.
        batch_size: slices a batch; memory grows with it and with nothing else.
        pictures: slices to return as pictures.

    Raises:
        ValueError: the pack holds fewer slices than the scans have, as a training pack does.
    """
    owners = slice_owners(pack)
    wanted = picture_rows(pack, pictures)
    confusion: dict[str, list[Counts]] = {span.uid: [] for span in pack.cases}
    drawn: dict[int, Picture] = {}
    seconds = 0.0
    for first, logits, spent in predict_batches(forward, pack, window, batch_size):
        seconds += spent
        for row, one in enumerate(logits, start=first):
            span = owners[row]
            counts, spent = _count(one, span, row - span.start)
            confusion[span.uid].append(counts)
            seconds += spent
            if row in wanted:
                drawn[row] = make_picture(pack, wanted[row], row, one)
    cases = tuple(score_case(span, np.stack(confusion[span.uid]), labels) for span in pack.cases)
    return PackScore(cases, tuple(drawn[row] for row in wanted), 1000.0 * seconds / max(1, len(owners)))


def _count(logits: Logits, span: CaseSpan, index: int) -> tuple[Counts, float]:
    began = time.perf_counter()
    box = native_box(logits, span.plane)
    spent = time.perf_counter() - began
    return slice_confusion(span.reference, index, box.labels, (box.row, box.column)), spent


def slice_owners(pack: Pack) -> list[CaseSpan]:
    """The scan of every slice of a pack in which every slice is present."""
    owners = [span for span in pack.cases for _ in range(span.start, span.stop)]
    for span in pack.cases:
        if span.stop - span.start != span.reference.shape[0]:
            raise ValueError(f"{span.uid}: {span.stop - span.start} of {span.reference.shape[0]} slices present")
    if len(owners) != pack.image.shape[0]:
        raise ValueError(f"cases cover {len(owners)} of {pack.image.shape[0]} slices")
    return owners
