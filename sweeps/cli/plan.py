"""`liversweep plan`: what a sweep would do and cost, without training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sweeps.cli.console import note, print_tables, progress, write_json
from sweeps.cli.options import JsonOption, RootOption, SetOption, SpecArgument


def plan(
    spec: SpecArgument,
    overrides: SetOption = [],  # noqa: B006
    runs: RootOption = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """Show trials, memory, disk and time of a sweep, from one real step an architecture. Nothing is trained.

    What cannot fit into the memory that a trial may have is listed; when nothing of an architecture can, the exit code is 2.
    """
    from cluster.local import usable_cpus
    from cluster.sizes import size_text
    from sweeps.cohort import list_files, load_cohort
    from sweeps.costs.estimate import estimate
    from sweeps.costs.forecast import missing_cache_bytes, shortage
    from sweeps.costs.machine import this_machine
    from sweeps.disk import free_bytes
    from sweeps.prepare import cache_root, cache_store
    from sweeps.reviews.corrected import reviewed_files
    from sweeps.spec import load_spec
    from sweeps.spec.space import Space
    from sweeps.workplace import prepare_config, store_bytes

    loaded = load_spec(spec, overrides)
    for warning in loaded.warnings:
        note(f"warning: {warning}")
    with progress("checking scans", len(list_files(loaded.spec)[0]) + len(reviewed_files(loaded.spec))) as advance:
        cohort = load_cohort(loaded.spec, threads=usable_cpus(), on_case=advance)
    names = Space.from_spec(loaded.spec).architectures
    cache = missing_cache_bytes(cohort, prepare_config(loaded.spec), cache_store(loaded.spec))
    with progress("measuring one step of each architecture", len(names)) as advance:
        slots, room = this_machine().offer(loaded.spec)
        found = estimate(
            loaded.spec,
            cohort,
            store_bytes(loaded.spec, cohort),
            cache,
            slots=slots,
            room=room,
            on_architecture=advance,
        )
    # Of a store only the mirror takes room of this machine.
    place = runs if isinstance(runs, Path) else runs.mirror()
    free = free_bytes(place)
    problem = shortage(found.disk, place, cache_root(loaded.spec), loaded.spec.keep.min_free_bytes)
    if problem:
        note(f"warning: {problem}")
    for line in _emulated(loaded.spec):
        note(f"note: {line}")
    if as_json:
        document = found.as_dict()
        write_json(document | {"disk": document["disk"] | {"free_bytes": free, "fits": problem is None}})
    else:
        print_tables([_table(found), *_lines(found, cohort, f"{size_text(free)} free under {place}/")])
    _refuse_hopeless(found)


def _emulated(spec: Any) -> list[str]:
    """What there is to say of `mixed_precision`, where trials run on the CPUs of this machine."""
    from liverseg.training.native_bfloat16 import cpu_computes_bfloat16, emulated
    from sweeps.costs.combinations import costly_settings
    from sweeps.spec.space import Space

    if spec.cluster.kind != "local" or spec.trial.gpus:
        return []
    space = Space.from_spec(spec)
    settings = (setting for name in space.architectures for setting in costly_settings(space.dimensions(name)))
    line = emulated(cpu_computes_bfloat16()) if any(one.get("mixed_precision") for one in settings) else None
    return [line] if line else []


def _refuse_hopeless(found: Any) -> None:
    """Raise `UsageError` when nothing of an architecture fits into the memory of a trial."""
    from sweeps.errors import UsageError

    if found.hopeless:
        raise UsageError(
            "no trial of these networks fits into the memory that it may have",
            where="search.architectures",
            got=", ".join(found.hopeless),
            next_step="see the lines about memory, or leave them out",
        )


def _table(found: Any) -> Any:
    from rich.table import Table

    from sweeps.live import duration

    table = Table(title=f"{found.name}: {found.trials} trials, {found.slots} at a time", title_justify="left")
    table.add_column("architecture")
    repeated = any(row.replicates for row in found.architectures)
    on_gpus = any(row.gpu_memory_mb is not None for row in found.architectures)
    for name in (
        "trials",
        *(["replicates"] if repeated else []),
        "parameters",
        "GFLOPs a slice",
        "time a trial",
        "memory a trial",
        *(["GPU memory"] if on_gpus else []),
    ):
        table.add_column(name, justify="right")
    for row in found.architectures:
        time = row.problem or duration(row.seconds_per_trial)
        memory = [_gigabytes(row.memory_mb), *([_gigabytes(row.gpu_memory_mb)] if on_gpus else [])]
        counts = (str(row.trials), *([str(row.replicates)] if repeated else []))
        sizes = (_span(row.parameters, "{:,}"), _span(row.gflops, "{:.2f}"))
        table.add_row(row.name, *counts, *sizes, time, *memory)
    return table


def _lines(found: Any, cohort: Any, room: str) -> list[str]:
    from sweeps.engine import review_lines
    from sweeps.live import duration

    split = cohort.split
    parts = ", ".join(
        f"{part} {len(getattr(split, part))} patients / {count} slices" for part, count in found.slices.items()
    )
    stages = " → ".join(f"{name} ({trials})" for name, trials in found.stages)
    time = "unknown" if found.seconds is None else f"about {duration(found.seconds)} if no trial is stopped early"
    replicates = sum(row.replicates for row in found.architectures)
    return [
        f"stages: {stages}",
        *([f"replicates: up to {replicates} trials on other folds and with other seeds"] if replicates else []),
        f"split {split.fingerprint}: {parts}",
        *review_lines(cohort),
        f"prepared data: about {found.store_bytes / 1e6:,.0f} MB at most, once for all trials and folds",
        f"on disk: {found.disk.words()}; {room}",
        f"time: {time}",
        _memory_line(found.room),
        *(f"memory: {line}" for line in found.misfits),
    ]


def _memory_line(room: Any) -> str:
    from sweeps.costs.fit import gigabytes

    if room is None:
        return "memory: what a trial may have is not known on this machine; give trial.memory to have it checked"
    return f"memory: a trial may have {gigabytes(room.memory_mb)} ({room.source})"


def _gigabytes(memory_mb: float | None) -> str:
    return "–" if memory_mb is None else f"{memory_mb / 1000:.1f} GB"


def _span(ends: tuple[float, float], form: str) -> str:
    low, high = ends
    return form.format(high) if low == high else f"{form.format(low)} … {form.format(high)}"
