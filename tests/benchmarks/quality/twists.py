"""Changes to the project's search that were tried and are not in it: put in place for one search, and taken out again."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import optuna

import sweeps.search.proposer
import sweeps.search.sampler
from sweeps.search.proposer import suggest
from sweeps.spec.space import Dimension

ORDERED, UNIVARIATE, FEW_RANDOM = "ordered", "univariate", "few random"
FEW = 4


@contextmanager
def twisted(names: tuple[str, ...]) -> Iterator[None]:
    """The search with these changes."""
    with ExitStack() as stack:
        if ORDERED in names:
            stack.enter_context(patch.object(sweeps.search.proposer, "suggest", _ordered))
        if {UNIVARIATE, FEW_RANDOM} & set(names):
            sampler = _sampler(univariate=UNIVARIATE in names, startup=FEW if FEW_RANDOM in names else None)
            stack.enter_context(patch.object(sweeps.search.sampler, "_plain_sampler", sampler))
        yield


def _ordered(trial: optuna.Trial, dimension: Dimension, label: str) -> Any:
    """A list of numbers as places on a line, so that what is good tells of its neighbours."""
    numbers = [value for value in dimension.choices if isinstance(value, (int, float)) and not isinstance(value, bool)]
    if dimension.kind != "categorical" or len(numbers) < 3 or len(numbers) < len(dimension.choices):
        return suggest(trial, dimension, label)
    return sorted(numbers)[trial.suggest_int(label, 0, len(numbers) - 1)]


def _sampler(*, univariate: bool, startup: int | None) -> Any:
    plain = sweeps.search.sampler._plain_sampler

    def build(name: str, seed: int, own_seed: int, trials: int) -> Any:
        if name != "tpe":
            return plain(name, seed, own_seed, trials)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return optuna.samplers.TPESampler(
                seed=own_seed,
                n_startup_trials=startup or max(2, min(10, trials // 3)),
                multivariate=not univariate,
                group=not univariate,
                constant_liar=True,
            )

    return build
