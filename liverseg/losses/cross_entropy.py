"""Cross-entropy, plain and weighted by class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops

from liverseg.live_value import live
from liverseg.losses.segmentation_loss import SegmentationLoss, pixel_cross_entropy


class CrossEntropy(SegmentationLoss):
    """Mean over pixels of −log p(true class); the study's loss."""

    def __init__(self, *, classes: int, class_weights: Sequence[float] | None = None) -> None:
        super().__init__(name="ce", classes=classes)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each pixel, (b, h, w)."""
        return pixel_cross_entropy(y_true, y_pred)


class WeightedCrossEntropy(SegmentationLoss):
    """Mean over pixels of −w(true class) · log p(true class).

    It is the plain mean, not divided by the batch's own sum of weights: a batch without tumour then counts no more
    than its pixels say. Weights from `inverse_frequency_weights` have mean 1 over the training pixels.
    """

    def __init__(self, *, classes: int, class_weights: Sequence[float]) -> None:
        super().__init__(name="weighted_ce", classes=classes)
        self.class_weights = tuple(float(weight) for weight in class_weights)
        self.live_weights = live(self.class_weights, "class_weights")

    def weigh(self, class_weights: Sequence[float]) -> None:
        """Use other weights from the next batch on; only where `live_weights` is a variable."""
        self.class_weights = tuple(float(weight) for weight in class_weights)
        self.live_weights.assign(self.class_weights)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The weighted loss of each pixel, (b, h, w)."""
        weights = ops.convert_to_tensor(self.live_weights, dtype="float32")
        return ops.take(weights, ops.cast(y_true, "int32"), axis=0) * pixel_cross_entropy(y_true, y_pred)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make the same loss again."""
        return {**super().get_config(), "class_weights": self.class_weights}
