"""Sums over the blocks of one scan and its mask: extremes, label counts, the liver's HU, a digest of the voxels."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from liverseg.volume import Header, Voxels, to_hu

HU16 = npt.NDArray[np.int16]
_VALUES = 1 << 16
_CHUNK = 1 << 17
"""Voxels counted at a time: NumPy counts in 8 bytes a voxel, which are to stay in the processor's cache."""


@dataclass(slots=True)
class Measured:
    """Running sums; grows block by block.

    Attributes:
        hu_min, hu_max: extremes so far; infinite before the first block.
        voxels: voxels of the mask seen.
        counts: voxels labelled 1 and labelled 2.
        liver_hu_sum: sum of HU over voxels labelled 1 or 2.
        digest: SHA-256 over shape and rounded HU.
        often: how often each rounded HU is there, int64 `(65536,)`, −1 and less behind the others.
    """

    hu_min: float = math.inf
    hu_max: float = -math.inf
    voxels: int = 0
    counts: tuple[int, int] = (0, 0)
    liver_hu_sum: float = 0.0
    digest: Any = field(default_factory=hashlib.sha256)
    often: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(_VALUES, np.int64))

    def add_image(self, hu: npt.NDArray[Any]) -> None:
        """Count one block of HU, any real dtype."""
        if self.hu_min == math.inf:
            self.digest.update(repr(hu.shape[:2]).encode())
        self.hu_min = min(self.hu_min, float(hu.min()))
        self.hu_max = max(self.hu_max, float(hu.max()))
        ordered = np.ascontiguousarray(_rounded(hu).T)
        self.digest.update(ordered)
        flat = ordered.reshape(-1).view(np.uint16)
        for first in range(0, flat.size, _CHUNK):
            self.often += np.bincount(flat[first : first + _CHUNK], minlength=_VALUES)

    def add_mask(self, labels: npt.NDArray[np.uint8], hu: npt.NDArray[Any] | None) -> None:
        """Count one block of labels, and the HU below them when the grids agree."""
        self.voxels += labels.size
        foreground = int(np.count_nonzero(labels))
        if not foreground:
            return
        tumour = int(np.count_nonzero(labels == 2))
        self.counts = (self.counts[0] + foreground - tumour, self.counts[1] + tumour)
        if hu is not None:
            self.liver_hu_sum += float(hu[labels > 0].sum(dtype=np.float64))

    def values_sha256(self, shape: tuple[int, ...]) -> str:
        """SHA-256 over the sides of the grid and the HU, both in any order: that of a copy that was turned or mirrored too."""
        return hashlib.sha256(repr(sorted(shape)).encode() + self.often.astype("<i8").tobytes()).hexdigest()

    @property
    def labels(self) -> tuple[int, ...]:
        """Label values present, ascending."""
        counts = (self.voxels - sum(self.counts), *self.counts)
        return tuple(label for label, count in enumerate(counts) if count)

    @property
    def liver_hu(self) -> float | None:
        """Mean HU of what is labelled 1 or 2; None when nothing is."""
        foreground = sum(self.counts)
        return self.liver_hu_sum / foreground if foreground else None


def hu_of(raw: Voxels, header: Header, case: str) -> npt.NDArray[Any]:
    """HU of stored voxels: the array itself where nothing has to be computed, else float32.

    Raises:
        DataError: rule N4, a value that is not finite.
    """
    return raw if raw.dtype.kind in "iu" and not header.scaled else to_hu(raw, header, case=case)


def _rounded(hu: npt.NDArray[Any]) -> HU16:
    rounded: HU16 = hu if hu.dtype == np.int16 else np.clip(np.rint(hu), -32768, 32767).astype(np.int16)
    return rounded
