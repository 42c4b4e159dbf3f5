"""What a sweep would cost, without training: counts from the spec, one real step an architecture, arithmetic for the rest."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING, Any

from cluster.local import usable_cpus
from liverseg.config import PARAMETERS
from liverseg.models import ArchitectureFacts, describe
from sweeps.forecast import DiskForecast, Network, forecast, largest_size_px, optimizer_slots
from sweeps.spec import Spec, stages_of
from sweeps.spec.space import Space, split_parameters, trials_of
from sweeps.stages import replication_of

if TYPE_CHECKING:
    from sweeps.cohort import Cohort
    from sweeps.spec.dimension import Dimension

PROBE_BATCH = 4
PROBE_TIMEOUT_S = 600
BYTES_A_WEIGHT = 16  # the weight, its gradient and the optimizer's two moments, 32 bits each
COMBINATIONS = 512


@dataclass(frozen=True, slots=True)
class ArchitectureEstimate:
    """One architecture's share of a sweep.

    Attributes:
        trials: how many it gets; a joint search shares them evenly here.
        replicates: trials that repeat its settings on other folds and with other seeds, at most.
        parameters: fewest and most weights in the space.
        gflops: least and most, forward pass of one slice.
        seconds_per_trial: of a trial that is never stopped early, the mean over the space.
        memory_mb: resident memory of a worker at the largest setting, extrapolated from the measured step.
        problem: why it could not be measured; empty otherwise.
    """

    name: str
    trials: int
    replicates: int
    parameters: tuple[int, int]
    gflops: tuple[float, float]
    seconds_per_trial: float | None
    memory_mb: float | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a sweep would cost."""

    name: str
    trials: int
    slots: int
    stages: tuple[tuple[str, int], ...]
    slices: Mapping[str, int]
    store_bytes: int
    seconds: float | None
    disk: DiskForecast
    architectures: tuple[ArchitectureEstimate, ...]

    def as_dict(self) -> dict[str, Any]:
        """JSON-able, with `schema_version`."""
        return {"schema_version": 2, **asdict(self), "disk": self.disk.as_dict()}


