"""All slices of one split and size in one contiguous array, so that a trial maps them without a copy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from liverseg.errors import ConfigError
from liverseg.preprocess.arrays import CaseSpan, Pack, PreparedCase

_BYTES_A_PIXEL = 3


def pack(cases: Sequence[PreparedCase], *, training: bool) -> Pack:
    """Lay cases one behind the other, in the order given.

    Labels are left as they are: a trial that learns the liver alone clips them itself.

    Args:
        cases: prepared at one size.
        training: keep only the slices that training uses; a case may then have none. Validation and test take all.

    Raises:
        ConfigError: no case, cases of several sizes, a case given twice, or no slice left to train on.
    """
    _check(cases)
    chosen = [np.flatnonzero(case.keep) if training else np.arange(len(case.image)) for case in cases]
    total = sum(map(len, chosen))
    if training and total == 0:
        raise ConfigError(
            "no slice is left to train on",
            where="prepare.slices",
            got=f"{len(cases)} scans without a slice to keep",
            next_step="use slices: body or all, or check that the training masks have labels",
        )
    size = cases[0].plane.size_px
    image, mask = np.empty((total, size, size), np.int16), np.empty((total, size, size), np.uint8)
    spans, start = [], 0
    for case, indices in zip(cases, chosen, strict=True):
        stop = start + len(indices)
        np.take(case.image, indices, axis=0, out=image[start:stop])
        np.take(case.mask, indices, axis=0, out=mask[start:stop])
        spans.append(CaseSpan(case.uid, case.patient, start, stop, case.plane, case.reference))
        start = stop
    return Pack(image, mask, tuple(spans), np.sum([case.foreground_hu for case in cases], axis=0, dtype=np.int64))


def _check(cases: Sequence[PreparedCase]) -> None:
    if not cases:
        raise ConfigError("no case to pack", got="0 cases", next_step="check the split: every part needs a patient")
    sizes = sorted({case.plane.size_px for case in cases})
    if len(sizes) > 1:
        raise ConfigError("cases of several sizes in one pack", got=sizes, allowed="one size")
    uids = [case.uid for case in cases]
    if twice := sorted({uid for uid in uids if uids.count(uid) > 1}):
        raise ConfigError("a case is in the pack twice", got=", ".join(twice), next_step="remove the duplicate scans")


def estimate_store_bytes(n_slices: int, sizes: Sequence[int]) -> int:
    """Bytes that `n_slices` prepared slices take in the object store at all `sizes` together.

    Two bytes a pixel for the image and one for the mask; the native reference masks are not included.
    """
    return n_slices * sum(_BYTES_A_PIXEL * size * size for size in sizes)
