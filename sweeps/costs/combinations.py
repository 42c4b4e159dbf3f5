"""The combinations of a space that cost differently."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

from liverseg.config import PARAMETERS
from sweeps.spec.dimension import Dimension

COMBINATIONS = 512
COSTLY = ("size", "batch_size", "mixed_precision", "xla")
"""Parameters besides an architecture's own options that change what a training costs."""
WAYS = ("mixed_precision", "xla")
"""Those of them that are measured both ways."""


def costly_settings(dimensions: tuple[Dimension, ...]) -> list[dict[str, Any]]:
    """Every combination of the values that change the cost; a range is stood for by its two ends.

    Of more combinations than `COMBINATIONS` those of the smallest and largest numbers are left, so that the largest is there.
    """
    costly = [item for item in dimensions if item.name not in PARAMETERS or item.name in COSTLY]
    values = [list(item.choices if item.kind == "categorical" else item.bounds) for item in costly]
    if math.prod(len(one) for one in values) > COMBINATIONS:
        values = [_extremes(one) for one in values]
    products = itertools.islice(itertools.product(*values), COMBINATIONS)
    return [
        {item.name: _typed(item, value) for item, value in zip(costly, combination, strict=True)}
        for combination in products
    ]


def _extremes(values: list[Any]) -> list[Any]:
    numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
    return sorted({min(values), max(values)}, reverse=True) if numbers else values


def _typed(dimension: Dimension, value: Any) -> Any:
    return int(value) if dimension.kind == "int" else value


def way_of(setting: Mapping[str, Any]) -> tuple[Any, ...]:
    """The values of `WAYS`, defaults included."""
    return tuple(setting.get(name, PARAMETERS[name].default) for name in WAYS)
