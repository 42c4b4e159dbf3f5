"""Focal loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops

from liverseg.losses.segmentation_loss import SegmentationLoss, pixel_cross_entropy


class FocalLoss(SegmentationLoss):
    """Mean over pixels of −(1 − p)² · log p, p the probability of the true class (Lin et al. 2017 with γ = 2 and no
    class balance α).
    """

    def __init__(self, *, classes: int, class_weights: Sequence[float] | None = None) -> None:
        super().__init__(name="focal", classes=classes)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each pixel, (b, h, w)."""
        cross_entropy = pixel_cross_entropy(y_true, y_pred)
        # 1 − p from log p directly: 1 − exp(log p) would lose all digits where the network is sure and right.
        return ops.square(ops.expm1(-cross_entropy)) * cross_entropy
