"""From a spec to what the search runs: its stages, and the stage that an extension with another space puts in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from results.ledger_line import Event
from sweeps.errors import SweepError
from sweeps.search.plan import Best, SearchPlan, Stage
from sweeps.search.proposer import Proposer
from sweeps.search.sampler import derived_seed
from sweeps.search.standing import Standing
from sweeps.spec import Spec, spec_from_resolved, stages_of
from sweeps.spec.space import Space, trials_of


def build_stages(spec: Spec) -> list[Stage]:
    """The stages of a spec; each opens its proposer when the one before has ended."""
    return [_stage(spec, stage.name, stage.sampler, stage.from_best) for stage in stages_of(spec)]


def build_standing(spec: Spec) -> Standing:
    """A search before its first trial."""
    return Standing(build_stages(spec), spec.search.objectives, spec.train.epochs)


def total_trials(spec: Spec) -> int:
    """Trials of all stages together."""
    return sum(trials_of(spec, stage.name) for stage in stages_of(spec))


def extended_spec(spec: Spec, space: Mapping[str, Any], file: str = "the extension") -> Spec:
    """The spec with another space in its last stage, prepared sizes added as needed.

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
    prepared, plain["prepare"]["size"] = plain["prepare"]["size"], None
    wider = spec_from_resolved(plain, file)
    sizes = sorted({*(prepared or ()), *(wider.prepare.size or ())})
    return spec_from_resolved({**plain, "prepare": {**plain["prepare"], "size": sizes}}, file)


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


def space_stage(spec: Spec, space: Mapping[str, Any]) -> Stage:
    """The last stage with another space; see `extended_spec`."""
    return build_stages(extended_spec(spec, space))[-1]


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
