"""Rules about what is searched: spaces, samplers, objectives and budgets."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

from liverseg.config import LABELS, PARAMETERS
from sweeps.spec.dimension import Dimension
from sweeps.spec.faults import Fault, Path, show
from sweeps.spec.model import Spec
from sweeps.spec.space import Space, trials_of
from sweeps.spec.stages import Stage, stages_of

MAX_GRID = 100_000

_NUMERICAL_SAMPLERS = ("cmaes", "qmc")


def objectives_fit_labels(spec: Spec) -> Iterator[Fault]:
    """A metric of tumours needs tumours among the labels."""
    if LABELS[1] in spec.data.labels:
        return
    for metric in spec.search.objective:
        if "tumour" in metric:
            step = "write labels: [liver, tumour], or choose a metric of the liver"
            yield Fault(
                what="tumours are not among data.labels", path=("search", "objective"), got=metric, next_step=step
            )


def several_objectives(spec: Spec) -> Iterator[Fault]:
    """Several objectives: no trial is behind in all of them, so none is ended early; some samplers know one only."""
    if len(spec.search.objective) == 1:
        return
    got = f"{len(spec.search.objective)} objectives"
    if spec.search.scheduler.kind != "none":
        step = "write scheduler: none, or one objective"
        what = f"scheduler {spec.search.scheduler.kind} works with one objective"
        yield Fault(what=what, path=("search", "scheduler"), got=got, allowed="none", next_step=step)
    for path in {stage.sampler_path: None for stage in stages_of(spec) if stage.sampler == "cmaes"}:
        allowed = "tpe | random | grid | gp | nsga2 | qmc"
        yield Fault(what="sampler cmaes works with one objective", path=path, got=got, allowed=allowed)
    if spec.stages[1:]:
        what = "a stage cannot start from the best of several objectives"
        yield Fault(
            what=what, path=("search", "objective"), got=got, next_step="name one objective, or drop the stages"
        )


def fixed_or_sampled(spec: Spec) -> Iterator[Fault]:
    """One place says what a parameter is. A later stage may vary what `train` fixes: that is what stages are for."""
    fixed = {dimension.name: dimension for dimension in spec.train.fixed}
    for dimension in stages_of(spec)[0].space:
        if dimension.name in fixed:
            step = "remove one of the two"
            what = f"{dimension.name} stands in search.space too"
            yield Fault(
                what=what,
                path=("train", dimension.name),
                got=show(fixed[dimension.name].value),
                next_step=step,
                at_key=True,
            )


def prepared_sizes(spec: Spec) -> Iterator[Fault]:
    """Trials can only use sizes that are prepared."""
    prepared = spec.prepare.size
    if not prepared:
        return
    allowed = " | ".join(str(size) for size in prepared)
    used: list[tuple[Path, Dimension]] = [
        (("train", "size"), dimension) for dimension in spec.train.fixed if dimension.name == "size"
    ]
    used += [
        (path, dimension) for stage in stages_of(spec) for path, dimension in stage.sources if dimension.name == "size"
    ]
    for path, dimension in used:
        missing = [size for size in dimension.points() if size not in prepared]
        if missing:
            step = f"add {show(missing)} to prepare.size, or leave prepare.size out"
            yield Fault(what="not prepared", path=path, got=f"size {show(missing)}", allowed=allowed, next_step=step)
    default = PARAMETERS["size"].default
    if not used and len(prepared) > 1 and default not in prepared:
        step = "add size to search.space, or prepare one size"
        yield Fault(
            what="several sizes are prepared and none is chosen", path=("prepare", "size"), got=allowed, next_step=step
        )


def grids_can_be_listed(spec: Spec) -> Iterator[Fault]:
    """A grid has an end."""
    for stage in stages_of(spec):
        for path, dimension in stage.sources if stage.sampler == "grid" else ():
            if not dimension.enumerable:
                step = "write a list, for example [0.0001, 0.001], or choose another sampler"
                what = f"the grid sampler cannot list a continuous range of {dimension.name}"
                yield Fault(what=what, path=path, got=dimension.describe(), allowed="a list of values", next_step=step)


def budgets_fit_samplers(spec: Spec) -> Iterator[Fault]:
    """A grid is neither endless nor smaller than the trials asked for."""
    for index, stage in enumerate(stages_of(spec)):
        if stage.sampler != "grid" or any(not dimension.enumerable for _, dimension in stage.sources):
            continue
        size = grid_size(spec, stage)
        if size > MAX_GRID:
            step = "shorten the lists, or choose another sampler"
            yield Fault(
                what="the grid is too large",
                path=stage.sampler_path,
                got=f"{size} points",
                allowed=str(MAX_GRID),
                next_step=step,
            )
        elif stage.trials is not None and stage.trials > size:
            step = "leave trials out: a grid runs every point once"
            path: Path = ("stages", index, "trials") if spec.stages else ("search", "trials")
            yield Fault(
                what="more trials than the grid has points",
                path=path,
                got=str(stage.trials),
                allowed=f"at most {size}",
                next_step=step,
            )


def grid_size(spec: Spec, stage: Stage) -> int:
    """Points of a stage's grid, over all its architectures; the stage's dimensions must be enumerable."""
    space = Space.from_spec(spec, stage.name)
    names = space.architectures if stage.architectures else space.architectures[:1]
    return sum(space.size(name) or 0 for name in names)


def architectures_get_trials(spec: Spec) -> Iterator[Fault]:
    """With equal budgets each architecture gets at least one trial."""
    if spec.search.per_architecture == "joint":
        return
    for index, stage in enumerate(stages_of(spec)):
        count = len(stage.architectures)
        if stage.sampler == "grid" and stage.trials is None:
            continue
        trials = trials_of(spec, stage.name)
        if trials < count:
            own = spec.stages and spec.stages[index].trials is not None
            path: Path = ("stages", index, "trials") if own else ("search", "trials")
            step = "raise trials, name fewer architectures, or write per_architecture: joint"
            what = f"fewer trials than architectures ({count})"
            yield Fault(what=what, path=path, got=str(trials), allowed=f"at least {count}", next_step=step)


def torch_for_gp(spec: Spec) -> Iterator[Fault]:
    """Optuna's Gaussian processes are written in torch, which is not installed by default."""
    for path in {stage.sampler_path: None for stage in stages_of(spec) if stage.sampler == "gp"}:
        if find_spec("torch") is None:
            step = "run `pip install 'liversweep[gp]'`, or choose tpe"
            yield Fault(
                what="sampler gp needs the package torch, which is not installed", path=path, got="'gp'", next_step=step
            )


