"""What a sweep would cost, without training: counts from the spec, one real step an architecture, arithmetic for the rest.

Where a space has `mixed_precision` or `xla` both ways, a step is measured for each way: neither time nor memory of the one
follows from the other.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING, Any

from cluster.config import Slots
from liverseg.config import PARAMETERS
from liverseg.models import ArchitectureFacts, describe
from sweeps.costs.combinations import costly_settings, way_of
from sweeps.costs.fit import Fit, Room, fit
from sweeps.costs.forecast import DiskForecast, Network, forecast, largest_size_px, optimizer_slots
from sweeps.costs.needs import ESTIMATE_ERROR, Measured, batch_of
from sweeps.spec import Spec, stages_of
from sweeps.spec.space import Space, split_parameters, trials_of
from sweeps.stages import replication_of
from sweeps.workplace import worker_environment

if TYPE_CHECKING:
    from sweeps.cohort import Cohort
    from sweeps.spec.dimension import Dimension

PROBE_BATCH = 4
PROBE_TIMEOUT_S = 600


@dataclass(frozen=True, slots=True)
class ArchitectureEstimate:
    """One architecture's share of a sweep.

    Attributes:
        trials: how many it gets; a joint search shares them evenly here.
        replicates: trials that repeat its settings on other folds and with other seeds, at most.
        parameters: fewest and most weights in the space.
        gflops: least and most, forward pass of one slice.
        seconds_per_trial: of a trial that is never stopped early, the mean over the space.
        memory_mb: private memory of a worker at the largest setting, extrapolated from the measured step.
        gpu_memory_mb: the same of its GPU; None for trials without.
        fit: which combinations need more than a trial may have; None when it is not known what that is.
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
    gpu_memory_mb: float | None = None
    fit: Fit | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a sweep would cost.

    Attributes:
        room: memory that a trial may have; None when it is not known here.
        The others: see `ArchitectureEstimate` and the names.
    """

    name: str
    trials: int
    slots: int
    stages: tuple[tuple[str, int], ...]
    slices: Mapping[str, int]
    store_bytes: int
    seconds: float | None
    disk: DiskForecast
    architectures: tuple[ArchitectureEstimate, ...]
    room: Room | None = None

    @property
    def misfits(self) -> tuple[str, ...]:
        """A line for each architecture with combinations that cannot fit."""
        room = self.room
        rows = [row for row in self.architectures if row.fit is not None and row.fit.unfit]
        return tuple(row.fit.words(row.name, room) for row in rows if row.fit is not None and room is not None)

    @property
    def hopeless(self) -> tuple[str, ...]:
        """Architectures of which nothing fits."""
        return tuple(row.name for row in self.architectures if row.fit is not None and row.fit.hopeless)

    def as_dict(self) -> dict[str, Any]:
        """JSON-able, with `schema_version`."""
        return {"schema_version": 2, **asdict(self), "disk": self.disk.as_dict(), "misfits": list(self.misfits)}


def estimate(
    spec: Spec,
    cohort: Cohort,
    store_bytes: int,
    cache_bytes: int = 0,
    *,
    slots: Slots,
    room: Room | None = None,
    on_architecture: Callable[[], None] = lambda: None,
) -> Estimate:
    """Measure one step of each architecture and work out the rest.

    Args:
        spec: a loaded spec.
        cohort: its checked scans.
        store_bytes: what the prepared cases take.
        cache_bytes: what the cache of prepared scans will grow by.
        slots: how many trials will run at once.
        room: memory that a trial may have; None when it is not known here.
        on_architecture: called after each measurement.
    """
    stages = _stages(spec)
    slices = {part: cohort.slices(part) for part in ("train", "validation", "test")}
    rows = []
    for name in dict.fromkeys(name for space, _ in stages for name in space.architectures):
        rows.append(_architecture(spec, name, _shares(stages, name), slices, room))
        on_architecture()
    known = [row.seconds_per_trial * (row.trials + row.replicates) for row in rows if row.seconds_per_trial is not None]
    return Estimate(
        name=spec.name,
        trials=sum(trials for _, trials in stages),
        slots=slots.count,
        stages=tuple((space.stage, trials) for space, trials in stages),
        slices=slices,
        store_bytes=store_bytes,
        seconds=sum(known) / slots.count if len(known) == len(rows) else None,
        disk=forecast(
            spec.keep,
            [_network(spec, stages, row) for row in rows],
            slots=slots.count,
            epochs=spec.train.epochs,
            cases=len(cohort.part("validation")),
            folds=cohort.folds,
            objectives=len(spec.search.objective),
            cache_bytes=cache_bytes,
        ),
        architectures=tuple(rows),
        room=room,
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
        sets = [space.size(name) for name in space.architectures]
        trials = trials_of(spec, stage.name)
        # Of a stage that goes on with the best architecture nobody knows yet which, and how many sets it has.
        trials = sum(share_out(trials, sets)) if stage.architectures else trials
        stages.append((replace(space, members=tuple(members)), trials))
    return stages


def share_out(trials: int, sets: Sequence[int | None]) -> list[int]:
    """How many trials each architecture gets: equally many, but none more than it has parameter sets (None: no end)."""
    counts = [0] * len(sets)
    for _ in range(trials):
        wanting = [place for place, size in enumerate(sets) if size is None or counts[place] < size]
        if not wanting:
            break
        counts[min(wanting, key=counts.__getitem__)] += 1
    return counts


def _shares(stages: Sequence[tuple[Space, int]], name: str) -> list[tuple[Space, int]]:
    """The stages in which an architecture can take part, with its even share of their trials.

    Which architecture a later stage runs is not known before the one before it has ended; the even share is the fair guess.
    """
    shares = []
    for space, trials in stages:
        if name in space.architectures:
            sets = [space.size(other) for other in space.architectures]
            shares.append((space, share_out(trials, sets)[space.architectures.index(name)]))
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
    spec: Spec,
    name: str,
    shares: Sequence[tuple[Space, int]],
    slices: Mapping[str, int],
    room: Room | None,
) -> ArchitectureEstimate:
    by_stage = [costly_settings(space.dimensions(name)) for space, _ in shares]
    costs = [[(setting, _facts(spec, name, setting)) for setting in settings] for settings in by_stage]
    pairs = [pair for stage in costs for pair in stage]
    trials = sum(count for _, count in shares)
    row = ArchitectureEstimate(
        name=name,
        trials=trials,
        replicates=_replicates(spec, trials),
        parameters=_ends(fact.parameters for _, fact in pairs),
        gflops=_ends(fact.gflops for _, fact in pairs),
        seconds_per_trial=None,
        memory_mb=None,
    )
    measured: dict[tuple[Any, ...], Measured] = {}
    for way in dict.fromkeys(way_of(setting) for setting, _ in pairs):
        setting, facts = max((pair for pair in pairs if way_of(pair[0]) == way), key=lambda pair: pair[1].gflops)
        answer = _probe(spec, name, setting)
        if "error" in answer:
            return replace(row, problem=str(answer["error"]))
        measured[way] = Measured(answer, facts, PROBE_BATCH)
    # A stage's trials cost the mean over its settings.
    work = [
        count * fmean(_seconds(measured[way_of(one)], fact, slices, spec.train.epochs) for one, fact in stage)
        for (_, count), stage in zip(shares, costs, strict=True)
    ]
    return _with_memory(replace(row, seconds_per_trial=sum(work) / max(1, trials)), spec, pairs, measured, room)


def _with_memory(
    row: ArchitectureEstimate,
    spec: Spec,
    pairs: Sequence[tuple[Mapping[str, Any], ArchitectureFacts]],
    measured: Mapping[tuple[Any, ...], Measured],
    room: Room | None,
) -> ArchitectureEstimate:
    gpu = bool(spec.trial.gpus)
    process = [measured[way_of(one)].process_mb(fact, batch_of(one), gpu=gpu) for one, fact in pairs]
    arrays = [measured[way_of(one)].arrays_mb(fact, batch_of(one)) for one, fact in pairs]
    needs = [(setting, need) for (setting, _), need in zip(pairs, arrays if gpu else process, strict=True)]
    once = list({repr(setting): (setting, need) for setting, need in needs}.values())
    return replace(
        row,
        memory_mb=max(process),
        gpu_memory_mb=max(arrays) if gpu else None,
        fit=None if room is None else fit(once, room, ESTIMATE_ERROR),
    )


def _seconds(measured: Measured, facts: ArchitectureFacts, slices: Mapping[str, int], epochs: int) -> float:
    """Of a whole training: time goes with the operations."""
    answer = measured.answer
    epoch = (answer["step_s"] * slices["train"] + answer["predict_s"] * slices["validation"]) / measured.batch
    return float(answer["start_s"] + epoch * facts.gflops / measured.facts.gflops * epochs)


def _ends(values: Iterable[float]) -> tuple[Any, Any]:
    found = list(values)
    return min(found), max(found)


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
        "gpu": bool(spec.trial.gpus),
    }
    process = subprocess.run(
        [sys.executable, "-m", "liverseg.training.probe"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        timeout=PROBE_TIMEOUT_S,
        env={**os.environ, **worker_environment(spec)},
        check=False,
    )
    if process.returncode:
        last = process.stderr.strip().splitlines()[-1:] or [f"exit code {process.returncode}"]
        return {"error": f"the step did not run: {last[0]}"}
    answer: dict[str, Any] = json.loads(process.stdout.strip().splitlines()[-1])
    return answer
