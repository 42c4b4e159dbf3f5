"""How far the epoch that is being trained has come."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from liverseg.training.record import EpochRecord


@dataclass(slots=True)
class EpochPart:
    """The batches done since the last whole epoch; the next one to train has position `batches`.

    Validation has no part of its own: it changes nothing, so one that was interrupted is done again from its start.

    Attributes:
        losses: losses of the batches, in order.
        learning_rate: rate of the last of them; NaN before the first.
        seconds: time that they took.
    """

    losses: list[float] = field(default_factory=list)
    learning_rate: float = math.nan
    seconds: float = 0.0

    @property
    def batches(self) -> int:
        """Batches done."""
        return len(self.losses)

    def whole(
        self, *, epoch: int, updates: int, metrics: Mapping[str, float | int], ms_per_slice: float, seconds: float
    ) -> EpochRecord:
        """The record of the epoch that these batches make, once it has been validated.

        Args:
            epoch: its number, from 1.
            updates: since the beginning of the training, these included.
            metrics: of the validation.
            ms_per_slice: milliseconds a validation slice took.
            seconds: training and validation together.
        """
        return EpochRecord(
            epoch=epoch,
            updates=updates,
            loss=math.fsum(self.losses) / self.batches,
            val_dice=metrics["val_dice"],
            learning_rate=self.learning_rate,
            seconds=seconds,
            train_seconds=self.seconds,
            inference_ms_per_slice=ms_per_slice,
            metrics=metrics,
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; NaN is None."""
        rate = None if math.isnan(self.learning_rate) else self.learning_rate
        return {"losses": list(self.losses), "learning_rate": rate, "seconds": self.seconds}

    @classmethod
    def from_dict(cls, row: Mapping[str, Any] | None) -> EpochPart:
        """Rebuild from `as_dict`; None (checkpoints of version 1 have no part) is nothing done."""
        if row is None:
            return cls()
        rate = row["learning_rate"]
        return cls([float(loss) for loss in row["losses"]], math.nan if rate is None else float(rate), row["seconds"])
