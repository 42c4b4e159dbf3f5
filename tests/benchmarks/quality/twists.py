"""Changes to the project's search that were tried and are not in it: put in place for one search, and taken out again."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import optuna

import sweeps.search.sampler

UNIVARIATE, FEW_RANDOM = "univariate", "few random"
FEW = 4


@contextmanager
def twisted(names: tuple[str, ...]) -> Iterator[None]:
    """The search with these changes."""
    with ExitStack() as stack:
        if {UNIVARIATE, FEW_RANDOM} & set(names):
            sampler = _sampler(univariate=UNIVARIATE in names, startup=FEW if FEW_RANDOM in names else None)
            stack.enter_context(patch.object(sweeps.search.sampler, "_plain_sampler", sampler))
        yield


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
