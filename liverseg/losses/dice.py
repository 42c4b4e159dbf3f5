"""Soft Dice, alone and with cross-entropy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops

from liverseg.losses.segmentation_loss import SegmentationLoss, pixel_cross_entropy, soft_counts

SMOOTHING_PX = 1.0
"""Added to numerator and denominator, in pixels. One pixel bounds the gradient of a class that a batch does not show
by 1 a pixel."""


class DiceLoss(SegmentationLoss):
    """1 − mean over foreground classes of (2·TP + ε) / (2·TP + FP + FN + ε), pooled over the batch (Drozdzal et al.
    2016; batch pooling as in nnU-Net, Isensee et al. 2021), ε = 1 pixel.

    A class that the batch's reference does not show costs 1 − ε / (FP + ε): 0 if nothing is predicted, near 1 for
    many false positives. It stays in the mean, so that tumour-free batches teach the network to stay silent.
    """

    def __init__(self, *, classes: int, class_weights: Sequence[float] | None = None) -> None:
        super().__init__(name="dice", classes=classes)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of the batch, a scalar."""
        return dice_loss(y_true, y_pred, self.classes)


class DiceCrossEntropy(SegmentationLoss):
    """Sum, unweighted, of `DiceLoss` and `CrossEntropy` (nnU-Net, Isensee et al. 2021)."""

    def __init__(self, *, classes: int, class_weights: Sequence[float] | None = None) -> None:
        super().__init__(name="dice_ce", classes=classes)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of the batch, a scalar."""
        return dice_loss(y_true, y_pred, self.classes) + ops.mean(pixel_cross_entropy(y_true, y_pred))


def dice_loss(y_true: Any, logits: Any, classes: int) -> Any:
    """The formula of `DiceLoss`, written as errors over all so that a perfect prediction gives exactly 0."""
    counts = soft_counts(y_true, logits, classes)
    errors = counts.false_positive + counts.false_negative
    return ops.mean(errors / (2.0 * counts.true_positive + errors + SMOOTHING_PX))
