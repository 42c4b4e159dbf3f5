"""What all losses share: shapes, dtypes and reduction. Imports Keras."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
from keras import ops


class SegmentationLoss(keras.losses.Loss):
    """A loss of integer label maps (b, h, w) against logits (b, h, w, c), computed in float32 whatever the dtype of
    the logits.

    Called, it returns one float32 scalar. Pixel-wise losses return their map from `call` and the mean over all pixels
    of the batch is taken ("sum_over_batch_size"), so a sample weight may be given for each pixel. Overlap losses pool
    the whole batch before they compare, and return a scalar from `call`; a sample weight can only scale that.
    NaN logits give NaN: a broken training must be seen. Labels outside 0 … c − 1 are not checked.
    """

    def __init__(self, *, name: str, classes: int) -> None:
        super().__init__(name=name, reduction="sum_over_batch_size", dtype="float32")
        self.classes = classes

    def get_config(self) -> dict[str, Any]:
        """The arguments that make the same loss again."""
        return {"classes": self.classes}


def pixel_cross_entropy(y_true: Any, logits: Any) -> Any:
    """−log softmax(logits) at the true class: (b, h, w), from logits so that it is finite for any finite logits in
    float32.
    """
    return ops.sparse_categorical_crossentropy(ops.cast(y_true, "int32"), logits, from_logits=True)


class SoftCounts(NamedTuple):
    """Pixels of each foreground class in the batch, by probability: three vectors of c − 1 values."""

    true_positive: Any
    false_positive: Any
    false_negative: Any


def soft_counts(y_true: Any, logits: Any, classes: int) -> SoftCounts:
    """Soft true positives Σpg, false positives Σp(1 − g) and false negatives Σ(1 − p)g over all pixels of the batch,
    without background.

    p is the softmax of the logits, g the one-hot reference. Both kinds of errors are summed as such and not as
    differences of large sums, so that a perfect prediction has none.
    """
    # Not `softmax`: with a NaN in one channel TensorFlow's gives NaN there and finite values in the others.
    p = ops.exp(ops.log_softmax(logits, axis=-1))[..., 1:]
    g = ops.one_hot(ops.cast(y_true, "int32"), classes, dtype="float32")[..., 1:]
    batch = (0, 1, 2)
    return SoftCounts(
        true_positive=ops.sum(p * g, axis=batch),
        false_positive=ops.sum(p * (1.0 - g), axis=batch),
        false_negative=ops.sum((1.0 - p) * g, axis=batch),
    )
