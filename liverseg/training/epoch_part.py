"""How far the epoch that is being trained has come."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


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
