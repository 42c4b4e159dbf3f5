"""The training losses: names without Keras, Keras losses on demand."""

from __future__ import annotations

from liverseg.losses.build import build_loss
from liverseg.losses.specs import LOSSES, LossSpec, loss, losses
from liverseg.losses.weights import inverse_frequency_weights

__all__ = ["LOSSES", "LossSpec", "build_loss", "inverse_frequency_weights", "loss", "losses"]
