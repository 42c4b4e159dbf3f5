"""How a sweep's trials fall to its stages and architectures, as far as that is known before it runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sweeps.spec import Spec, stages_of
from sweeps.spec.space import Space, trials_of
from sweeps.stages import replication_of

if TYPE_CHECKING:
    from sweeps.spec.dimension import Dimension


def stages_with_trials(spec: Spec) -> list[tuple[Space, int]]:
    """Every stage's space and trials. What a later stage does not name may be any value of the stages before it."""
    stages: list[tuple[Space, int]] = []
    before: dict[str, dict[str, Dimension]] = {}
    for stage in stages_of(spec):
        space, members = Space.from_spec(spec, stage.name), []
        for name, dimensions in space.members:
            named = {item.name for path, item in stage.sources if path[-2] in ("space", name)}
            inherited = {key: item for key, item in before.get(name, {}).items() if key not in named}
            before[name] = {item.name: item for item in dimensions} | inherited
            members.append((name, tuple(before[name].values())))
        sets = [space.size(name) for name in space.architectures]
        trials = trials_of(spec, stage.name)
        # Of a stage that goes on with the best architecture nobody knows yet which, and how many sets it has.
        trials = sum(share_out(trials, sets)) if stage.architectures else trials
        stages.append((replace(space, members=tuple(members)), trials))
    return stages


def share_out(trials: int, sets: Sequence[int | None]) -> list[int]:
    """How many trials each architecture gets: equally many, but none more than it has parameter sets (None: no end)."""
    counts = [0] * len(sets)
    for _ in range(trials):
        wanting = [place for place, size in enumerate(sets) if size is None or counts[place] < size]
        if not wanting:
            break
        counts[min(wanting, key=counts.__getitem__)] += 1
    return counts


def shares_of(stages: Sequence[tuple[Space, int]], name: str) -> list[tuple[Space, int]]:
    """The stages in which an architecture can take part, with its even share of their trials.

    Which architecture a later stage runs is not known before the one before it has ended; the even share is the fair guess.
    """
    shares = []
    for space, trials in stages:
        if name in space.architectures:
            sets = [space.size(other) for other in space.architectures]
            shares.append((space, share_out(trials, sets)[space.architectures.index(name)]))
    return shares


def replicates_of(spec: Spec, trials: int) -> int:
    """Repetitions of an architecture's settings, if no trial is ended early."""
    each = replication_of(spec).trials - 1
    return each * (trials if spec.search.replicate == "all" else min(trials, 1))
