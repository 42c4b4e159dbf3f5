"""U-Net decoder on a residual encoder of basic blocks (He et al. 2016), in the study's two depths.

Two things differ from the textbook, both as in the study: the second convolution of a block has its ReLU before the
addition, and the first block of every stage has a projection shortcut even where the shape stays. One thing differs
from the study: at depth 50 it crops one row and one column off the first skip and resizes the rest back before the
last concatenation, which shifts that skip by up to a pixel against the image and adds no weight. The sides match
without it, so it is left out and both depths share one decoder.
"""

from __future__ import annotations

from liverseg.models.blocks import Blocks, T, conv_norm, conv_pair


def assemble(
    blocks: Blocks[T], image: T, *, classes: int, base_filters: int, batch_norm_momentum: float, stages: tuple[int, ...]
) -> T:
    """Logits (n, s, s, classes) of an image (n, s, s, 1).

    Args:
        blocks: interpreter of the layers.
        image: one channel.
        classes: output channels.
        base_filters: width of the stem and of the first stage; the four stages have 1, 2, 4, 8 times it. The last
            upsampling has half of it, rounded up.
        batch_norm_momentum: share of the old running statistics kept at an update.
        stages: basic blocks of each of the four stages.
    """
    widths = [base_filters * 2**stage for stage in range(len(stages))]
    x = conv_norm(blocks, image, base_filters, kernel=7, stride=2, name="stem", momentum=batch_norm_momentum)
    skips = [blocks.relu(x, name="stem_relu")]
    x = blocks.max_pool(skips[0], window=3, name="stem_pool")
    for number, (filters, depth) in enumerate(zip(widths, stages, strict=True), start=1):
        stride = 1 if number == 1 else 2
        x = _stage(blocks, x, filters, depth=depth, stride=stride, name=f"stage{number}", momentum=batch_norm_momentum)
        skips.append(x)
    for level in range(len(stages), 0, -1):
        x = blocks.transposed(x, widths[level - 1], kernel=2, activation="relu", name=f"up{level}")
        x = blocks.concatenate([skips[level - 1], x], name=f"up{level}_join")
        x = conv_pair(blocks, x, widths[level - 1], name=f"up{level}")
    x = blocks.transposed(x, (base_filters + 1) // 2, kernel=2, activation="relu", name="up0")
    return blocks.logits(x, classes)


def _stage(blocks: Blocks[T], x: T, filters: int, *, depth: int, stride: int, name: str, momentum: float) -> T:
    x = _projection_block(blocks, x, filters, stride=stride, name=f"{name}_block1", momentum=momentum)
    for number in range(2, depth + 1):
        x = _identity_block(blocks, x, filters, name=f"{name}_block{number}", momentum=momentum)
    return x


def _projection_block(blocks: Blocks[T], x: T, filters: int, *, stride: int, name: str, momentum: float) -> T:
    shortcut = conv_norm(blocks, x, filters, kernel=1, stride=stride, name=f"{name}_shortcut", momentum=momentum)
    x = blocks.add(
        _residual(blocks, x, filters, stride=stride, name=name, momentum=momentum), shortcut, name=f"{name}_add"
    )
    return blocks.relu(x, name=f"{name}_relu")


def _identity_block(blocks: Blocks[T], x: T, filters: int, *, name: str, momentum: float) -> T:
    # The study has one more ReLU here. Both summands are already outputs of a ReLU, or sums of such, so it would
    # change neither a value nor a gradient: where the sum is 0 both are 0, and the ReLU that made each of them stops
    # the gradient there as well.
    return blocks.add(_residual(blocks, x, filters, stride=1, name=name, momentum=momentum), x, name=f"{name}_add")


def _residual(blocks: Blocks[T], x: T, filters: int, *, stride: int, name: str, momentum: float) -> T:
    for number, step in enumerate((stride, 1), start=1):
        x = conv_norm(blocks, x, filters, stride=step, name=f"{name}_{number}", momentum=momentum)
        x = blocks.relu(x, name=f"{name}_{number}_relu")
    return x
