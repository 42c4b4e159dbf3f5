"""Numbers that a traced step reads anew each time, so that it need not be traced again when they change. Imports Keras."""

from __future__ import annotations

from typing import Any

import keras


def live(value: Any, name: str) -> Any:
    """A float32 variable with this value, where the backend can read it from within a step; the value itself elsewhere.

    TensorFlow's graphs read variables, whoever holds them. Those of other backends know the model's and the optimizer's own,
    and would keep what any other was when they were traced.
    """
    if keras.backend.backend() != "tensorflow":
        return value
    return keras.Variable(value, dtype="float32", trainable=False, name=name)


def is_live(value: Any) -> bool:
    """Whether `live` could make a variable of it."""
    return isinstance(value, keras.Variable)
