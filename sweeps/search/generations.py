"""What samplers that go on from one generation to the next are shown of a study: the trials that they would pick out.

Optuna's CMA-ES and NSGA-II go through all trials of the study at every proposal, to find the few that count: 11 to 12
CPU-ms with 1,000 trials, five times as much with 5,000. These views know them by heart, so that every proposal is what it
would be, to the last bit. Imports Optuna; import it inside functions.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import defaultdict

import optuna
from optuna.samplers import CmaEsSampler, NSGAIISampler
from optuna.trial import FrozenTrial, TrialState

from sweeps.search.seen_study import KindsStudy, ViewedStudy


class _Generations(ViewedStudy):
    """Finished trials by the generation that the sampler has noted on them; those without a score never count."""

    def __init__(self, study: optuna.Study) -> None:
        super().__init__(study)
        self.kinds = KindsStudy(study)
        self._members: defaultdict[int, list[FrozenTrial]] = defaultdict(list)

    def told(self, trial: FrozenTrial) -> None:
        """See `ViewedStudy`."""
        if trial.state == TrialState.COMPLETE:
            self.kinds.told(trial)
            self._finished(trial)

    @abstractmethod
    def _finished(self, trial: FrozenTrial) -> None:
        """A trial has ended with a score."""


class CmaEsStudy(_Generations):
    """For CMA-ES: the last trial that holds the state of the optimizer, and all of the generation that this state is in.

    "Last" by number, as the sampler looks for it: with several trials open it may be of an older generation than others.
    """

    def __init__(self, study: optuna.Study) -> None:
        super().__init__(study)
        sampler = CmaEsSampler()
        self._generation, self._optimizer = sampler._attr_key_generation, sampler._attr_key_optimizer
        self._first: FrozenTrial | None = None
        self._last: FrozenTrial | None = None

    def _finished(self, trial: FrozenTrial) -> None:
        self._first = self._first or trial
        self._members[trial.system_attrs.get(self._generation, -1)].append(trial)
        if any(name.startswith(self._optimizer) for name in trial.system_attrs):
            self._last = trial if self._last is None or trial.number > self._last.number else self._last

    def shown(self) -> list[FrozenTrial]:
        """See `ViewedStudy`. The first trial, so that there is one."""
        if self._first is None:
            return []
        present = 0 if self._last is None else self._last.system_attrs[self._generation]
        return _once(self._first, *self._members.get(present, ()), *([self._last] if self._last else []))


class NsgaStudy(_Generations):
    """For NSGA-II: the last two generations and the parents of the last and of the one to come."""

    def _finished(self, trial: FrozenTrial) -> None:
        self._members[trial.system_attrs.get(NSGAIISampler._get_generation_key(), -1)].append(trial)

    def shown(self) -> list[FrozenTrial]:
        """See `ViewedStudy`."""
        last = max(self._members, default=0)
        noted = self._storage.get_study_system_attrs(self._study_id)
        prefix = NSGAIISampler._get_parent_cache_key_prefix()
        parents = [item for number in (last, last + 1) for item in noted.get(f"{prefix}{number}", ())]
        near = [trial for number in (last - 1, last) for trial in self._members.get(number, ())]
        return _once(*near, *(self._storage.get_trial(item) for item in parents))


def _once(*trials: FrozenTrial) -> list[FrozenTrial]:
    return list({trial.number: trial for trial in trials}.values())
