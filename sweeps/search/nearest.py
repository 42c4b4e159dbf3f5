"""The nearest parameter set that was not tried: for a sampler that comes back to the same ones in a space of few.

Near means that few parameters differ, and each by as few steps as may be. Sets are looked at from near to far until one was
not tried, so that no more than one beyond those tried is ever looked at.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sweeps.spec.dimension import Dimension

_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0


def nearest_untried(
    dimensions: Sequence[Dimension], values: Mapping[str, Any], is_tried: Callable[[dict[str, Any]], bool]
) -> dict[str, Any] | None:
    """The nearest set to `values`, other than itself, that was not tried; None when all were.

    Args:
        dimensions: what may differ; empty for a space of one set.
        values: one of each dimension, inside it.
        is_tried: asked about whole sets, in a fixed order.
    """
    for differing in range(1, len(dimensions) + 1):
        for chosen in itertools.combinations(dimensions, differing):
            for changes in _changes(chosen, values):
                candidate = {**values, **changes}
                if not is_tried(candidate):
                    return candidate
    return None


def _changes(dimensions: Sequence[Dimension], values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every way in which all of some dimensions differ from `values`; the last one changes fastest. Nothing is listed."""
    if not dimensions:
        yield {}
        return
    first, *rest = dimensions
    for value in _others(first, values[first.name]):
        for changes in _changes(rest, values):
            yield {first.name: value, **changes}


def _others(dimension: Dimension, value: Any) -> Iterator[Any]:
    """The other values of a dimension: choices in the order of the spec, numbers by their distance, no end to a continuum."""
    if dimension.kind == "categorical":
        yield from (choice for choice in dimension.choices if choice != value)
        return
    if dimension.size is None:
        yield from _spread(dimension)
        return
    low, step = dimension.bounds[0], dimension.step or 1
    place = round((value - low) / step)
    for distance in range(1, dimension.size):
        for other in (place - distance, place + distance):
            if 0 <= other < dimension.size:
                number = low + other * step
                yield int(number) if dimension.kind == "int" else float(f"{number:.12g}")


def _spread(dimension: Dimension) -> Iterator[float]:
    """Endlessly many values of a continuous range, evenly spread."""
    low, high = dimension.bounds
    for count in itertools.count(1):
        part = count * _GOLDEN % 1.0
        yield low * (high / low) ** part if dimension.log else low + part * (high - low)
