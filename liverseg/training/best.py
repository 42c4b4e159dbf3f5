"""The best epoch so far, and how long ago it was."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from liverseg.inference.pictures import Picture
from liverseg.metrics.score import CaseScore
from liverseg.training.record import EpochRecord

Weights = tuple[npt.NDArray[np.generic], ...]


@dataclass(frozen=True, slots=True)
class BestEpoch:
    """The epoch that ranks a training.

    Attributes:
        record: its numbers.
        cases: its scores of every validation scan.
        pictures: its pictures.
        weights: the network's variables after it, in the order of the model.
    """

    record: EpochRecord
    cases: tuple[CaseScore, ...]
    pictures: tuple[Picture, ...]
    weights: Weights


def improves(candidate: float, best: float | None) -> bool:
    """Whether an epoch with this validation score takes the place of the best.

    The highest score wins, of equal ones the earliest. NaN never beats a number; while no epoch has a number, the last
    one counts.
    """
    if best is None or math.isnan(best):
        return True
    return candidate > best


def epochs_without_gain(scores: list[float]) -> int:
    """Epochs since the highest validation score; all of them when none is a number."""
    best, at = -math.inf, 0
    for epoch, score in enumerate(scores, start=1):
        if score > best:
            best, at = score, epoch
    return len(scores) - at
