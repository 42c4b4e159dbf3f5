"""From a name to a Keras model, and the cost of a model that was built. Imports Keras."""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import keras

from liverseg.errors import ConfigError
from liverseg.models.keras_blocks import KerasBlocks
from liverseg.models.specs import architecture, check_classes, check_size

FULL_PRECISION = "float32"
MIXED_PRECISION = "mixed_bfloat16"
"""bfloat16 rather than float16 on every device: it has float32's range, so small gradients survive without loss
scaling, whose state would have to travel in checkpoints, and CPUs, TPUs and GPUs since Ampere all compute in it.
Older GPUs emulate it and gain nothing."""


class ParameterCount(NamedTuple):
    """Weights of a model."""

    trainable: int
    non_trainable: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.trainable + self.non_trainable


def build_model(
    name: str,
    *,
    size_px: int,
    classes: int = 3,
    options: Mapping[str, Any] | None = None,
    mixed_precision: bool = False,
    seed: int = 0,
) -> keras.Model:
    """An untrained network: slices (n, s, s, 1) float32 → logits (n, s, s, classes) float32.

    Args:
        name: a registered architecture.
        size_px: s, a multiple of 32.
        classes: output channels, background included.
        options: the architecture's own options; missing ones take their default.
        mixed_precision: compute in bfloat16; weights, running statistics, the last convolution and the logits stay
            float32. Concerns this model alone: no global policy is touched.
        seed: the same seed gives the same initial weights, whatever was built before.

    Raises:
        ConfigError: unknown architecture or option, impossible value, size not divisible by 32.
    """
    spec = architecture(name)
    resolved = spec.resolve_options(options)
    size_px, classes = check_size(size_px), check_classes(classes)
    blocks = KerasBlocks(seed=_check_seed(seed), precision=MIXED_PRECISION if mixed_precision else FULL_PRECISION)
    image = keras.Input(shape=(size_px, size_px, 1), dtype=FULL_PRECISION, name="slice")
    assemble = importlib.import_module(spec.module).assemble
    return keras.Model(image, assemble(blocks, image, classes=classes, **(spec.fixed or {}), **resolved), name=name)


def count_parameters(model: keras.Model) -> ParameterCount:
    """Numbers in the model's weights; the state of random generators does not count."""
    return ParameterCount(_numbers(model.trainable_weights), _numbers(model.non_trainable_weights))


def count_flops(model: keras.Model) -> int:
    """Operations of a forward pass over one slice, two a multiply-add, of convolutions and dense layers alone.

    A transposed convolution multiplies every input pixel with its whole kernel. Every layer counts once, wherever it
    is called from.
    """
    return 2 * sum(_multiply_adds(layer) for layer in model.layers)


def count_feature_values(model: keras.Model) -> int:
    """Numbers in the outputs of all layers but the input, for one slice."""
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    return sum(math.prod(layer.output.shape[1:]) for layer in layers)


def _multiply_adds(layer: keras.Layer) -> int:
    if isinstance(layer, keras.layers.Conv2DTranspose):
        return math.prod(layer.kernel.shape) * math.prod(layer.input.shape[1:-1])
    if isinstance(layer, keras.layers.SeparableConv2D):
        kernels = [layer.depthwise_kernel, layer.pointwise_kernel]
    elif isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D | keras.layers.Dense):
        kernels = [layer.kernel]
    else:
        return 0
    return _numbers(kernels) * math.prod(layer.output.shape[1:-1])


def _numbers(weights: list[Any]) -> int:
    return sum(math.prod(weight.shape) for weight in weights)


def _check_seed(seed: object) -> int:
    if isinstance(seed, int) and not isinstance(seed, bool) and seed >= 0:
        return seed
    raise ConfigError("impossible seed", where="seed", got=repr(seed), allowed="whole number from 0")
