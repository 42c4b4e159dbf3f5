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
    """Show trials, memory, disk and time of a sweep, from one real step an architecture. Nothing is trained."""
    from cluster.local import usable_cpus
    from sweeps.cohort import list_files, load_cohort
    from sweeps.disk import free_bytes, size_text
    from sweeps.engine import prepare_config, store_bytes
    from sweeps.estimate import estimate
    from sweeps.forecast import missing_cache_bytes, shortage
    from sweeps.prepare import cache_root, cache_store
    from sweeps.spec import load_spec
    from sweeps.spec.space import Space

    loaded = load_spec(spec, overrides)
    for warning in loaded.warnings:
        note(f"warning: {warning}")
    with progress("checking scans", len(list_files(loaded.spec)[0])) as advance:
        cohort = load_cohort(loaded.spec, threads=usable_cpus(), on_case=advance)
    names = Space.from_spec(loaded.spec).architectures
    cache = missing_cache_bytes(cohort, prepare_config(loaded.spec), cache_store(loaded.spec))
    with progress("measuring one step of each architecture", len(names)) as advance:
        found = estimate(loaded.spec, cohort, store_bytes(loaded.spec, cohort), cache, advance)
    # Of a store only the mirror takes room of this machine.
    place = runs if isinstance(runs, Path) else runs.mirror()
    free = free_bytes(place)
    problem = shortage(found.disk, place, cache_root(loaded.spec), loaded.spec.keep.min_free_bytes)
    if problem:
        note(f"warning: {problem}")
    if as_json:
        document = found.as_dict()
        write_json(document | {"disk": document["disk"] | {"free_bytes": free, "fits": problem is None}})
        return
    print_tables([_table(found), *_lines(found, cohort, f"{size_text(free)} free under {place}/")])


def _table(found: Any) -> Any:
    from rich.table import Table

    from sweeps.live import duration

    table = Table(title=f"{found.name}: {found.trials} trials, {found.slots} at a time", title_justify="left")
    table.add_column("architecture")
    repeated = any(row.replicates for row in found.architectures)
    for name in (
        "trials",
        *(["replicates"] if repeated else []),
        "parameters",
        "GFLOPs a slice",
        "time a trial",
        "memory a trial",
    ):
        table.add_column(name, justify="right")
    for row in found.architectures:
        time = row.problem or duration(row.seconds_per_trial)
        memory = "–" if row.memory_mb is None else f"{row.memory_mb / 1000:.1f} GB"
        counts = (str(row.trials), *([str(row.replicates)] if repeated else []))
        sizes = (_span(row.parameters, "{:,}"), _span(row.gflops, "{:.2f}"))
        table.add_row(row.name, *counts, *sizes, time, memory)
    return table


def _lines(found: Any, cohort: Any, room: str) -> list[str]:
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
        f"prepared data in the object store: at most {found.store_bytes / 1e6:,.0f} MB, shared by all trials",
        f"on disk: {found.disk.words()}; {room}",
        f"time: {time}",
    ]


def _span(ends: tuple[float, float], form: str) -> str:
    low, high = ends
    return form.format(high) if low == high else f"{form.format(low)} … {form.format(high)}"
