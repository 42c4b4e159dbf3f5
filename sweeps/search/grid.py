"""The points of a grid that were not proposed yet, each architecture's in the order of the spec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sweeps.search.untried import value_of
from sweeps.spec.space import Space


class Grid:
    """One queue of points an architecture."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._points = {name: list(space.grid_points(name)) for name in space.architectures}

    @property
    def left(self) -> int:
        """Points of all architectures."""
        return sum(map(len, self._points.values()))

    def left_of(self, architecture: str) -> int:
        """Points of one architecture."""
        return len(self._points[architecture])

    def next(self, architecture: str) -> dict[str, Any]:
        """The next point, which then is no longer there.

        Raises:
            IndexError: none is left.
        """
        return dict(self._points[architecture].pop(0))

    def proposed(self, architecture: str, parameters: Mapping[str, Any], *, inside: bool) -> None:
        """A trial with these parameters was proposed before. Nothing where no point is left that is like it.

        Args:
            architecture: of the trial, of this grid or not.
            parameters: what they do not say has the default value.
            inside: whether the space holds them.
        """
        if architecture not in self._points:
            return
        values = dict(parameters)
        if inside:
            values = {item.name: value_of(parameters, item) for item in self._space.dimensions(architecture)}
        # Told again in the order in which they were proposed, the first one is it.
        if values in self._points[architecture]:
            self._points[architecture].remove(values)
