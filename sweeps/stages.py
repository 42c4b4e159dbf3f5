"""From a spec to what the search runs: its stages, and the stage that an extension with another space puts in place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from results.ledger_line import Event
from results.sweep_parts import Replication
from sweeps.errors import SweepError, UsageError
from sweeps.search.plan import Best, SearchPlan, Stage
from sweeps.search.proposer import Proposer
from sweeps.search.sampler import derived_seed
from sweeps.search.standing import Standing
from sweeps.spec import Spec, spec_from_resolved, stages_of
from sweeps.spec.complete import complete
from sweeps.spec.search_checks import grid_size
from sweeps.spec.space import Space, trials_of


def build_stages(spec: Spec) -> list[Stage]:
    """The stages of a spec; each opens its proposer when the one before has ended."""
    return [_stage(spec, stage.name, stage.sampler, stage.from_best) for stage in stages_of(spec)]


def build_standing(spec: Spec) -> Standing:
    """A search before its first trial."""
    names = {name for stage in stages_of(spec) for name in (choice.name for choice in stage.architectures)}
    return Standing(
        build_stages(spec), spec.search.objectives, spec.train.epochs, replication_of(spec), max(1, len(names))
    )


def replication_of(spec: Spec) -> Replication:
    """On which folds, and with how many seeds, settings are repeated."""
    return Replication(spec.data.split.folds, spec.train.seeds, spec.search.replicate)


def total_trials(spec: Spec) -> int:
    """Trials of all stages together."""
    return sum(trials_of(spec, stage.name) for stage in stages_of(spec))


def extended_spec(spec: Spec, space: Mapping[str, Any], file: str = "the extension") -> Spec:
    """The spec with another space in its last stage, prepared sizes added as needed.

    What the new space names counts, also where `train` fixed it before. The stage's number of trials was meant for the old
    space. It stays as far as the new one allows: a grid has as many as it has points, and every architecture gets one.

    Args:
        spec: as it was.
        space: `space` and `architectures`, each optional, as the spec's YAML writes them.
        file: what error messages call it.

    Raises:
        SpecError: it is no space.
    """
    plain = spec.resolved()
    part = plain["stages"][-1] if plain["stages"] else plain["search"]
    part.update({name: space[name] for name in ("space", "architectures") if name in space})
    if stages_of(spec)[-1].sampler == "grid":
        part["trials"] = None
    elif isinstance(part["architectures"], Mapping):
        part["trials"] = max(part["trials"] or 0, len(part["architectures"]))
    if len(plain["stages"]) < 2 and isinstance(part["space"], Mapping):
        plain["train"] = {name: value for name, value in plain["train"].items() if name not in part["space"]}
    prepared, plain["prepare"]["size"] = plain["prepare"]["size"], None
    wider = complete(spec_from_resolved(plain, file))
    sizes = sorted({*(prepared or ()), *(wider.prepare.size or ())})
    return complete(spec_from_resolved({**plain, "prepare": {**plain["prepare"], "size": sizes}}, file))


def spec_after(spec: Spec, events: Sequence[Event]) -> Spec:
    """The spec with every extension of a ledger in it: its spaces, sizes and number of epochs."""
    for event in events:
        if event.name != "extended":
            continue
        if event.payload.get("space"):
            spec = extended_spec(spec, event.payload["space"])
        if event.payload.get("epochs"):
            train = spec.train.model_copy(update={"epochs": int(event.payload["epochs"])})
            spec = spec.model_copy(update={"train": train})
    return spec


def space_stages(spec: Spec) -> Callable[[Mapping[str, Any]], Stage]:
    """Makes the last stage with another space, see `extended_spec`; each call goes on from what the one before made."""
    present = spec

    def open_space(space: Mapping[str, Any]) -> Stage:
        nonlocal present
        present = extended_spec(present, space)
        return build_stages(present)[-1]

    return open_space


def check_grids(spec: Spec, standing: Standing, asked: int) -> None:
    """Refuse more trials than the grids that are still to come have points, and any where every parameter set was tried.

    Args:
        spec: with every extension.
        standing: with every extension.
        asked: how many trials were asked for last.

    Raises:
        UsageError: says how many there can be.
    """
    for index, stage in enumerate(stages_of(spec)):
        missing = standing.course.missing_points(index, grid_size(spec, stage) if stage.sampler == "grid" else None)
        if missing:
            raise UsageError(
                "the grid has not that many points left",
                where=f"stage {stage.name}" if spec.stages else "--trials",
                got=asked,
                allowed=f"at most {max(0, asked - missing)}",
                next_step="give a larger space: --space FILE",
            )
    if asked and standing.course.used_up:
        raise UsageError(
            "every parameter set of the space was tried, and none is trained twice",
            where=f"stage {standing.stage.name}" if spec.stages else "--trials",
            got=asked,
            allowed="none",
            next_step="give a larger space: --space FILE; or train longer: --epochs N; or with more seeds, in a new sweep",
        )


def _stage(spec: Spec, name: str, sampler: str, from_best: bool) -> Stage:
    trials = trials_of(spec, name)
    search = spec.search
    plan = SearchPlan(
        stage=name,
        trials=trials,
        per_architecture=search.per_architecture,
        sampler=sampler,
        scheduler=search.scheduler.model_dump(),
        directions=tuple(item.direction for item in search.objectives),
        epochs=spec.train.epochs,
        seed=derived_seed(search.seed, name),
        trial_seed=spec.train.seed,
    )

    def open_stage(best: Best | None) -> Proposer:
        if from_best and best is None:
            raise SweepError(
                "no trial of the stages before has a score to start from",
                where=f"stage {name}",
                next_step="look at the failures with: liversweep show",
            )
        base = {"architecture": best.architecture, "parameters": dict(best.parameters)} if best and from_best else None
        return Proposer(Space.from_spec(spec, name, base), plan)

    return Stage(name, trials, open_stage)
