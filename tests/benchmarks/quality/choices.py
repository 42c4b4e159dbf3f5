"""What all methods choose from: 120 configurations, each trained for the same number of epochs."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

EPOCHS = 12
"""Of a whole training. The study had 20; here an epoch has some 70 slices, there it had 616."""

BASE_FILTERS = {"unet": 4, "unet_resnet18": 8, "unet_resnet50": 8, "segnet": 4, "encoder_decoder": 4}
BATCH_SIZES = (4, 8, 16)
LEARNING_RATES = (1e-2, 1e-3, 1e-4, 1e-5)
SIZES_PX = (32, 64)
FIXED: Mapping[str, Any] = {"window": "study", "loss": "weighted_ce"}
"""Plain cross-entropy, the study's, finds no tumour at all within so few updates."""


@dataclass(frozen=True, slots=True, order=True)
class Choice:
    """One configuration."""

    architecture: str
    batch_size: int
    size: int
    learning_rate: float

    @property
    def graph(self) -> tuple[str, int, int]:
        """What decides the compiled network: trainings that agree in it share one."""
        return self.architecture, self.batch_size, self.size

    @classmethod
    def of(cls, architecture: str, parameters: Mapping[str, Any]) -> Choice:
        """From a proposal of the search."""
        return cls(architecture, parameters["batch_size"], parameters["size"], parameters["learning_rate"])


def choices() -> list[Choice]:
    """All of them, those with the same graph in a row."""
    return [Choice(*point) for point in itertools.product(BASE_FILTERS, BATCH_SIZES, SIZES_PX, LEARNING_RATES)]
