"""A network's initial weights once more, for a model that was trained and is to begin anew. Imports Keras."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from liverseg.models.build import build_model
from liverseg.models.keras_blocks import initial_kernel
from liverseg.models.specs import architecture

_CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.Conv2DTranspose)


def set_initial_weights(
    model: keras.Model,
    *,
    size_px: int,
    classes: int,
    options: Mapping[str, Any] | None,
    mixed_precision: bool,
    seed: int,
) -> None:
    """Give every variable of a model the value that `build_model` would have given it with this seed, bit for bit.

    A network that is made of `Blocks` alone has convolutions and batch normalisations, whose beginnings are known: they are
    drawn again, in a tenth of the time that building it takes. Of any other, one is built and copied.

    Args:
        model: made by `build_model` with these arguments and any seed.
        size_px: as it was made with.
        classes: as it was made with.
        options: as it was made with.
        mixed_precision: as it was made with.
        seed: of the weights that it is to have.
    """
    if made_of_blocks(model.name):
        for layer in model.layers:
            _begin_anew(layer, seed)
        return
    fresh = build_model(
        model.name, size_px=size_px, classes=classes, options=options, mixed_precision=mixed_precision, seed=seed
    )
    for variable, value in zip(model.variables, fresh.variables, strict=True):
        variable.assign(value.value)


def made_of_blocks(name: str) -> bool:
    """Whether a network is made of `Blocks` alone, so that every layer's beginning is known."""
    return architecture(name).countable


def _begin_anew(layer: keras.Layer, seed: int) -> None:
    """Draw a layer's kernel again; everything else begins at a constant."""
    if isinstance(layer, _CONVOLUTIONS):
        layer.kernel.assign(initial_kernel(layer.name, seed)(layer.kernel.shape, dtype=layer.kernel.dtype))
        layer.bias.assign(keras.ops.zeros_like(layer.bias))
    elif isinstance(layer, keras.layers.BatchNormalization):
        for variable in (layer.beta, layer.moving_mean):
            variable.assign(keras.ops.zeros_like(variable))
        for variable in (layer.gamma, layer.moving_variance):
            variable.assign(keras.ops.ones_like(variable))
    else:
        assert not layer.variables, f"no beginning is known for layer {layer.name}"
