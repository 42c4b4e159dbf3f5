"""SegNet as the study has it: VGG-16 encoder, decoder with nearest upsampling that concatenates pooled feature maps.

The paper (Badrinarayanan, Kendall, Cipolla 2017) hands pooling indices to the decoder instead.
"""

from __future__ import annotations

from liverseg.models.blocks import Blocks, T, conv_relu_norms

# Widths in units of the base width.
ENCODER = ((1, 1), (2, 2), (4, 4, 4), (8, 8, 8), (8, 8, 8))
BOTTLENECK = (8, 8, 8)
DECODER = ((8, 8, 4), (4, 4, 2), (2, 1), (1, 1))


def assemble(blocks: Blocks[T], image: T, *, classes: int, base_filters: int, batch_norm_momentum: float) -> T:
    """Logits (n, s, s, classes) of an image (n, s, s, 1).

    The study upsamples once more and then applies the final 1×1 convolution. Here the convolution comes first: both
    act on each pixel alone, so the result is the same and the widest full-resolution map of the network is never made.
    """

    def group(x: T, units: tuple[int, ...], name: str) -> T:
        widths = [base_filters * unit for unit in units]
        return conv_relu_norms(blocks, x, widths, name=name, momentum=batch_norm_momentum)

    x, pools = image, []
    for level, units in enumerate(ENCODER, start=1):
        x = blocks.max_pool(group(x, units, f"down{level}"), name=f"down{level}_pool")
        pools.append(x)
    x = group(x, BOTTLENECK, "bottleneck")
    for level, units in zip(range(len(DECODER), 0, -1), DECODER, strict=True):
        x = blocks.upsample(x, name=f"up{level}")
        x = blocks.concatenate([pools[level - 1], x], name=f"up{level}_join")
        x = group(x, units, f"up{level}")
    return blocks.upsample(blocks.logits(x, classes), name="up0")