def estimate(
    spec: Spec,
    cohort: Cohort,
    store_bytes: int,
    cache_bytes: int = 0,
    on_architecture: Callable[[], None] = lambda: None,
) -> Estimate:
    """Measure one step of each architecture and work out the rest.

    Args:
        spec: a loaded spec.
        cohort: its checked scans.
        store_bytes: what the prepared cases take.
        cache_bytes: what the cache of prepared scans will grow by.
        on_architecture: called after each measurement.
    """
    slots = max(1, (spec.cluster.cpus or usable_cpus()) // spec.trial.cpus)
    stages = _stages(spec)
    slices = {part: cohort.slices(part) for part in ("train", "validation", "test")}
    rows = []
    for name in dict.fromkeys(name for space, _ in stages for name in space.architectures):
        rows.append(_architecture(spec, name, _shares(stages, name), slices))
        on_architecture()
    known = [row.seconds_per_trial * (row.trials + row.replicates) for row in rows if row.seconds_per_trial is not None]
    return Estimate(
        name=spec.name,
        trials=sum(trials for _, trials in stages),
        slots=slots,
        stages=tuple((space.stage, trials) for space, trials in stages),
        slices=slices,
        store_bytes=store_bytes,
        seconds=sum(known) / slots if len(known) == len(rows) else None,
        disk=forecast(
            spec.keep,
            [_network(spec, stages, row) for row in rows],
            slots=slots,
            epochs=spec.train.epochs,
            cases=len(cohort.part("validation")),
            folds=cohort.folds,
            objectives=len(spec.search.objective),
            cache_bytes=cache_bytes,
        ),
        architectures=tuple(rows),
    )


def _stages(spec: Spec) -> list[tuple[Space, int]]:
    """Every stage's space and trials. What a later stage does not name may be any value of the stages before it."""
    stages: list[tuple[Space, int]] = []
    before: dict[str, dict[str, Dimension]] = {}
    for stage in stages_of(spec):
        space, members = Space.from_spec(spec, stage.name), []
        for name, dimensions in space.members:
            named = {item.name for path, item in stage.sources if path[-2] in ("space", name)}
            inherited = {key: item for key, item in before.get(name, {}).items() if key not in named}
            before[name] = {item.name: item for item in dimensions} | inherited
            members.append((name, tuple(before[name].values())))
        stages.append((replace(space, members=tuple(members)), trials_of(spec, stage.name)))
    return stages


def _shares(stages: Sequence[tuple[Space, int]], name: str) -> list[tuple[Space, int]]:
    """The stages in which an architecture can take part, with its even share of their trials.

    Which architecture a later stage runs is not known before the one before it has ended; the even share is the fair guess.
    """
    shares = []
    for space, trials in stages:
        if name in space.architectures:
            index, parts = space.architectures.index(name), len(space.architectures)
            shares.append((space, trials // parts + (index < trials % parts)))
    return shares


def _network(spec: Spec, stages: Sequence[tuple[Space, int]], row: ArchitectureEstimate) -> Network:
    """An architecture as the disk sees it.

    A joint search, and a stage that goes on with the best architecture, may give all of their trials to one.
    """
    spaces = [(index, space, trials) for index, (space, trials) in enumerate(stages) if row.name in space.architectures]
    dimensions = [space.dimensions(row.name) for _, space, _ in spaces]
    shared = spec.search.per_architecture != "joint"
    most = sum(
        _shares([(space, trials)], row.name)[0][1] if shared and index == 0 else trials
        for index, space, trials in spaces
    )
    return Network(
        name=row.name,
        trials=row.trials,
        most=most,
        parameters=row.parameters[1],
        optimizer_slots=max(map(optimizer_slots, dimensions)),
        size_px=max(map(largest_size_px, dimensions)),
        replicates=row.replicates,
        kept_replicates=row.replicates
        if spec.search.replicate == "best" or spec.keep.best is None
        else min(row.replicates, (spec.keep.best + 1) * (replication_of(spec).trials - 1)),
    )


def _replicates(spec: Spec, trials: int) -> int:
    """Repetitions of an architecture's settings, if no trial is ended early."""
    each = replication_of(spec).trials - 1
    return each * (trials if spec.search.replicate == "all" else min(trials, 1))


def _architecture(
    spec: Spec, name: str, shares: Sequence[tuple[Space, int]], slices: Mapping[str, int]
) -> ArchitectureEstimate:
    by_stage = [list(itertools.islice(_settings(space.dimensions(name)), COMBINATIONS)) for space, _ in shares]
    costs = [[_facts(spec, name, setting) for setting in settings] for settings in by_stage]
    facts = [fact for stage in costs for fact in stage]
    settings = [setting for stage in by_stage for setting in stage]
    trials = sum(count for _, count in shares)
    replicates = _replicates(spec, trials)
    parameters = (min(fact.parameters for fact in facts), max(fact.parameters for fact in facts))
    gflops = (min(fact.gflops for fact in facts), max(fact.gflops for fact in facts))
    largest = max(range(len(facts)), key=lambda index: facts[index].gflops)
    answer = _probe(spec, name, settings[largest])
    if "error" in answer:
        return ArchitectureEstimate(name, trials, replicates, parameters, gflops, None, None, str(answer["error"]))
    # Time goes with the operations: a stage's trials cost the mean over its settings.
    work = [count * fmean(fact.gflops for fact in stage) for (_, count), stage in zip(shares, costs, strict=True)]
    relative = sum(work) / max(1, trials) / facts[largest].gflops
    epoch = (answer["step_s"] * slices["train"] + answer["predict_s"] * slices["validation"]) / PROBE_BATCH * relative
    memory = max(
        _memory_mb(answer, facts[largest], fact, _batch(one)) for one, fact in zip(settings, facts, strict=True)
    )
    seconds = answer["start_s"] + epoch * spec.train.epochs
    return ArchitectureEstimate(name, trials, replicates, parameters, gflops, seconds, memory)


def _memory_mb(
    answer: Mapping[str, float], measured: ArchitectureFacts, wanted: ArchitectureFacts, batch: int
) -> float:
    """Memory of a worker: libraries, what every weight needs, and feature maps in proportion to their number and the batch.

    `answer` is the step that was measured, of the network `measured` at `PROBE_BATCH`.
    """
    fixed = measured.parameters * BYTES_A_WEIGHT / 1e6
    maps = max(0.0, answer["peak_memory_mb"] - answer["base_memory_mb"] - fixed)
    growth = wanted.feature_values * batch / (measured.feature_values * PROBE_BATCH)
    return answer["base_memory_mb"] + wanted.parameters * BYTES_A_WEIGHT / 1e6 + maps * growth


def _settings(dimensions: tuple[Dimension, ...]) -> Any:
    """Every combination of the values that change the cost; a range is stood for by its two ends."""
    costly = [
        item
        for item in dimensions
        if item.name not in PARAMETERS or item.name in ("size", "batch_size", "mixed_precision")
    ]
    values = [item.choices if item.kind == "categorical" else item.bounds for item in costly]
    for combination in itertools.product(*values):
        yield {item.name: _typed(item, value) for item, value in zip(costly, combination, strict=True)}


def _typed(dimension: Dimension, value: Any) -> Any:
    return int(value) if dimension.kind == "int" else value


def _batch(setting: Mapping[str, Any]) -> int:
    return int(setting.get("batch_size", PARAMETERS["batch_size"].default))


def _facts(spec: Spec, name: str, setting: Mapping[str, Any]) -> ArchitectureFacts:
    options, parameters = split_parameters(name, setting)
    size = parameters.get("size", PARAMETERS["size"].default)
    return describe(name, size_px=size, options=options, classes=1 + len(spec.data.labels))


def _probe(spec: Spec, name: str, setting: Mapping[str, Any]) -> dict[str, Any]:
    """One real step in a fresh process, so that its memory is that network's alone."""
    options, parameters = split_parameters(name, setting)
    request = {
        "architecture": name,
        "options": options,
        "parameters": {**parameters, "batch_size": PROBE_BATCH},
        "labels": list(spec.data.labels),
        "threads": spec.trial.cpus,
    }
    hidden = {} if spec.trial.gpus else {"CUDA_VISIBLE_DEVICES": "-1"}
    process = subprocess.run(
        [sys.executable, "-m", "liverseg.training.probe"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        timeout=PROBE_TIMEOUT_S,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **hidden},
        check=False,
    )
    if process.returncode:
        last = process.stderr.strip().splitlines()[-1:] or [f"exit code {process.returncode}"]
        return {"error": f"the step did not run: {last[0]}"}
    answer: dict[str, Any] = json.loads(process.stdout.strip().splitlines()[-1])
    return answer
