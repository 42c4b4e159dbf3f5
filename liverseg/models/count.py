"""Cost of an architecture from its definition alone: parameters, operations, feature maps. Imports no Keras."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from liverseg.models.blocks import Activation
from liverseg.models.specs import ArchitectureSpec, architecture, check_classes, check_size


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchitectureFacts:
    """What one architecture costs at one input size.

    Attributes:
        name, doc: from its spec.
        options: every option with its value.
        size_px: side of the square input.
        classes: output channels.
        parameters: all weights; `trainable` of them are learned, the others are running statistics.
        flops: operations of a forward pass over one slice, two a multiply-add, of convolutions alone. Normalisation,
            activations, pooling and upsampling are left out: they are below 2 % of it at the study's widths.
        feature_values: numbers in all feature maps that one slice makes on its way; training keeps about that many
            until the backward pass.
    """

    name: str
    doc: str
    options: Mapping[str, Any]
    size_px: int
    classes: int
    parameters: int
    trainable: int
    flops: int
    feature_values: int

    @property
    def non_trainable(self) -> int:
        """Running statistics of batch normalisation."""
        return self.parameters - self.trainable

    @property
    def gflops(self) -> float:
        """`flops` in units of 10⁹."""
        return self.flops / 1e9

    def as_dict(self) -> dict[str, Any]:
        """A flat dictionary of plain values, ready for JSON."""
        return {
            **asdict(self),
            "options": dict(self.options),
            "non_trainable": self.non_trainable,
            "gflops": self.gflops,
        }


@dataclass(frozen=True, slots=True)
class Shape:
    """A feature map of side × side × channels."""

    side: int
    channels: int

    @property
    def values(self) -> int:
        """How many numbers it holds."""
        return self.side * self.side * self.channels


@dataclass(slots=True)
class CountingBlocks:
    """The vocabulary of `liverseg.models.blocks` on shapes: adds up what the layers cost."""

    trainable: int = 0
    non_trainable: int = 0
    multiply_adds: int = 0
    feature_values: int = 0

    def conv(
        self, x: Shape, filters: int, *, name: str, kernel: int = 3, stride: int = 1, activation: Activation = "relu"
    ) -> Shape:
        """See `Blocks.conv`."""
        made = Shape(-(-x.side // stride), filters)
        return self._convolution(x, made, kernel=kernel, positions=made.side**2)

    def transposed(self, x: Shape, filters: int, *, name: str, kernel: int, activation: Activation = None) -> Shape:
        """See `Blocks.transposed`. Every input pixel is multiplied with the whole kernel, what `same` padding cuts
        off included.
        """
        return self._convolution(x, Shape(2 * x.side, filters), kernel=kernel, positions=x.side**2)

    def batch_norm(self, x: Shape, *, name: str, momentum: float) -> Shape:
        """See `Blocks.batch_norm`."""
        self.trainable += 2 * x.channels
        self.non_trainable += 2 * x.channels
        return self._made(x)

    def relu(self, x: Shape, *, name: str) -> Shape:
        """See `Blocks.relu`."""
        return self._made(x)

    def max_pool(self, x: Shape, *, name: str, window: int = 2) -> Shape:
        """See `Blocks.max_pool`."""
        return self._made(Shape(-(-x.side // 2), x.channels))

    def upsample(self, x: Shape, *, name: str) -> Shape:
        """See `Blocks.upsample`."""
        return self._made(Shape(2 * x.side, x.channels))

    def concatenate(self, parts: Sequence[Shape], *, name: str) -> Shape:
        """See `Blocks.concatenate`."""
        (side,) = {part.side for part in parts}
        return self._made(Shape(side, sum(part.channels for part in parts)))

    def add(self, first: Shape, second: Shape, *, name: str) -> Shape:
        """See `Blocks.add`."""
        assert first == second, f"{name}: {first} and {second} cannot be added"
        return self._made(first)

    def logits(self, x: Shape, classes: int) -> Shape:
        """See `Blocks.logits`."""
        return self.conv(x, classes, kernel=1, activation=None, name="logits")

    def _convolution(self, x: Shape, made: Shape, *, kernel: int, positions: int) -> Shape:
        weights = kernel * kernel * x.channels * made.channels
        self.trainable += weights + made.channels
        self.multiply_adds += weights * positions
        return self._made(made)

    def _made(self, shape: Shape) -> Shape:
        self.feature_values += shape.values
        return shape


def describe(
    name: str, size_px: int = 128, options: Mapping[str, Any] | None = None, *, classes: int = 3
) -> ArchitectureFacts:
    """Cost of the architecture called `name` at one input size.

    Takes well under a millisecond and loads no Keras, except for plug-ins that can only be counted when built.

    Raises:
        ConfigError: unknown name, option or impossible value.
    """
    spec = architecture(name)
    resolved = spec.resolve_options(options)
    counted = _count(spec, check_size(size_px), resolved, check_classes(classes))
    return ArchitectureFacts(
        name=name,
        doc=spec.doc,
        options=resolved,
        size_px=size_px,
        classes=classes,
        parameters=counted.trainable + counted.non_trainable,
        trainable=counted.trainable,
        flops=2 * counted.multiply_adds,
        feature_values=counted.feature_values,
    )


def _count(spec: ArchitectureSpec, size_px: int, options: Mapping[str, Any], classes: int) -> CountingBlocks:
    if not spec.countable:
        return _count_built(spec, size_px, options, classes)
    blocks = CountingBlocks()
    assemble = importlib.import_module(spec.module).assemble
    assemble(blocks, Shape(size_px, 1), classes=classes, **(spec.fixed or {}), **options)
    return blocks


def _count_built(spec: ArchitectureSpec, size_px: int, options: Mapping[str, Any], classes: int) -> CountingBlocks:
    from liverseg.models.build import build_model, count_feature_values, count_flops, count_parameters

    model = build_model(spec.name, size_px=size_px, classes=classes, options=options)
    trainable, non_trainable = count_parameters(model)
    return CountingBlocks(trainable, non_trainable, count_flops(model) // 2, count_feature_values(model))
