"""The gradient descent rules by name."""

from __future__ import annotations

from typing import Any

import keras

from liverseg.errors import ConfigError
from liverseg.live_value import is_live, live
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
        return _decaying(FusedAdamW(learning_rate=learning_rate, weight_decay=weight_decay))
    if name == "sgd":
        rule = keras.optimizers.SGD(
            learning_rate=learning_rate, momentum=SGD_MOMENTUM, nesterov=True, weight_decay=weight_decay or None
        )
        return _decaying(rule)
    raise ConfigError("unknown optimizer", where="optimizer", got=name, allowed="adam | adamw | sgd")


def begin_anew(optimizer: Any, *, learning_rate: float, weight_decay: float) -> None:
    """Make an optimizer of `build_optimizer` what it was before its first update, with these rates.

    Counters and moments begin at zero. A weight decay can be changed, but neither begun nor ended: that changes the graph.
    """
    for variable in optimizer.variables:
        variable.assign(keras.ops.zeros_like(variable))
    optimizer.learning_rate = learning_rate
    if weight_decay > 0 and is_live(optimizer.weight_decay):
        optimizer.weight_decay.assign(weight_decay)


def _decaying(optimizer: Any) -> Any:
    if optimizer.weight_decay:
        optimizer.weight_decay = live(optimizer.weight_decay, "weight_decay")
    return optimizer
