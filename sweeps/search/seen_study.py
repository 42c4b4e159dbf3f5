"""An Optuna study as its sampler sees it: open trials, and of the ended ones those that a `Recall` shows.

Pruners, reports and whoever asks for the study itself still see all of it. Imports Optuna; import it inside functions.
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Container, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from sweeps.search.lean_tpe import SeenTrial
from sweeps.search.recall import Recall

_NUMBER = operator.attrgetter("number")


class ViewedStudy(optuna.Study):
    """A study in memory of which some trials are shown. Tell it what is asked and told; the study it does not watch.

    Attributes:
        kinds: another view of the study, for the question which dimensions there are.
    """

    kinds: ViewedStudy

    def __init__(self, study: optuna.Study) -> None:
        super().__init__(study.study_name, study._storage, sampler=study.sampler, pruner=study.pruner)

    def asked(self, trial: optuna.Trial) -> None:
        """A trial was asked for."""

    def told(self, trial: FrozenTrial) -> None:
        """A trial has ended."""
        raise NotImplementedError

    def shown(self) -> list[FrozenTrial]:
        """A new list of those shown, in any order."""
        raise NotImplementedError

    # Samplers ask by this name; `get_trials`, which others use, goes through it too.
    def _get_trials(
        self, deepcopy: bool = True, states: Container[TrialState] | None = None, use_cache: bool = False
    ) -> list[FrozenTrial]:
        shown = self.shown()
        chosen = shown if states is None else [trial for trial in shown if trial.state in states]
        chosen.sort(key=_NUMBER)
        return copy.deepcopy(chosen) if deepcopy else chosen


class KindsStudy(ViewedStudy):
    """Of all trials that ended alike with the same dimensions the first: enough to tell which dimensions there are."""

    def __init__(self, study: optuna.Study) -> None:
        super().__init__(study)
        self.kinds = self
        self._kinds: dict[tuple[TrialState, frozenset[tuple[str, BaseDistribution]]], FrozenTrial] = {}

    def told(self, trial: FrozenTrial) -> None:
        """A trial was finished or pruned."""
        kind = trial.state, frozenset(trial.distributions.items())
        first = self._kinds.get(kind)
        if first is None or trial.number < first.number:
            self._kinds[kind] = trial

    def shown(self) -> list[FrozenTrial]:
        """See `ViewedStudy`."""
        return list(self._kinds.values())


class SeenStudy(ViewedStudy):
    """What a sampler that makes a model learns from: see `Recall`, and all open trials.

    Args:
        study: the whole study.
        most: ended trials shown.
    """

    def __init__(self, study: optuna.Study, most: int) -> None:
        super().__init__(study)
        signs = [1.0 if item == optuna.study.StudyDirection.MAXIMIZE else -1.0 for item in study.directions]
        self._recall = Recall(signs, most)
        self._open: dict[int, int] = {}
        self.kinds = KindsStudy(study)

    def asked(self, trial: optuna.Trial) -> None:
        """See `ViewedStudy`."""
        self._open[trial.number] = trial._trial_id

    def told(self, trial: FrozenTrial) -> None:
        """A trial has ended."""
        del self._open[trial.number]
        if trial.state in (TrialState.COMPLETE, TrialState.PRUNED):
            self._recall.add(SeenTrial(trial))
            self.kinds.told(trial)

    def shown(self) -> list[FrozenTrial]:
        """See `ViewedStudy`."""
        return [*self._recall.trials, *(self._storage.get_trial(item) for item in self._open.values())]


class FirstStudy(ViewedStudy):
    """What a sampler is shown that only asks whether there is a trial, and which dimensions the first one had."""

    def __init__(self, study: optuna.Study) -> None:
        super().__init__(study)
        self.kinds = self
        self._ended = KindsStudy(study)
        self._open: dict[int, int] = {}

    def asked(self, trial: optuna.Trial) -> None:
        """See `ViewedStudy`."""
        self._open[trial.number] = trial._trial_id

    def told(self, trial: FrozenTrial) -> None:
        """See `ViewedStudy`."""
        del self._open[trial.number]
        if trial.state in (TrialState.COMPLETE, TrialState.PRUNED):
            self._ended.told(trial)

    def shown(self) -> list[FrozenTrial]:
        """See `ViewedStudy`. Open ones only while none has ended."""
        return self._ended.shown() or [self._storage.get_trial(item) for item in self._open.values()]


class RecallingSampler(BaseSampler):
    """Any sampler, shown a view in the place of the study."""

    def __init__(self, sampler: BaseSampler, seen: ViewedStudy) -> None:
        self._sampler, self._seen = sampler, seen

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """See `BaseSampler`."""
        return self._sampler.infer_relative_search_space(self._seen.kinds, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """See `BaseSampler`."""
        return self._sampler.sample_relative(self._seen, trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """See `BaseSampler`."""
        return self._sampler.sample_independent(self._seen, trial, param_name, param_distribution)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """See `BaseSampler`."""
        self._sampler.before_trial(self._seen, trial)

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """See `BaseSampler`."""
        self._sampler.after_trial(self._seen, trial, state, values)

    def reseed_rng(self) -> None:
        """See `BaseSampler`."""
        self._sampler.reseed_rng()
