"""The vocabulary of `liverseg.models.blocks` as Keras layers. Imports Keras."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras

from liverseg.models.batch_norm import FusedBatchNormalization
from liverseg.models.blocks import Activation

CHANNELS_LAST = "channels_last"


def layer_seed(seed: int, layer_name: str) -> int:
    """Seed of one layer's initial weights, 31 bits: depends on the layer's name, not on the order in which layers are
    made.
    """
    digest = hashlib.sha256(f"{seed}/{layer_name}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


@dataclass(frozen=True, slots=True)
class KerasBlocks:
    """Makes Keras layers whose precision, data format and initial weights depend on no global setting.

    Kernels start Glorot-uniform and biases at zero, which is what the study's networks started from.

    Attributes:
        seed: all initial weights derive from it.
        precision: dtype policy of every layer but the last, for example `float32`.
    """

    seed: int
    precision: str

    def conv(
        self, x: Any, filters: int, *, name: str, kernel: int = 3, stride: int = 1, activation: Activation = "relu"
    ) -> Any:
        """See `Blocks.conv`."""
        return self._conv(name, filters=filters, kernel_size=kernel, strides=stride, activation=activation)(x)

    def transposed(self, x: Any, filters: int, *, name: str, kernel: int, activation: Activation = None) -> Any:
        """See `Blocks.transposed`."""
        layer = keras.layers.Conv2DTranspose(
            filters,
            kernel,
            strides=2,
            padding="same",
            activation=activation,
            kernel_initializer=self.initial(name),
            data_format=CHANNELS_LAST,
            dtype=self.precision,
            name=name,
        )
        return layer(x)

    def batch_norm(self, x: Any, *, name: str, momentum: float) -> Any:
        """See `Blocks.batch_norm`."""
        return FusedBatchNormalization(axis=-1, momentum=momentum, dtype=self.precision, name=name)(x)

    def relu(self, x: Any, *, name: str) -> Any:
        """See `Blocks.relu`."""
        return keras.layers.Activation("relu", dtype=self.precision, name=name)(x)

    def max_pool(self, x: Any, *, name: str, window: int = 2) -> Any:
        """See `Blocks.max_pool`."""
        layer = keras.layers.MaxPooling2D(
            window, strides=2, padding="same", data_format=CHANNELS_LAST, dtype=self.precision, name=name
        )
        return layer(x)

    def upsample(self, x: Any, *, name: str) -> Any:
        """See `Blocks.upsample`. Keeps the dtype of `x`: logits stay in 32 bits."""
        return keras.layers.UpSampling2D(2, data_format=CHANNELS_LAST, dtype=x.dtype, name=name)(x)

    def concatenate(self, parts: Sequence[Any], *, name: str) -> Any:
        """See `Blocks.concatenate`."""
        return keras.layers.Concatenate(axis=-1, dtype=self.precision, name=name)(list(parts))

    def add(self, first: Any, second: Any, *, name: str) -> Any:
        """See `Blocks.add`."""
        return keras.layers.Add(dtype=self.precision, name=name)([first, second])

    def logits(self, x: Any, classes: int) -> Any:
        """See `Blocks.logits`."""
        return self._conv("logits", filters=classes, kernel_size=1, dtype="float32")(x)

    def _conv(self, name: str, **arguments: Any) -> Any:
        settings = {"padding": "same", "data_format": CHANNELS_LAST, "dtype": self.precision, "name": name, **arguments}
        return keras.layers.Conv2D(kernel_initializer=self.initial(name), **settings)

    def initial(self, name: str) -> Any:
        """Initialiser of the kernel of the layer called `name`."""
        return initial_kernel(name, self.seed)


def initial_kernel(layer_name: str, seed: int) -> Any:
    """Initialiser of one layer's kernel, Glorot-uniform."""
    return keras.initializers.GlorotUniform(seed=layer_seed(seed, layer_name))
