"""Fill in what follows from the rest of a spec, so that the resolved spec leaves nothing open."""

from __future__ import annotations

from sweeps.spec.model import Spec
from sweeps.spec.space import Space, trials_of
from sweeps.spec.stages import stages_of

DEFAULT_GRACE_EPOCHS = 2
DEFAULT_REDUCTION_FACTOR = 3


def complete(spec: Spec) -> Spec:
    """A checked spec with sizes, numbers of trials and scheduler options filled in; idempotent."""
    prepare = spec.prepare.model_copy(update={"size": spec.prepare.size or _sizes(spec)})
    scheduler = spec.search.scheduler
    grace, factor = scheduler.grace_epochs, scheduler.reduction_factor
    if scheduler.kind != "none":
        grace = grace or min(DEFAULT_GRACE_EPOCHS, spec.train.epochs)
    if scheduler.kind in ("asha", "hyperband"):
        factor = factor or DEFAULT_REDUCTION_FACTOR
    changes: dict[str, object] = {
        "scheduler": scheduler.model_copy(update={"grace_epochs": grace, "reduction_factor": factor})
    }
    if not spec.stages:
        changes["trials"] = trials_of(spec)
    stages = tuple(
        section.model_copy(
            update={
                "trials": trials_of(spec, stage.name),
                "sampler": stage.sampler,
                "start": "best" if stage.from_best else None,
            }
        )
        for section, stage in zip(spec.stages, stages_of(spec), strict=False)
    )
    return spec.model_copy(
        update={"prepare": prepare, "search": spec.search.model_copy(update=changes), "stages": stages}
    )


def _sizes(spec: Spec) -> tuple[int, ...]:
    """Every size that a trial can have: those of the first stage, and what later stages add."""
    first, *later = stages_of(spec)
    space = Space.from_spec(spec, first.name)
    sizes = {
        size
        for name in space.architectures
        for dimension in space.dimensions(name)
        if dimension.name == "size"
        for size in dimension.points()
    }
    sizes |= {
        size
        for stage in later
        for _, dimension in stage.sources
        if dimension.name == "size"
        for size in dimension.points()
    }
    return tuple(sorted(sizes))
