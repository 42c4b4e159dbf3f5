"""What ends a training at a batch: a loss that is not finite, a deadline that has passed."""

from __future__ import annotations

import math

from liverseg.errors import DeadlineError, NonFiniteError


def check_loss(loss: float, *, epoch: int, batch: int) -> float:
    """The loss of a batch, both numbers counted from 1.

    Raises:
        NonFiniteError: it is NaN or infinite.
    """
    if not math.isfinite(loss):
        raise NonFiniteError(
            "the loss is not finite",
            where=f"epoch {epoch}, batch {batch}",
            got=loss,
            next_step="lower learning_rate, or turn mixed_precision off",
        )
    return loss


def check_deadline(spent_s: float, limit_s: float | None, *, epoch: int) -> None:
    """Let a training go on that has spent no more than its limit; None is no limit.

    Raises:
        DeadlineError: it has spent more.
    """
    if limit_s is not None and spent_s > limit_s:
        raise DeadlineError(
            "the training ran past its deadline",
            where=f"epoch {epoch}",
            got=f"{spent_s:.0f} s",
            allowed=f"{limit_s:g} s",
            next_step="raise the deadline, or lower epochs, size or the network's width",
        )
