"""Reading and assigning a network's variables, alike on every Keras backend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[Any]


def read(variable: Any) -> Values:
    """The variable's value now, as an array that no later update changes."""
    return np.array(np.asarray(variable), copy=True)


def assign(variables: Sequence[Any], values: Sequence[Values]) -> None:
    """Give every variable its value; none is changed when one does not fit.

    Raises:
        ValueError: number or shapes differ.
    """
    if [tuple(variable.shape) for variable in variables] != [value.shape for value in values]:
        raise ValueError("the values do not have the variables' number and shapes")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
