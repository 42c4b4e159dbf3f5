"""From a name to a Keras loss."""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from liverseg.errors import ConfigError
from liverseg.losses.specs import loss
from liverseg.models.specs import check_classes

if TYPE_CHECKING:
    import keras


def build_loss(name: str, *, classes: int, class_weights: Sequence[float] | None = None) -> keras.losses.Loss:
    """The loss called `name`: labels (b, h, w) and logits (b, h, w, classes) → float32 scalar. See
    `SegmentationLoss`. Imports Keras.

    Args:
        name: a registered loss.
        classes: channels of the logits, background included.
        class_weights: one finite weight from 0 up for each class; `inverse_frequency_weights` makes them from the
            training masks. Only losses whose spec says `needs_class_weights` use them.

    Raises:
        ConfigError: unknown loss, impossible number of classes, weights missing or unusable.
    """
    spec = loss(name)
    check_classes(classes)
    weights = None if class_weights is None else _check_weights(name, class_weights, classes)
    if weights is None and spec.needs_class_weights:
        raise ConfigError(
            "this loss needs class weights",
            where=name,
            next_step="pass class_weights=inverse_frequency_weights(pixels of each class in the training masks)",
        )
    module, _, factory = spec.factory.partition(":")
    return getattr(importlib.import_module(module), factory)(classes=classes, class_weights=weights)


def _check_weights(name: str, class_weights: Sequence[float], classes: int) -> tuple[float, ...]:
    weights = tuple(float(weight) for weight in class_weights)
    if len(weights) == classes and all(math.isfinite(weight) and weight >= 0 for weight in weights) and any(weights):
        return weights
    raise ConfigError(
        "unusable class weights",
        where=f"{name}.class_weights",
        got=weights,
        allowed=f"{classes} finite numbers from 0, not all 0",
    )
