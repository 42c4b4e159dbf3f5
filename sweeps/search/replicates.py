"""Settings that are trained again on the other folds and with other seeds: which, when, and what their mean is.

Pure state, driven by the same events whether a sweep runs or is rebuilt from its ledger.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product

from results.sweep_parts import Objective, Replication
from sweeps.search.plan import Proposal, trial_uid, usable


@dataclass(frozen=True, slots=True)
class Settled:
    """A setting whose score is known: that of its one trial, or the mean of all its trials.

    Attributes:
        proposal: the search's own trial.
        state: in which that ended.
        values: the objectives; empty without a score.
        updates: gradient updates spent on all its trials.
    """

    proposal: Proposal
    state: str
    values: tuple[float, ...]
    updates: int


@dataclass(slots=True)
class _Group:
    """A finished trial of the search and its repetitions."""

    first: Proposal
    scores: list[tuple[float, ...]]
    updates: int
    missing: set[tuple[int, int]]
    running: set[str] = field(default_factory=set)

    @property
    def complete(self) -> bool:
        return not self.missing and not self.running

    def settled(self) -> Settled:
        means = tuple(sum(column) / len(column) for column in zip(*self.scores, strict=True))
        return Settled(self.first, "finished", means, self.updates)


class Replicates:
    """Says which trial is to be repeated next, and on which fold with which seed.

    With `of: best` the best setting of each architecture is repeated once the search is over; the sampler never hears of
    it. With `of: all` every trial that finished is repeated at once, and the sampler hears of the mean when the last
    repetition has ended; one that failed is left out of it.

    Args:
        replication: how many folds and seeds, and of which settings.
        objectives: the first one says which setting is best.
        architectures: how many take part.
    """

    def __init__(self, replication: Replication, objectives: Sequence[Objective], architectures: int) -> None:
        self._plan, self._objectives, self._architectures = replication, tuple(objectives), architectures
        self._best: dict[str, tuple[tuple[float, ...], Proposal]] = {}
        self._groups: dict[str, _Group] = {}
        self._taken: set[tuple[str, int, int]] = set()

    @property
    def each(self) -> int:
        """Repetitions of a setting."""
        return self._plan.trials - 1

    @property
    def at_once(self) -> bool:
        """Whether repetitions belong to the search, so that it waits for them."""
        return self._plan.of == "all"

    def coming(self, left: int, over: bool) -> int:
        """Repetitions that are still to be suggested, at most.

        Args:
            left: trials of the search that are still to be suggested, or run.
            over: whether the search is over.
        """
        if self.at_once:
            return left * self.each + sum(len(group.missing) for group in self._groups.values())
        if not over:
            return self._architectures * self.each
        return sum(1 for _ in self._best_missing())

    def due(self, over: bool) -> tuple[Proposal, int, int] | None:
        """The trial to repeat next, the fold and the seed; None when there is none now."""
        if self.at_once:
            places = ((group.first, *place) for group in self._groups.values() for place in sorted(group.missing))
            return next(places, None)
        return next(self._best_missing(), None) if over else None

    def repetition(self, first: Proposal, fold: int, seed: int, number: int) -> Proposal:
        """The proposal of a repetition. It is trained from scratch, also where the first went on from another trial."""
        uid = trial_uid(number, first.stage, first.architecture, first.parameters, seed, fold)
        known = (first.stage, first.architecture, first.parameters)
        return Proposal(uid, number, *known, seed, fold, first.epochs, replicate_of=first.uid)

    def taken(self, proposal: Proposal) -> None:
        """A repetition was suggested."""
        first, place = proposal.replicate_of, (proposal.fold, proposal.seed)
        self._taken.add((first, *place))
        if first in self._groups:
            self._groups[first].missing.discard(place)
            self._groups[first].running.add(proposal.uid)

    def reopened(self, proposal: Proposal) -> None:
        """A trial that had failed is tried again."""
        group = self._groups.get(proposal.replicate_of)
        if group is not None:
            group.running.add(proposal.uid)

    def ended(self, proposal: Proposal, state: str, values: Sequence[float], updates: int) -> Settled | None:
        """A trial ended; the setting whose score is known by that, or None."""
        if proposal.replicate_of:
            return self._repeated(proposal, state, values, updates)
        scored = state == "finished" and usable(values)
        if scored:
            self._consider(proposal, values)
        if scored and self.at_once and self.each:
            self._groups[proposal.uid] = _Group(proposal, [tuple(values)], updates, set(self._places(proposal)))
            return None
        return Settled(proposal, state, tuple(values), updates)

    def _repeated(self, proposal: Proposal, state: str, values: Sequence[float], updates: int) -> Settled | None:
        group = self._groups.get(proposal.replicate_of)
        if group is None:
            return None
        group.running.discard(proposal.uid)
        group.updates += updates
        if state == "finished" and usable(values):
            group.scores.append(tuple(values))
        if not group.complete:
            return None
        del self._groups[proposal.replicate_of]
        return group.settled()

    def _consider(self, proposal: Proposal, values: Sequence[float]) -> None:
        gains = tuple(item.gain(value) for item, value in zip(self._objectives, values, strict=True))
        merit = (*gains, -float(proposal.number))
        known = self._best.get(proposal.architecture)
        if known is None or merit > known[0]:
            self._best[proposal.architecture] = (merit, proposal)

    def _places(self, first: Proposal) -> Iterator[tuple[int, int]]:
        """Folds and seeds other than its own, every fold with one seed before the next seed."""
        for seed, fold in product(range(self._plan.seeds), range(self._plan.folds)):
            if (fold, first.seed + seed) != (first.fold, first.seed):
                yield fold, first.seed + seed

    def _best_missing(self) -> Iterator[tuple[Proposal, int, int]]:
        """What is missing of the best, the first repetition of every architecture before the second of any."""
        firsts = [first for _, first in self._best.values()]
        for places in zip(*(list(self._places(first)) for first in firsts), strict=True):
            for first, place in zip(firsts, places, strict=True):
                if (first.uid, *place) not in self._taken:
                    yield first, *place
