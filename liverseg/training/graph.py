"""What of a training decides its graph: the operations that a backend traces and compiles, which costs seconds.

Everything else is a variable that a compiled network reads: learning rate, weight decay, class weights, initial weights,
and with them the seed; or it changes only what is fed in: window, augmentation, schedule, lengths and limits. Imports no Keras.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from liverseg.config import TrainConfig
from liverseg.models.specs import architecture

Option = tuple[str, object]
DECAYING = ("adamw", "sgd")
"""Optimizers with a weight decay; others ignore it."""


@dataclass(frozen=True, slots=True)
class Graph:
    """Two trainings with equal graphs can be trained by one compiled network, one after the other.

    Attributes:
        architecture: name.
        options: every option of the architecture with its value.
        size_px, classes, batch_size: shapes.
        loss, optimizer: by name.
        decays: whether the optimizer has a weight decay at all; how much it is, is a variable.
        mixed_precision, xla: how it is computed.
    """

    architecture: str
    options: tuple[Option, ...]
    size_px: int
    classes: int
    batch_size: int
    loss: str
    optimizer: str
    decays: bool
    mixed_precision: bool
    xla: bool

    @property
    def label(self) -> str:
        """The architecture's name and eight hex digits that stand for the rest."""
        return f"{self.architecture}-{zlib.crc32(repr(self).encode()):08x}"


def graph_of(config: TrainConfig) -> Graph:
    """The graph that a training needs.

    Raises:
        ConfigError: unknown architecture or option.
    """
    options: Mapping[str, object] = architecture(config.architecture).resolve_options(config.options)
    return Graph(
        architecture=config.architecture,
        options=tuple(options.items()),
        size_px=config.get("size"),
        classes=config.classes,
        batch_size=config.get("batch_size"),
        loss=config.get("loss"),
        optimizer=config.get("optimizer"),
        decays=config.get("optimizer") in DECAYING and config.get("weight_decay") > 0,
        mixed_precision=config.get("mixed_precision"),
        xla=config.get("xla"),
    )
