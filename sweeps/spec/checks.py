"""Rules that concern several parts of a spec at once. Each is a small generator of faults with their place in the spec.

`check` skips a rule when one of the values that it depends on could not be read: a default in its place would make the
rule complain about what the user did not write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from sweeps.spec.faults import Fault, Path, show
from sweeps.spec.model import Spec
from sweeps.spec.search_checks import (
    architectures_get_trials,
    budgets_fit_samplers,
    fixed_or_sampled,
    grids_can_be_listed,
    objectives_fit_labels,
    prepared_sizes,
    several_objectives,
    torch_for_gp,
)

Rule = Callable[[Spec], Iterator[Fault]]


def check(spec: Spec, unread: Iterable[Path] = ()) -> list[Fault]:
    """Everything that is wrong with a spec whose fields are each right.

    Args:
        spec: the spec.
        unread: paths of values that were wrong and are replaced by defaults.
    """
    missing = tuple(unread)
    return [fault for depends, rule in _RULES if not _touches(depends, missing) for fault in rule(spec)]


def _touches(depends: tuple[str, ...], missing: tuple[Path, ...]) -> bool:
    for text in depends:
        path = tuple(text.split("."))
        if any(path[: len(other)] == other[: len(path)] for other in missing):
            return True
    return False


def pairs_have_globs(spec: Spec) -> Iterator[Fault]:
    """Layout `pairs` needs both globs; the others find their files by themselves."""
    for name, glob in (("images", spec.data.images), ("masks", spec.data.masks)):
        if spec.data.layout == "pairs" and glob is None:
            step = f"write for example {name}: '{name}/*.nii.gz'"
            yield Fault(
                what=f"layout pairs needs data.{name}",
                path=("data", "layout"),
                got="no such key",
                allowed="a glob",
                next_step=step,
            )
        if spec.data.layout != "pairs" and glob is not None:
            step = "write layout: pairs, or leave the line out"
            yield Fault(
                what=f"only layout pairs takes {name}",
                path=("data", name),
                got=f"layout {spec.data.layout}",
                next_step=step,
            )


def parts_leave_training(spec: Spec) -> Iterator[Fault]:
    """Test and validation must leave patients to train on."""
    split = spec.data.split
    if split.folds == 1 and split.test + split.validation >= 1:
        got = f"test {split.test:g} + validation {split.validation:g}"
        yield Fault(what="no patients are left to train on", path=("data", "split"), got=got, allowed="a sum below 1")


def whole_gpus(spec: Spec) -> Iterator[Fault]:
    """A trial shares one GPU or has whole ones."""
    if spec.trial.gpus > 1 and not spec.trial.gpus.is_integer():
        allowed = "a fraction up to 1, or a whole number"
        yield Fault(what="a part of several GPUs", path=("trial", "gpus"), got=show(spec.trial.gpus), allowed=allowed)


def trials_fit_cluster(spec: Spec) -> Iterator[Fault]:
    """At least one trial must fit on the machine."""
    limit = spec.cluster.cpus
    if limit is not None and spec.trial.cpus > limit:
        step = "lower trial.cpus or raise cluster.cpus"
        yield Fault(
            what="no trial fits",
            path=("trial", "cpus"),
            got=show(spec.trial.cpus),
            allowed=f"at most {limit}",
            next_step=step,
        )


def scheduler_options(spec: Spec) -> Iterator[Fault]:
    """Options of schedulers that would have no effect are mistakes."""
    scheduler, path = spec.search.scheduler, ("search", "scheduler")
    if scheduler.grace_epochs is not None and scheduler.kind != "none" and scheduler.grace_epochs > spec.train.epochs:
        allowed = f"at most train.epochs, {spec.train.epochs}"
        yield Fault(
            what="no trial could be ended",
            path=(*path, "grace_epochs"),
            got=show(scheduler.grace_epochs),
            allowed=allowed,
        )
    takes = {
        "asha": ("grace_epochs", "reduction_factor"),
        "hyperband": ("grace_epochs", "reduction_factor"),
        "median": ("grace_epochs",),
    }
    for option in ("grace_epochs", "reduction_factor"):
        if getattr(scheduler, option) is not None and option not in takes.get(scheduler.kind, ()):
            step = "leave the line out"
            yield Fault(
                what=f"scheduler {scheduler.kind} has no {option}", path=(*path, option), next_step=step, at_key=True
            )


def stages_follow(spec: Spec) -> Iterator[Fault]:
    """Stage names are unique, the first starts from nothing, and each later one changes something."""
    names = [stage.name for stage in spec.stages]
    for index, stage in enumerate(spec.stages):
        path = ("stages", index)
        if stage.name in names[:index]:
            yield Fault(
                what="two stages have one name",
                path=(*path, "name"),
                got=show(stage.name),
                next_step="give each its own",
            )
        if index == 0 and stage.start is not None:
            yield Fault(
                what="the first stage has no stage before it",
                path=(*path, "from"),
                got=stage.start,
                next_step="leave the line out",
            )
        if index > 0 and not stage.space and not stage.architectures:
            step = "give it a space, for example space: {batch_size: [8, 16, 32]}"
            yield Fault(what=f"stage {stage.name} changes nothing", path=path, next_step=step)


_SPACES = ("search.space", "search.architectures", "stages")
_RULES: tuple[tuple[tuple[str, ...], Rule], ...] = (
    (("data.layout", "data.images", "data.masks"), pairs_have_globs),
    (("data.split.test", "data.split.validation", "data.split.folds"), parts_leave_training),
    (("trial.gpus",), whole_gpus),
    (("trial.cpus", "cluster.cpus"), trials_fit_cluster),
    (("search.scheduler", "train.epochs"), scheduler_options),
    (("stages",), stages_follow),
    (("search.objective", "data.labels"), objectives_fit_labels),
    (("search.objective", "search.sampler", "search.scheduler"), several_objectives),
    ((), fixed_or_sampled),
    (("prepare.size", "train.size", "search.space.size"), prepared_sizes),
    (("search.sampler",), grids_can_be_listed),
    (("search.sampler", "search.trials", *_SPACES), budgets_fit_samplers),
    (("search.trials", "search.architectures", "search.per_architecture", "stages"), architectures_get_trials),
    (("search.sampler",), torch_for_gp),
)
