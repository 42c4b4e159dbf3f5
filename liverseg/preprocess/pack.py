"""The slices of one split and size, put together from prepared cases without a copy."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from liverseg.errors import ConfigError
from liverseg.preprocess.arrays import Pack, PreparedCase
from liverseg.preprocess.slice_stack import SliceStack

_BYTES_A_PIXEL = 3
_BOX_TO_LIVER = 4.0


def pack(cases: Sequence[PreparedCase], *, training: bool) -> Pack:
    """See cases one behind the other, in the order given. The pack keeps their arrays alive and copies none.

    Labels are left as they are: a trial that learns the liver alone clips them itself.

    Args:
        cases: prepared at one size.
        training: see only the slices that training uses; a case may then have none. Validation and test see all.

    Raises:
        ConfigError: no case, cases of several sizes, a case given twice, no slice left to train on, or a case to be
            scored of which only the training slices are there.
    """
    _check(cases, training)
    chosen = [np.flatnonzero(case.keep) if training else np.arange(len(case.image)) for case in cases]
    check_kept(sum(map(len, chosen)) if training else None, len(cases))
    spans, start = [], 0
    for case, rows in zip(cases, chosen, strict=True):
        spans.append(case.span(start, len(rows)))
        start += len(rows)
    return Pack(
        image=SliceStack([case.image for case in cases], chosen),
        mask=SliceStack([case.mask for case in cases], chosen),
        cases=tuple(spans),
        foreground_hu=np.sum([case.foreground_hu for case in cases], axis=0, dtype=np.int64),
    )


def check_kept(slices: int | None, scans: int) -> None:
    """Refuse to train on no slice; None is not for training.

    Raises:
        ConfigError: 0 slices.
    """
    if slices == 0:
        raise ConfigError(
            "no slice is left to train on",
            where="prepare.slices",
            got=f"{scans} scans without a slice to keep",
            next_step="use slices: body or all, or check that the training masks have labels",
        )


def _check(cases: Sequence[PreparedCase], training: bool) -> None:
    if not cases:
        raise ConfigError("no case to pack", got="0 cases", next_step="check the split: every part needs a patient")
    sizes = sorted({case.plane.size_px for case in cases})
    if len(sizes) > 1:
        raise ConfigError("cases of several sizes in one pack", got=sizes, allowed="one size")
    uids = [case.uid for case in cases]
    if twice := sorted({uid for uid in uids if uids.count(uid) > 1}):
        raise ConfigError("a case is in the pack twice", got=", ".join(twice), next_step="remove the duplicate scans")
    cut = [case.uid for case in cases if not (training or case.whole)]
    if cut:
        raise ConfigError("only the training slices are there of cases to be scored", got=", ".join(cut))


def estimate_store_bytes(n_slices: int, sizes: Sequence[int]) -> int:
    """Bytes that `n_slices` prepared slices take at all `sizes` together.

    Two bytes a pixel for the image and one for the mask; the native reference masks are not included.
    """
    return n_slices * sum(_BYTES_A_PIXEL * size * size for size in sizes)


def estimate_reference_bytes(liver_ml: float, shape: Sequence[int], spacing_mm: Sequence[float]) -> int:
    """About how many bytes the native mask of one case takes: the box around its foreground, a byte a voxel.

    A liver fills a quarter to a third of its box; a quarter is taken. Never more than the whole scan.

    Args:
        liver_ml: millilitres of foreground.
        shape: voxels of the scan along its three axes.
        spacing_mm: between them.
    """
    return min(math.prod(shape), math.ceil(_BOX_TO_LIVER * 1000.0 * liver_ml / math.prod(spacing_mm)))
