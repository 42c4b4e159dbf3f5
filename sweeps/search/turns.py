"""Whose turn it is: how the architectures of a stage share its trials."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from sweeps.search.plan import SearchPlan

LEAD = 2
"""Trials that an architecture may be ahead of another where that saves the compilation of a network. Small, so that an
interrupted search has tried all of them nearly as often."""


class Turns:
    """What each architecture has had of the budget, and which one is next.

    Args:
        plan: with `equal_updates`, shares are counted in gradient updates; otherwise in trials.
        architectures: in the order of the spec, which breaks ties.
    """

    def __init__(self, plan: SearchPlan, architectures: Sequence[str]) -> None:
        self._plan, self._architectures = plan, tuple(architectures)
        self._proposed: Counter[str] = Counter(dict.fromkeys(self._architectures, 0))
        self._updates: Counter[str] = Counter()

    def taken(self, architecture: str) -> None:
        """It had a turn; nothing where it does not take part."""
        if architecture in self._proposed:
            self._proposed[architecture] += 1

    def spent(self, architecture: str, updates: int) -> None:
        """A trial of it has ended, after so many gradient updates."""
        self._updates[architecture] += updates

    def next(self, candidates: Sequence[str], preferred: Collection[str], running: Iterable[str]) -> str:
        """The architecture that has had the least of the budget, or nearly so if it is preferred.

        Args:
            candidates: those that have a parameter set left; the rest of the budget of any other is theirs.
            preferred: may come up to `LEAD` trials before their turn, but get no more of them in all. Shares that are
                counted in updates know no preference.
            running: architectures of the trials that have not ended, each as often as it has one.
        """
        if self._plan.per_architecture != "equal_updates":
            near = [name for name in candidates if name in preferred and self._nearly_due(name, candidates)]
            return min(near or candidates, key=lambda name: self._proposed[name])
        at_work = Counter(running)
        done = sum(self._updates.values())
        mean = done / max(1, sum(self._proposed.values()) - at_work.total())
        return min(candidates, key=lambda name: (self._updates[name] + mean * at_work[name], self._proposed[name]))

    def _nearly_due(self, architecture: str, candidates: Sequence[str]) -> bool:
        """Whether its turn may be brought forward without giving it more trials in all than its equal share."""
        share, more = divmod(self._plan.trials, len(self._architectures))
        share += self._architectures.index(architecture) < more
        proposed = self._proposed[architecture]
        return proposed < share and proposed - min(self._proposed[name] for name in candidates) < LEAD
