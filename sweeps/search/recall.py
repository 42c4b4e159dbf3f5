"""Which ended trials a model-based sampler is shown: all while they are few, later the newest and the best of the older.

A model-based sampler goes through every trial it is shown at every proposal, so that a proposal costs more the longer the
search lasts: with Optuna's TPE 3 ms after 50 trials of an architecture, 100 ms after 5,000. Shown `MOST` at most, it costs
the same from then on.

What that changes. TPE compares two densities: that of the best trials, a tenth of all but 25 at most, and that of all
others, where Optuna weighs a trial the less the older it is. The best 25 stay among those shown, so the first density is
what it was. The second is made of the newest few hundred instead of all, whose oldest hardly counted. With several
objectives Optuna takes a tenth of all trials as the best; shown are the older ones that nothing dominates, `FRONT` at
most. Up to `MOST` ended trials of a study (an architecture's, as a rule) every proposal is the same to the last bit.
"""

from __future__ import annotations

import heapq
import math
import operator
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

MOST = 300
BEST = 25
"""As many as Optuna's TPE takes for the best, at most (`default_gamma`)."""
FRONT = 100

_NUMBER = operator.attrgetter("number")
_Merit = tuple[float, ...]


class Recall:
    """The ended trials of one study that its sampler is shown.

    Trials without a score (failed ones) are not to be added. Fed with the same trials in the same order, two objects show
    the same ones. One call takes O(log `BEST`) steps with one objective, O(`FRONT`) with several.

    Args:
        signs: for each objective 1.0 when more is better, else -1.0.
        most: how many are shown.
    """

    def __init__(self, signs: Sequence[float], most: int = MOST) -> None:
        self._signs = tuple(signs)
        self._older: _Best | _Front = _Best(BEST) if len(self._signs) == 1 else _Front(FRONT)
        self._room = most - (BEST if len(self._signs) == 1 else FRONT)
        self._newest: deque[FrozenTrial] = deque()
        self._shown: list[FrozenTrial] | None = None

    def add(self, trial: FrozenTrial) -> None:
        """A trial was finished or pruned."""
        self._shown = None
        self._newest.append(trial)
        if len(self._newest) > self._room:
            old = self._newest.popleft()
            self._older.add(_merit(old, self._signs), old)

    @property
    def trials(self) -> list[FrozenTrial]:
        """Those to be shown, in the order in which they were proposed. Not to be changed."""
        if self._shown is None:
            self._shown = sorted([*self._older.trials, *self._newest], key=_NUMBER)
        return self._shown


def _merit(trial: FrozenTrial, signs: Sequence[float]) -> _Merit:
    """Larger is better, as Optuna's TPE orders trials; one objective: finished before pruned, later before earlier."""
    if trial.values is not None and trial.state.name == "COMPLETE":
        gains = tuple(sign * value for sign, value in zip(signs, trial.values, strict=True))
        return (1.0, *gains) if len(signs) == 1 else gains
    step, value = max(trial.intermediate_values.items(), default=(-1, 0.0))
    return (0.0, float(step), -math.inf if math.isnan(value) else signs[0] * value)


class _Best:
    """The best `count` by merit; of equals the earlier."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._heap: list[tuple[_Merit, int, FrozenTrial]] = []

    def add(self, merit: _Merit, trial: FrozenTrial) -> None:
        heapq.heappush(self._heap, (merit, -trial.number, trial))
        if len(self._heap) > self._count:
            heapq.heappop(self._heap)

    @property
    def trials(self) -> list[FrozenTrial]:
        return [trial for _, _, trial in self._heap]


class _Front:
    """Trials that no other one added dominates; when they are more than `count`, the newest of them."""

    def __init__(self, count: int) -> None:
        self._entries: deque[tuple[_Merit, FrozenTrial]] = deque(maxlen=count)

    def add(self, merit: _Merit, trial: FrozenTrial) -> None:
        if any(_dominates(other, merit) for other, _ in self._entries):
            return
        left = [(other, kept) for other, kept in self._entries if not _dominates(merit, other)]
        self._entries = deque([*left, (merit, trial)], maxlen=self._entries.maxlen)

    @property
    def trials(self) -> list[FrozenTrial]:
        return [trial for _, trial in self._entries]


def _dominates(one: _Merit, other: _Merit) -> bool:
    """Whether `one` is nowhere worse and somewhere better."""
    return one != other and all(a >= b for a, b in zip(one, other, strict=True))
