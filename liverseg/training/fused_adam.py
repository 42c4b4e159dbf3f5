"""Adam and AdamW whose update is one pass over memory where the backend has such an operation.

Keras writes Adam as some ten element-wise operations, each of which reads and writes whole arrays. For a network of
twenty million weights on one CPU thread that is a fifth of a small batch's step. TensorFlow has the same formula as
one kernel; with other backends, and for sparse gradients, Keras' own operations are used. Results agree to
rounding.
"""

from __future__ import annotations

from typing import Any

import keras


class FusedAdam(keras.optimizers.Adam):
    """`keras.optimizers.Adam` with the fused update."""

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Change one variable and its moments in place (Kingma and Ba 2015, as reordered at the end of section 2)."""
        if keras.backend.backend() != "tensorflow" or hasattr(gradient, "indices"):
            super().update_step(gradient, variable, learning_rate)
            return
        import tensorflow as tf

        dtype = variable.dtype
        index = self._get_variable_index(variable)
        step = tf.cast(self.iterations + 1, dtype)
        beta1, beta2 = (tf.constant(beta, dtype) for beta in (self.beta_1, self.beta_2))
        tf.raw_ops.ResourceApplyAdam(
            var=_handle(variable),
            m=_handle(self._momentums[index]),
            v=_handle(self._velocities[index]),
            beta1_power=tf.pow(beta1, step),
            beta2_power=tf.pow(beta2, step),
            lr=tf.cast(learning_rate, dtype),
            beta1=beta1,
            beta2=beta2,
            epsilon=tf.constant(self.epsilon, dtype),
            grad=tf.cast(gradient, dtype),
        )


class FusedAdamW(FusedAdam, keras.optimizers.AdamW):
    """`keras.optimizers.AdamW` with the fused update; the decay is applied before it, as Keras does."""


def _handle(variable: Any) -> Any:
    """The resource behind a Keras or a TensorFlow variable."""
    return getattr(variable, "value", variable).handle if isinstance(variable, keras.Variable) else variable.handle
