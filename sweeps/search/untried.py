"""What a space holds that was not tried: how many parameter sets, and which is the nearest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from liverseg.config import PARAMETERS
from sweeps.search.nearest import nearest_untried
from sweeps.search.tried import Tried
from sweeps.spec.space import Dimension, Space


class Untried:
    """The rest of a space.

    Attributes:
        tried: what was proposed for its stage, from this space or another.
    """

    def __init__(self, space: Space, tried: Tried) -> None:
        self.space, self.tried = space, tried
        self._used: Counter[tuple[str, int]] = Counter()
        self._counted = 0

    def left(self, name: str, epochs: int) -> int | None:
        """Parameter sets of an architecture that were not tried for so many epochs; None when there is no end to them.

        Every set that was tried is looked at once, however often this is asked.
        """
        size = self.space.size(name)
        if size is None:
            return None
        for item in self.tried.sets[self._counted :]:
            self._used[item.architecture, item.epochs] += fits(self.space, item.architecture, item.parameters)
        self._counted = len(self.tried.sets)
        return size - self._used[name, epochs]

    def nearest(self, name: str, parameters: Mapping[str, Any], epochs: int) -> dict[str, Any] | None:
        """The set nearest to one of the space that was not tried; None when all were."""
        sampled = self.space.for_architecture(name)
        values = {item.name: parameters[item.name] for item in sampled}

        def is_tried(chosen: dict[str, Any]) -> bool:
            return self.tried.find(name, self.space.assemble(name, chosen), epochs) is not None

        found = nearest_untried(sampled, values, is_tried)
        return None if found is None else self.space.assemble(name, found)

    def nearest_of_any(
        self, name: str, parameters: Mapping[str, Any], epochs: int
    ) -> tuple[str, dict[str, Any]] | None:
        """As `nearest`; of the next architecture that has a set left when this one has none."""
        names = self.space.architectures
        place = names.index(name)
        for other in (*names[place:], *names[:place]):
            first = self.space.assemble(other, {item.name: item.first for item in self.space.for_architecture(other)})
            if other != name and self.tried.find(other, first, epochs) is None:
                return other, first
            found = self.nearest(other, parameters if other == name else first, epochs)
            if found is not None:
                return other, found
        return None


def fits(space: Space, architecture: str, parameters: Mapping[str, Any]) -> bool:
    """Whether a space could have proposed these parameters."""
    if architecture not in space.architectures:
        return False
    dimensions = {item.name: item for item in space.dimensions(architecture)}
    inside = all(item.contains(value_of(parameters, item)) for item in dimensions.values())
    others = [name for name in parameters if name not in dimensions]
    return inside and all(name in PARAMETERS and parameters[name] == PARAMETERS[name].default for name in others)


def value_of(parameters: Mapping[str, Any], dimension: Dimension) -> Any:
    """A trial's value of a dimension, its default where the trial does not say; None when there is no default."""
    if dimension.name in parameters:
        return parameters[dimension.name]
    return PARAMETERS[dimension.name].default if dimension.name in PARAMETERS else None
