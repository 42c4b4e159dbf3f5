"""Optuna's TPE with the same proposals, and without what it does anew for every trial it is shown at every proposal.

Of 4.7 CPU-ms that a proposal took with 300 trials shown (Optuna 5.0), 0.5 were for looking for constraints among the
trials' attributes, 0.6 for turning the same parameters into the same numbers, and 0.45 for making two generators of random
numbers that were seeded a moment later. A trial that has ended does not change any more, so what is made of it is kept with it.
Imports Optuna; import it inside functions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial


class SeenTrial(FrozenTrial):
    """An ended trial of a study that knows no constraints, with its parameters as the numbers that samplers count with.

    It shares all else with the trial that it is made of, which must not change any more.
    """

    def __init__(self, trial: FrozenTrial) -> None:
        self.__dict__.update(vars(trial))
        kinds = trial.distributions
        self.numbers = {name: kinds[name].to_internal_repr(value) for name, value in trial.params.items()}

    @property
    def constraints(self) -> dict[str, float]:
        """None."""
        return {}


class LeanTpeSampler(TPESampler):
    """`TPESampler`; see the module. Trials that are not `SeenTrial` it treats as that does."""

    def _get_internal_repr(
        self, trials: Sequence[FrozenTrial], search_space: Mapping[str, BaseDistribution], study: optuna.Study
    ) -> dict[str, np.ndarray]:
        rows = [self._numbers(trial, search_space, study) for trial in trials]
        whole = [row for row in rows if search_space.keys() <= row.keys()]
        return {name: np.asarray([row[name] for row in whole]) for name in search_space}

    def _numbers(
        self, trial: FrozenTrial, search_space: Mapping[str, BaseDistribution], study: optuna.Study
    ) -> Mapping[str, float]:
        if isinstance(trial, SeenTrial):
            return trial.numbers
        values = self._get_params(trial, study)
        return {name: kind.to_internal_repr(values[name]) for name, kind in search_space.items() if name in values}


class Generators:
    """Generators of random numbers that are used again: seeding one takes a fiftieth of the time of making one.

    For samplers that are used one after the other.
    """

    def __init__(self) -> None:
        self._states = (np.random.RandomState(0), np.random.RandomState(0))

    def lend(self, sampler: BaseSampler, seed: int) -> BaseSampler:
        """The same sampler (made without a seed), as if it had been made with this one."""
        own: list[Any] = [sampler, sampler._random_sampler] if isinstance(sampler, TPESampler) else [sampler]
        assert isinstance(sampler, (TPESampler, RandomSampler))
        for holder, state in zip(own, self._states, strict=False):
            state.seed(seed)
            holder._rng._rng = state
        return sampler
