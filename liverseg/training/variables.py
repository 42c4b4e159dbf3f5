"""Reading and assigning a network's variables, alike on every Keras backend.

With TensorFlow a value is read by the operation itself: Keras' way around it takes five times as long, and a network
and its optimizer have hundreds of small variables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

Values = npt.NDArray[Any]


def read(variable: Any) -> Values:
    """The variable's value now, as an array that no later update changes."""
    if keras.backend.backend() != "tensorflow":
        return np.array(np.asarray(variable), copy=True)
    import tensorflow as tf

    held = variable.value if isinstance(variable, keras.Variable) else variable
    value: Values = np.asarray(tf.raw_ops.ReadVariableOp(resource=held.handle, dtype=held.dtype).numpy())
    return value


@dataclass(frozen=True, slots=True)
class Readings(Mapping[str, Values]):
    """The values of named variables, each read when it is asked for; no two of them have to be in memory at once.

    Attributes:
        variables: variable of every name.
        instead: values that stand for a variable's own, by the variable's `id`.
    """

    variables: Mapping[str, Any]
    instead: Mapping[int, Values] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Values:
        variable = self.variables[name]
        known = self.instead.get(id(variable))
        return read(variable) if known is None else known

    def __iter__(self) -> Iterator[str]:
        return iter(self.variables)

    def __len__(self) -> int:
        return len(self.variables)


def assign(variables: Sequence[Any], values: Sequence[Values]) -> None:
    """Give every variable its value; none is changed when one does not fit.

    Raises:
        ValueError: number or shapes differ.
    """
    if [tuple(variable.shape) for variable in variables] != [value.shape for value in values]:
        raise ValueError("the values do not have the variables' number and shapes")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
