"""Tversky loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops

from liverseg.losses.segmentation_loss import SegmentationLoss, soft_counts

ALPHA_FALSE_POSITIVE = 0.3
BETA_FALSE_NEGATIVE = 0.7
SMOOTHING_PX = 1.0
"""Added to numerator and denominator, in pixels."""


class TverskyLoss(SegmentationLoss):
    """1 − mean over foreground classes of (TP + ε) / (TP + α·FP + β·FN + ε), pooled over the batch (Salehi et al.
    2017), α = 0.3, β = 0.7, ε = 1 pixel.

    A class that the batch's reference does not show costs 1 − ε / (α·FP + ε).
    """

    def __init__(self, *, classes: int, class_weights: Sequence[float] | None = None) -> None:
        super().__init__(name="tversky", classes=classes)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of the batch, a scalar."""
        counts = soft_counts(y_true, y_pred, self.classes)
        errors = ALPHA_FALSE_POSITIVE * counts.false_positive + BETA_FALSE_NEGATIVE * counts.false_negative
        return ops.mean(errors / (counts.true_positive + errors + SMOOTHING_PX))
