"""A loaded spec in a few lines of words."""

from __future__ import annotations

from results.text import printable
from sweeps.spec.catalogue import METRICS
from sweeps.spec.model import KeepSection, Spec, SplitSection
from sweeps.spec.space import Space, trials_of
from sweeps.spec.stages import Stage, stages_of


def summary_lines(spec: Spec) -> tuple[str, ...]:
    """What a sweep will do, one fact a line: scans, stages with their spaces, training, limits."""
    data, train, trial = spec.data, spec.train, spec.trial
    split = _split_words(data.split)
    objective = ", ".join(f"{name} ({METRICS[name][:3]}.)" for name in spec.search.objective)
    sizes = ", ".join(str(size) for size in spec.prepare.size or ())
    lines = [
        f"scans      {data.root} (layout {data.layout}; labels {', '.join(data.labels)})",
        *([f"licence    {printable(data.license)}"] if data.license else []),
        *([f"reviews    corrected cases of {data.reviews} join the training patients"] if data.reviews else []),
        f"split      {split}, by patient",
        f"prepare    size {sizes}; training slices {spec.prepare.slices}; fit {spec.prepare.fit}",
        f"objective  {objective}; scheduler {spec.search.scheduler.kind}",
    ]
    for stage in stages_of(spec):
        lines += _stage_lines(spec, stage)
    lines += _replicate_line(spec)
    limits = f"{trial.cpus} CPU, {trial.gpus:g} GPU"
    deadline = "no deadline" if trial.deadline_s is None else f"deadline {trial.deadline_s:g} s"
    stall = "never stalled" if trial.stall_s is None else f"stalled after {trial.stall_s:g} s"
    lines.append(f"trial      {train.epochs} epochs, seed {train.seed}; {limits}, {deadline}, {stall}")
    lines.append(_keep_line(spec.keep))
    return tuple(lines)


def _split_words(split: SplitSection) -> str:
    validation = f"validation {split.validation:g}" if split.folds == 1 else f"{split.folds} folds of the rest"
    return f"test {split.test:g}, {validation}, seed {split.seed}"


def _replicate_line(spec: Spec) -> list[str]:
    """How settings are repeated; nothing when they are not."""
    folds, seeds = spec.data.split.folds, spec.train.seeds
    if folds * seeds == 1:
        return []
    whose = (
        "the best setting of each architecture" if spec.search.replicate == "best" else "every setting that finishes"
    )
    return [f"repeated   {whose}, {folds * seeds} trainings in all ({folds} folds × {seeds} seeds)"]


def _keep_line(keep: KeepSection) -> str:
    best = "all trials" if keep.best is None else f"best {keep.best} and the best of each architecture"
    states = (
        f"{keep.last} state{'s' * (keep.last > 1)} of a running trial, every {keep.every} epoch{'s' * (keep.every > 1)}"
    )
    room = "no limit" if not keep.min_free_bytes else f"{keep.min_free_bytes / 1e9:g} GB left free"
    return f"keep       {best}; {states}; {room}"


def _stage_lines(spec: Spec, stage: Stage) -> list[str]:
    space = Space.from_spec(spec, stage.name)
    trials = trials_of(spec, stage.name)
    names = ", ".join(choice.name for choice in stage.architectures) or "the best of the stage before"
    lines = [f"{stage.name:<10} {trials} trials, sampler {stage.sampler}: {names}"]
    return [*lines, *(f"  {key}: {words}" for key, words in space.describe(sampled_only=True).items())]
