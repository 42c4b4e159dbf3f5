"""An architecture as an outside package would bring it: its spec, and layers that it makes itself."""

from __future__ import annotations

from typing import Any

import keras

from liverseg.models import ArchitectureSpec, OptionSpec
from liverseg.models.keras_blocks import KerasBlocks

SPEC = ArchitectureSpec(
    name="plugged",
    doc="two convolutions around a depthwise and a separable one",
    module="tests.liverseg.models.plugged_network",
    options=(OptionSpec(name="width", kind="int", default=6, low=2, high=64, doc="filters"),),
    countable=False,
)

WRONG_KIND = "not a spec"


def assemble(blocks: KerasBlocks, image: Any, *, classes: int, width: int) -> Any:
    x = blocks.conv(image, width, name="first")
    x = keras.layers.DepthwiseConv2D(
        3, padding="same", depthwise_initializer=blocks.initial("depth"), dtype=blocks.precision, name="depth"
    )(x)
    x = keras.layers.SeparableConv2D(
        width,
        3,
        padding="same",
        depthwise_initializer=blocks.initial("separable_depth"),
        pointwise_initializer=blocks.initial("separable_point"),
        dtype=blocks.precision,
        name="separable",
    )(x)
    return blocks.logits(x, classes)
