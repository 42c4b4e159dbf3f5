"""Optuna's side of a search: a study, and what its trials are asked for and called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sweeps.search.sampler import build_pruner, build_sampler

if TYPE_CHECKING:
    import optuna

    from sweeps.search.plan import SearchPlan
    from sweeps.spec.space import Dimension, Space


def new_study(plan: SearchPlan, key: str, trials: int) -> optuna.Study:
    """A study in memory.

    Args:
        plan: how its stage is searched.
        key: the architecture, or another word where it has trials of several.
        trials: as many as its sampler will see.
    """
    import optuna
    from optuna.study import StudyDirection

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(
        # Hyperband sorts trials into brackets by the study's name and the trial's number.
        study_name=f"{plan.stage}.{key}",
        sampler=build_sampler("random", seed=0, own_seed=0, trials=trials),
        pruner=build_pruner(plan.scheduler, epochs=plan.epochs),
        directions=[StudyDirection[word.upper()] for word in plan.directions],
    )


def choose_architecture(trial: optuna.Trial, space: Space) -> str:
    """The architecture of a trial of a joint study."""
    return str(trial.suggest_categorical("architecture", list(space.architectures)))


def label(space: Space, dimension: Dimension, architecture: str, joint: bool) -> str:
    """Optuna's name of a dimension: in a joint study only dimensions that all architectures share keep their own."""
    if not joint:
        return dimension.name
    shared = all(dimension in space.for_architecture(name) for name in space.architectures)
    return dimension.name if shared else f"{architecture}.{dimension.name}"


def suggest(trial: optuna.Trial, dimension: Dimension, name: str) -> Any:
    """One value of a dimension, under that name, from an Optuna trial."""
    if dimension.kind == "categorical":
        return trial.suggest_categorical(name, list(dimension.choices))
    low, high = dimension.bounds
    if dimension.kind == "int":
        return trial.suggest_int(name, int(low), int(high), step=int(dimension.step or 1), log=dimension.log)
    return trial.suggest_float(name, low, high, step=dimension.step, log=dimension.log)