def warnings_of(spec: Spec) -> tuple[str, ...]:
    """What works, but probably not as meant; one sentence each."""
    by_stage = (sentence for stage in stages_of(spec) for sentence in _stage_warnings(spec, stage))
    return (*by_stage, *_keep_warnings(spec), *_gpu_warnings(spec))


def _gpu_warnings(spec: Spec) -> Iterator[str]:
    """A training uses one card, however many it is given."""
    if spec.trial.gpus > 1:
        yield (
            f"trial.gpus: {spec.trial.gpus:g}: a training uses one GPU, the others of a trial stand idle; with 1, more trials run "
            "at once"
        )


def _keep_warnings(spec: Spec) -> Iterator[str]:
    every, epochs = spec.keep.every, spec.train.epochs
    if every > epochs:
        yield f"keep.every ({every}) is more than train.epochs ({epochs}): a trial that crashes begins again"


def _stage_warnings(spec: Spec, stage: Stage) -> Iterator[str]:
    space = Space.from_spec(spec, stage.name)
    place = f"stage {stage.name}: " if spec.stages else ""
    if stage.sampler in _NUMERICAL_SAMPLERS:
        categorical = {
            dimension.name: None
            for _, dimension in stage.sources
            if dimension.kind == "categorical" and not dimension.fixed
        }
        if categorical:
            yield f"{place}sampler {stage.sampler} only models numbers; {', '.join(categorical)} is drawn at random"
    share = trials_of(spec, stage.name) // max(len(stage.architectures), 1)
    for name in space.architectures if stage.sampler != "grid" else ():
        size = space.size(name)
        if size is not None and size < share and (stage.architectures or name == space.architectures[0]):
            who = name if stage.architectures else "the winner"
            sets = "1 parameter set" if size == 1 else f"{size} different parameter sets"
            yield f"{place}{who} has only {sets} for about {share} trials; none is trained twice{_then(spec, stage, space)}"


def _then(spec: Spec, stage: Stage, space: Space) -> str:
    """What comes of the trials for which an architecture has no parameter set."""
    names = space.architectures if stage.architectures else space.architectures[:1]
    sizes = [space.size(name) for name in names]
    if None in sizes or sum(size or 0 for size in sizes) >= trials_of(spec, stage.name):
        return ", and others get the trials that it leaves"
    return f", so there will be {sum(size or 0 for size in sizes)} trials and not {trials_of(spec, stage.name)}"
