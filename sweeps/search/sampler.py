"""Optuna's samplers and pruners, built from the spec's words.

Pruners rather than Tune's schedulers decide on early stopping, because a pruner's memory is the study itself: whoever
rebuilds the study from the ledger has rebuilt the rungs, while Tune never saves them.
"""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sweeps.errors import UsageError
from sweeps.search.recall import MOST

if TYPE_CHECKING:
    import optuna
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

    from sweeps.search.lean_tpe import Generators
    from sweeps.search.seen_study import ViewedStudy


def derived_seed(seed: int, *words: str) -> int:
    """A seed below 2**31 for one purpose, from the sweep's seed and words that name the purpose."""
    return zlib.crc32(":".join((str(seed), *words)).encode()) & 0x7FFFFFFF


def remembers(name: str) -> bool:
    """Whether a sampler leaves marks of its own on the trials it is asked for, so that a rebuild must ask it again."""
    return name in ("cmaes", "nsga2", "qmc")


def models(name: str) -> bool:
    """Whether a sampler goes through all trials that it is shown at every proposal, so that it is shown only some."""
    return name in ("tpe", "gp", "cmaes", "nsga2", "qmc")


def view(name: str, study: optuna.Study) -> ViewedStudy:
    """What such a sampler is shown of a study.

    Of few trials `tpe` and `gp` are shown all, of many some (see `sweeps.search.recall`); the others always all that they
    would look for.
    """
    from sweeps.search.generations import CmaEsStudy, NsgaStudy
    from sweeps.search.seen_study import FirstStudy, SeenStudy

    if name in ("tpe", "gp"):
        return SeenStudy(study, MOST)
    kinds: dict[str, type[ViewedStudy]] = {"cmaes": CmaEsStudy, "nsga2": NsgaStudy, "qmc": FirstStudy}
    return kinds[name](study)


def build_sampler(
    name: str,
    *,
    seed: int,
    own_seed: int,
    trials: int,
    seen: ViewedStudy | None = None,
    generators: Generators | None = None,
) -> BaseSampler:
    """The Optuna sampler of that name, for one proposal.

    Args:
        name: one of `sweeps.spec.catalogue.SAMPLERS`. `grid` needs none of its own: its points are queued, and this
            returns a random sampler that is never asked.
        seed: fixes what proposals have in common (the sequence of `qmc`).
        own_seed: fixes what this proposal draws.
        trials: how many trials the sampler will see; model-based samplers spend at most a third of them, and at most
            10, on random points.
        seen: what samplers of which `models` is true are shown in the place of the study; None shows them the study.
        generators: lent to the sampler, which then draws the same at less cost; None makes new ones. No other sampler
            that they were lent to may be used any more.

    Raises:
        UsageError: `gp` without PyTorch.
    """
    if generators is not None and name in ("tpe", "random"):
        sampler = generators.lend(_plain_sampler(name, seed, None, trials), own_seed)
    else:
        sampler = _plain_sampler(name, seed, own_seed, trials)
    if seen is None or not models(name):
        return sampler
    from sweeps.search.seen_study import RecallingSampler

    return RecallingSampler(sampler, seen)


def _plain_sampler(name: str, seed: int, own_seed: int | None, trials: int) -> BaseSampler:
    from optuna import samplers
    from optuna.exceptions import ExperimentalWarning

    from sweeps.search.lean_tpe import LeanTpeSampler

    startup = max(2, min(10, trials // 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        if name == "tpe":
            return LeanTpeSampler(
                seed=own_seed, n_startup_trials=startup, multivariate=True, group=True, constant_liar=True
            )
        if name == "cmaes":
            return samplers.CmaEsSampler(seed=own_seed, n_startup_trials=1, warn_independent_sampling=False)
        if name == "gp":
            return _gp(own_seed, startup)
        if name == "nsga2":
            return samplers.NSGAIISampler(seed=own_seed, population_size=max(4, min(50, trials // 4)))
        if name == "qmc":
            return samplers.QMCSampler(
                seed=seed,
                scramble=True,
                independent_sampler=samplers.RandomSampler(seed=own_seed),
                warn_independent_sampling=False,
                warn_asynchronous_seeding=False,
            )
    return samplers.RandomSampler(seed=own_seed)


def build_pruner(scheduler: Mapping[str, Any], *, epochs: int) -> BasePruner:
    """The Optuna pruner for a resolved `search.scheduler` mapping; steps are epochs counted from 1.

    Args:
        scheduler: `{"kind": ..., "grace_epochs": ..., "reduction_factor": ...}`.
        epochs: epochs of a trial that is never stopped.
    """
    from optuna import pruners

    from sweeps.search.rungs import RungHyperband, RungMedian, RungPruner

    kind = scheduler["kind"]
    grace = int(scheduler.get("grace_epochs") or 1)
    factor = int(scheduler.get("reduction_factor") or 3)
    if kind == "asha":
        return RungPruner(grace, factor)
    if kind == "hyperband":
        return RungHyperband(min_resource=grace, max_resource=max(epochs, grace), reduction_factor=factor)
    if kind == "median":
        return RungMedian(n_startup_trials=3, n_warmup_steps=grace)
    return pruners.NopPruner()


def _gp(seed: int | None, startup: int) -> BaseSampler:
    from optuna import samplers

    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise UsageError(
            "search.sampler: gp needs PyTorch, which is not installed; install it with: pip install 'liversweep[gp]', "
            "or choose another sampler: tpe"
        ) from error
    return samplers.GPSampler(seed=seed, n_startup_trials=startup)
