"""How long a training has taken: in this attempt, and in all of them. What lies between two attempts does not count."""

from __future__ import annotations

from collections.abc import Callable


class TimeSpent:
    """Counts from the moment it is made.

    Args:
        clock: seconds that only go forward.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.now = clock
        self._before = 0.0
        self._began = clock()

    @property
    def attempt_s(self) -> float:
        """Seconds since this was made, or since the last `go_on`."""
        return self.now() - self._began

    @property
    def all_s(self) -> float:
        """Those of the attempts before as well."""
        return self._before + self.attempt_s

    def go_on(self, before_s: float) -> None:
        """Another attempt begins, after attempts that took so long in all; what this one had counted is dropped."""
        self._before, self._began = before_s, self.now()
