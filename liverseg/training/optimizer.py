"""The gradient descent rules by name."""

from __future__ import annotations

from typing import Any

import keras

from liverseg.errors import ConfigError
from liverseg.training.fused_adam import FusedAdam, FusedAdamW

SGD_MOMENTUM = 0.9


def build_optimizer(name: str, *, learning_rate: float, weight_decay: float = 0.0) -> Any:
    """A fresh Keras optimizer.

    Args:
        name: `adam` (Kingma and Ba 2015), `adamw` (Loshchilov and Hutter 2019) or `sgd` with Nesterov momentum 0.9.
        learning_rate: rate until a schedule assigns another.
        weight_decay: decoupled decay of `adamw` and `sgd`; `adam` has none.

    Raises:
        ConfigError: no optimizer has that name.
    """
    if name == "adam":
        return FusedAdam(learning_rate=learning_rate)
    if name == "adamw":
        return FusedAdamW(learning_rate=learning_rate, weight_decay=weight_decay)
    if name == "sgd":
        return keras.optimizers.SGD(
            learning_rate=learning_rate, momentum=SGD_MOMENTUM, nesterov=True, weight_decay=weight_decay or None
        )
    raise ConfigError("unknown optimizer", where="optimizer", got=name, allowed="adam | adamw | sgd")
