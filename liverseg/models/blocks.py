"""The vocabulary in which the networks are written, independent of what interprets it.

A network is a function `assemble(blocks, image, *, classes, **options)` over `Blocks[T]`. Two interpreters exist: one
makes Keras layers (`liverseg.models.keras_blocks`), one adds up parameters and operations and needs no Keras
(`liverseg.models.count`). One definition serves both, so a printed cost cannot disagree with the network that is
trained.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, Protocol, TypeVar

T = TypeVar("T")

Activation = Literal["relu"] | None


class Blocks(Protocol[T]):
    """Layers on feature maps of shape (n, side, side, channels), channels last.

    Names are unique in a network and fixed: a layer's initial weights derive from its name and the seed.
    """

    def conv(
        self, x: T, filters: int, *, name: str, kernel: int = 3, stride: int = 1, activation: Activation = "relu"
    ) -> T:
        """Convolution with bias and `same` padding."""
        ...

    def transposed(self, x: T, filters: int, *, name: str, kernel: int, activation: Activation = None) -> T:
        """Transposed convolution of stride 2 with bias and `same` padding: doubles the side."""
        ...

    def batch_norm(self, x: T, *, name: str, momentum: float) -> T:
        """Batch normalisation over the channels with learned scale and shift; statistics in 32 bits."""
        ...

    def relu(self, x: T, *, name: str) -> T:
        """The positive part, where it cannot ride on a convolution."""
        ...

    def max_pool(self, x: T, *, name: str, window: int = 2) -> T:
        """Maximum over a window with stride 2 and `same` padding: halves the side."""
        ...

    def upsample(self, x: T, *, name: str) -> T:
        """Nearest neighbour: doubles the side."""
        ...

    def concatenate(self, parts: Sequence[T], *, name: str) -> T:
        """Feature maps of one side, put one after another along the channels."""
        ...

    def add(self, first: T, second: T, *, name: str) -> T:
        """Sum of two feature maps of one shape."""
        ...

    def logits(self, x: T, classes: int) -> T:
        """The final 1×1 convolution, computed and returned in 32 bits whatever the precision of the rest."""
        ...


def conv_pair(blocks: Blocks[T], x: T, filters: int, *, name: str) -> T:
    """Two 3×3 convolutions with ReLU."""
    x = blocks.conv(x, filters, name=f"{name}_conv1")
    return blocks.conv(x, filters, name=f"{name}_conv2")


def conv_relu_norms(blocks: Blocks[T], x: T, widths: Iterable[int], *, name: str, momentum: float) -> T:
    """For each width a 3×3 convolution with ReLU, then batch normalisation of the activated values."""
    for number, filters in enumerate(widths, start=1):
        x = blocks.conv(x, filters, name=f"{name}_conv{number}")
        x = blocks.batch_norm(x, name=f"{name}_norm{number}", momentum=momentum)
    return x


def conv_norm(
    blocks: Blocks[T], x: T, filters: int, *, name: str, momentum: float, kernel: int = 3, stride: int = 1
) -> T:
    """A convolution without activation, then batch normalisation."""
    x = blocks.conv(x, filters, kernel=kernel, stride=stride, activation=None, name=f"{name}_conv")
    return blocks.batch_norm(x, name=f"{name}_norm", momentum=momentum)
