"""What a sweep would cost, without training: counts from the spec, one real step an architecture, arithmetic for the rest.

Where a space has `mixed_precision` or `xla` both ways, a step is measured for each way: neither time nor memory of the one
follows from the other.
"""

from __future__ import annotations

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
from sweeps.costs.shares import replicates_of, shares_of, stages_with_trials
from sweeps.costs.step import PROBE_BATCH, measured_step
from sweeps.spec import Spec
from sweeps.spec.space import Space, split_parameters
from sweeps.stages import replication_of

if TYPE_CHECKING:
    from sweeps.cohort import Cohort


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
    stages = stages_with_trials(spec)
    slices = {part: cohort.slices(part) for part in ("train", "validation", "test")}
    rows = []
    for name in dict.fromkeys(name for space, _ in stages for name in space.architectures):
        rows.append(_architecture(spec, name, shares_of(stages, name), slices, room))
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


def _network(spec: Spec, stages: Sequence[tuple[Space, int]], row: ArchitectureEstimate) -> Network:
    """An architecture as the disk sees it.

    A joint search, and a stage that goes on with the best architecture, may give all of their trials to one.
    """
    spaces = [(index, space, trials) for index, (space, trials) in enumerate(stages) if row.name in space.architectures]
    dimensions = [space.dimensions(row.name) for _, space, _ in spaces]
    shared = spec.search.per_architecture != "joint"
    most = sum(
        shares_of([(space, trials)], row.name)[0][1] if shared and index == 0 else trials
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
        replicates=replicates_of(spec, trials),
        parameters=_ends(fact.parameters for _, fact in pairs),
        gflops=_ends(fact.gflops for _, fact in pairs),
        seconds_per_trial=None,
        memory_mb=None,
    )
    measured: dict[tuple[Any, ...], Measured] = {}
    for way in dict.fromkeys(way_of(setting) for setting, _ in pairs):
        setting, facts = max((pair for pair in pairs if way_of(pair[0]) == way), key=lambda pair: pair[1].gflops)
        answer = measured_step(spec, name, setting)
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
