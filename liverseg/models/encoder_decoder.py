"""The study's own plain network: an encoder, a decoder, no skip connections."""

from __future__ import annotations

from liverseg.models.blocks import Blocks, T, conv_relu_norms

# Widths in units of the base width.
ENCODER = (1, 2, 4)
DECODER = (8, 4, 2)


def assemble(blocks: Blocks[T], image: T, *, classes: int, base_filters: int, batch_norm_momentum: float) -> T:
    """Logits (n, s, s, classes) of an image (n, s, s, 1).

    Pairs of convolution, ReLU and batch normalisation of 1, 2, 4 times `base_filters`, each followed by pooling;
    pairs of 8, 4, 2 times, each followed by nearest upsampling; a last pair of 1 times.
    """

    def pair(x: T, unit: int, name: str) -> T:
        return conv_relu_norms(blocks, x, [base_filters * unit] * 2, name=name, momentum=batch_norm_momentum)

    x = image
    for level, unit in enumerate(ENCODER, start=1):
        x = blocks.max_pool(pair(x, unit, f"down{level}"), name=f"down{level}_pool")
    for level, unit in zip(range(len(DECODER), 0, -1), DECODER, strict=True):
        x = blocks.upsample(pair(x, unit, f"up{level}"), name=f"up{level}_upsample")
    return blocks.logits(pair(x, 1, "up0"), classes)
