"""U-Net (Ronneberger, Fischer, Brox 2015) as the study has it: `same` padding, 3×3 transposed convolutions, no
normalisation.
"""

from __future__ import annotations

from liverseg.models.blocks import Blocks, T, conv_pair

LEVELS = 4


def assemble(blocks: Blocks[T], image: T, *, classes: int, base_filters: int) -> T:
    """Logits (n, s, s, classes) of an image (n, s, s, 1).

    Levels of 1, 2, 4, 8 times `base_filters`, a bottleneck of 16 times, and back. Each skip is concatenated behind
    the upsampled map.
    """
    widths = [base_filters * 2**level for level in range(LEVELS)]
    x, skips = image, []
    for level, filters in enumerate(widths, start=1):
        skips.append(conv_pair(blocks, x, filters, name=f"down{level}"))
        x = blocks.max_pool(skips[-1], name=f"down{level}_pool")
    x = conv_pair(blocks, x, 2 * widths[-1], name="bottleneck")
    for level in range(LEVELS, 0, -1):
        x = blocks.transposed(x, widths[level - 1], kernel=3, name=f"up{level}")
        x = blocks.concatenate([x, skips[level - 1]], name=f"up{level}_join")
        x = conv_pair(blocks, x, widths[level - 1], name=f"up{level}")
    return blocks.logits(x, classes)
