"""The slices of a scan that can be looked at, and which of them tell most."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from results.errors import ResultsError

Bytes = npt.NDArray[np.uint8]
_SHOWN = 6


@dataclass(frozen=True, slots=True)
class ScanView:
    """Slices seen from the feet, rows from front to back, columns from the patient's right to left; feet first.

    Attributes:
        image: uint8 `(count, rows, columns)`, from black at `range_hu[0]` to white at `range_hu[1]`; square pixels.
        labels: uint8 of the same shape: 0 background, 1 liver, 2 tumour.
        slices: position of each in the scan, from 0 at the feet, rising.
        positions_mm: of each, on the axis from feet to head.
        depth: slices of the whole scan.
        pixel_mm: side of a pixel.
        range_hu: of black and white.
    """

    image: Bytes
    labels: Bytes
    slices: tuple[int, ...]
    positions_mm: tuple[float, ...]
    depth: int
    pixel_mm: float
    range_hu: tuple[float, float]

    def __post_init__(self) -> None:
        if fault := self._fault():
            raise ResultsError(
                "slices that do not fit together", got=fault, allowed="see results.scan_page.view.ScanView"
            )

    @classmethod
    def of(cls, slices: Any) -> ScanView:
        """From anything with the same attributes.

        Raises:
            ResultsError: they do not fit together.
        """
        return cls(**{name: getattr(slices, name) for name in cls.__slots__})

    def _fault(self) -> str:
        count = len(self.slices)
        if self.image.ndim != 3 or self.image.shape != self.labels.shape or 0 in self.image.shape:
            return f"pictures {self.image.shape}, labels {self.labels.shape}"
        if not (self.image.dtype == self.labels.dtype == np.uint8) or self.labels.max() > 2:
            return f"pictures {self.image.dtype}, labels {self.labels.dtype} up to {self.labels.max()}"
        if not len(self.image) == count == len(self.positions_mm) or list(self.slices) != sorted(set(self.slices)):
            return f"{len(self.image)} pictures, {count} slices, {len(self.positions_mm)} positions"
        low, high = self.range_hu
        if not (self.slices[0] >= 0 and self.slices[-1] < self.depth and low < high and self.pixel_mm > 0):
            return f"slices {self.slices[0]} to {self.slices[-1]} of {self.depth}, {low} to {high} HU"
        return "" if all(map(math.isfinite, (*self.positions_mm, low, high, self.pixel_mm))) else "numbers not finite"

    def place_of(self, position: int) -> int:
        """The shown slice that lies nearest to a slice of the scan."""
        return int(np.abs(np.array(self.slices) - position).argmin())

    def pixels(self, label: int) -> npt.NDArray[np.int64]:
        """Pixels with this label or a higher one on each slice, int64 `(count,)`."""
        return np.asarray(np.count_nonzero(self.labels >= label, axis=(1, 2)), np.int64)

    def start(self, tumours: Sequence[int] = ()) -> int:
        """Where to begin: at the first of the tumours' slices, else with most tumour, most liver, in the middle."""
        if tumours:
            return self.place_of(tumours[0])
        for label in (2, 1):
            counts = self.pixels(label)
            if counts.any():
                return int(counts.argmax())
        return len(self.slices) // 2

    def telling(self, tumours: Sequence[int] = (), count: int = _SHOWN) -> tuple[int, ...]:
        """Places of up to `count` slices that tell most, rising: of up to half as many tumours, and of the liver evenly.

        Args:
            tumours: a slice of the scan for each tumour, the most important first.
            count: at least 1.
        """
        found = list(dict.fromkeys(self.place_of(position) for position in tumours))[: max(1, count // 2)]
        liver = np.flatnonzero(self.pixels(1))
        first, last = (int(liver[0]), int(liver[-1])) if liver.size else (0, len(self.slices) - 1)
        if not found:
            return tuple(sorted({first + int((last - first) * (2 * k + 1) / (2 * count)) for k in range(count)}))
        # The ends of the liver show little of it. Each further slice is as far from those taken as can be.
        inner = (last - first) // 10
        places = np.arange(first + inner, last - inner + 1)
        while len(found) < min(count, len(places)):
            found.append(int(places[np.abs(places[:, None] - np.array(found)).min(axis=1).argmax()]))
        return tuple(sorted(set(found)))
