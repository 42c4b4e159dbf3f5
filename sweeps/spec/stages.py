"""The searches of a spec in their order. A spec without `stages` is one search."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sweeps.errors import UsageError
from sweeps.spec.choices import ArchitectureChoice
from sweeps.spec.dimension import Dimension
from sweeps.spec.faults import Path
from sweeps.spec.model import SearchSection, Spec, StageSection

ONLY_STAGE = "search"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One search of the spec, with what it takes over from `search` filled in.

    Attributes:
        name: unique in the spec; `search` when the spec has no stages.
        from_best: what `space` and `architectures` do not name comes from the best trial of the stage before.
        trials: as the spec gives it; None leaves it to the sampler (see `sweeps.spec.space.trials_of`).
        sampler: one of the samplers.
        sampler_path: where the spec names it.
        space: values of shared parameters.
        architectures: those that take part with their own values; empty means the one of the best trial.
        sources: each dimension with the path where the spec gives it.
    """

    name: str
    from_best: bool
    trials: int | None
    sampler: str
    sampler_path: Path
    space: tuple[Dimension, ...]
    architectures: tuple[ArchitectureChoice, ...]
    sources: tuple[tuple[Path, Dimension], ...]


def stages_of(spec: Spec) -> tuple[Stage, ...]:
    """All searches of a spec, first to last; at least one."""
    if not spec.stages:
        return (_first(spec.search, None),)
    later = (_later(spec.search, stage, index) for index, stage in enumerate(spec.stages) if index)
    return (_first(spec.search, spec.stages[0]), *later)


def stage_of(spec: Spec, name: str | None = None) -> Stage:
    """The stage called `name`; the first one for None.

    Raises:
        UsageError: no such stage.
    """
    stages = stages_of(spec)
    for stage in stages:
        if name in (None, stage.name):
            return stage
    raise UsageError(
        "no such stage", where=spec.name, got=repr(name), allowed=" | ".join(stage.name for stage in stages)
    )


def _first(search: SearchSection, stage: StageSection | None) -> Stage:
    own = (stage.space if stage else None) or ()
    named = {dimension.name for dimension in own}
    space = tuple(dimension for dimension in search.space if dimension.name not in named) + own
    architectures = search.architectures if stage is None or stage.architectures is None else stage.architectures
    sources: list[tuple[Path, Dimension]] = [
        (("search", "space", dimension.name), dimension) for dimension in search.space if dimension.name not in named
    ]
    sources += [(("stages", 0, "space", dimension.name), dimension) for dimension in own]
    above: Path = ("search",) if architectures is search.architectures else ("stages", 0)
    sources += _architecture_sources(architectures, above)
    sampler = stage.sampler if stage else None
    return Stage(
        name=stage.name if stage else ONLY_STAGE,
        from_best=False,
        trials=search.trials if stage is None else stage.trials or _unless_grid(search, sampler),
        sampler=sampler or search.sampler,
        sampler_path=("stages", 0, "sampler") if sampler else ("search", "sampler"),
        space=space,
        architectures=architectures,
        sources=tuple(sources),
    )


def _later(search: SearchSection, stage: StageSection, index: int) -> Stage:
    space, architectures = stage.space or (), stage.architectures or ()
    above: Path = ("stages", index)
    sources: list[tuple[Path, Dimension]] = [((*above, "space", dimension.name), dimension) for dimension in space]
    return Stage(
        name=stage.name,
        from_best=True,
        trials=stage.trials or _unless_grid(search, stage.sampler),
        sampler=stage.sampler or search.sampler,
        sampler_path=(*above, "sampler") if stage.sampler else ("search", "sampler"),
        space=space,
        architectures=architectures,
        sources=(*sources, *_architecture_sources(architectures, above)),
    )


def _unless_grid(search: SearchSection, sampler: str | None) -> int | None:
    """`search.trials` counts for every stage without its own number, but a stage with a grid runs its grid."""
    return None if (sampler or search.sampler) == "grid" else search.trials


def _architecture_sources(choices: tuple[ArchitectureChoice, ...], above: Path) -> Iterator[tuple[Path, Dimension]]:
    for choice in choices:
        for dimension in choice.dimensions:
            yield (*above, "architectures", choice.name, dimension.name), dimension
