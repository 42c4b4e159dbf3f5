"""Batch normalisation in one pass over memory where the backend has such an operation. Imports Keras.

Keras writes it as some ten element-wise operations and reductions, each of which reads and writes whole feature maps,
in 32 bits whatever the precision of the network. On a CPU that is a quarter of a training step of a network that
normalises at full size, and half of one in bfloat16. TensorFlow has the same formula as one kernel forward and one
backward, which reads and writes 16 bits where the network does and still sums in 32; with other backends Keras' own
operations are used. The kernel of oneDNN adds up one value after another, so that its means and variances agree with
Keras' to about 1e-5 of their size for the maps of a usual batch, not to the last bit.
"""

from __future__ import annotations

from typing import Any

import keras

MAP_DIMENSIONS = 4
"""Batch, two sides, channels: the only layout that goes to the fused kernel."""
FUSED_PRECISIONS = ("float32", "bfloat16")
"""Dtypes of feature maps that go to the fused kernel."""


class FusedBatchNormalization(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization` with the fused kernel: same arguments, weights and running statistics."""

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalised feature maps of the shape of `inputs`, (n, h, w, c) for the fused kernel.

        With one value a channel (n·h·w = 1) the output is the learned shift and the variance that is tracked is 0, as
        with Keras.
        """
        if not self._fusible(inputs, mask):
            return super().call(inputs, training=training, mask=mask)
        if training and self.trainable:
            return self._normalise_batch(inputs)
        return self._fused(inputs, training=False, mean=self.moving_mean, variance=self.moving_variance)[0]

    def _fusible(self, inputs: Any, mask: Any) -> bool:
        """Whether TensorFlow's kernel computes what this layer was asked for."""
        return (
            keras.backend.backend() == "tensorflow"
            and len(inputs.shape) == MAP_DIMENSIONS
            and self.axis in (-1, MAP_DIMENSIONS - 1)
            and keras.backend.standardize_dtype(inputs.dtype) == self.compute_dtype
            and self.compute_dtype in FUSED_PRECISIONS
            and self.variable_dtype == "float32"
            and mask is None
            and self.scale
            and self.center
            and not (self.renorm or self.synchronized)
        )

    def _normalise_batch(self, inputs: Any) -> Any:
        """Normalise with the batch's own statistics, and let the running ones follow them."""
        import tensorflow as tf

        outputs, mean, variance = self._fused(inputs, training=True, mean=[], variance=[])
        values = tf.cast(tf.reduce_prod(tf.shape(inputs)[:-1]), variance.dtype)
        # The kernel returns Σ(x − mean)² / (n − 1), Keras tracks Σ(x − mean)² / n. For n = 1 the first is 0, NaN or
        # infinite, depending on the device, and the second is 0.
        biased = tf.math.multiply_no_nan(variance, (values - 1.0) / values)
        for running, batch in ((self.moving_mean, mean), (self.moving_variance, biased)):
            running.assign(running * self.momentum + batch * (1.0 - self.momentum))
        return outputs

    def _fused(self, inputs: Any, *, training: bool, mean: Any, variance: Any) -> Any:
        """Outputs, mean and unbiased variance of the kernel."""
        import tensorflow as tf

        scale, offset, mean, variance = (
            keras.ops.convert_to_tensor(value, dtype="float32") for value in (self.gamma, self.beta, mean, variance)
        )
        return tf.compat.v1.nn.fused_batch_norm(
            inputs, scale, offset, mean, variance, epsilon=self.epsilon, data_format="NHWC", is_training=training
        )
