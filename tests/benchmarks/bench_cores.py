"""Preparation of 20 scans on Ray: on one slot, on two, and again from the cache.

    python -m tests.benchmarks.bench_cores [--rounds 3] [--scans 20] [--side 512] [--folder FOLDER] [--json FILE]

The scans are files of 512 x 512 x 78 (.nii.gz) with masks: one generated body, moved by a few pixels and slices in every
file, so that each is another file and a minute is enough to make them; `--folder` takes a LiTS folder instead. They
are checked and split beforehand, as a sweep does. What is timed is `prepare_on_ray`, to 128 x 128 with a disk cache.

A round goes through the numbers of slots in turn. Each gets a Ray of its own and an empty cache, and then:

- **cold**: the first preparation of that Ray, four scans, whose workers have yet to start and import;
- **first**: all scans, workers warm, nothing in the cache;
- **second**: the same again, everything from the cache.

Seconds are of the wall, which says nothing on a busy machine, and CPU-seconds: those of this process and all its
descendants (Ray's own servers and workers), from the scheduler's count of nanoseconds. Efficiency is the first run's wall
on one slot over that on n, divided by n. The same in CPU-seconds a scan is what it would be if no core ever
waited: a slot more costs nothing there but what the processes take from each other.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from cluster.config import LocalConfig
from cluster.local import local_ray, usable_cpus
from liverseg.config import PrepareConfig
from liverseg.data import check_cohort, find_cases, group_patients, split_patients
from liverseg.phantom import PhantomConfig, make_case
from liverseg.volume import write_nifti
from sweeps.cohort import Cohort
from sweeps.prepare import prepare_on_ray

CONFIG = PrepareConfig(sizes_px=(128,))
SPLIT: dict[str, Any] = {"test": 0, "validation": 0.25, "folds": 1, "seed": 7}
COLD_SCANS = 4
STORE_BYTES = 1 << 30
SECOND_TARGET, EFFICIENCY_TARGET = 0.02, 0.9


def write_scans(folder: Path, scans: int, side_px: int) -> None:
    """LiTS pairs of one body, none at the same place as another."""
    config = PhantomConfig(
        cases=1, matrix_px=(side_px, side_px), slices=(78, 78), orientations=("RAS",), thickness_mm=(2.0,)
    )
    case = make_case(config, 0)
    for k in range(scans):
        shift, axes = (3 * k, 2 * k, k % 5), (0, 1, 2)
        write_nifti(folder / f"volume-{k}.nii.gz", np.roll(case.image, shift, axes), case.affine)
        write_nifti(folder / f"segmentation-{k}.nii.gz", np.roll(case.mask, shift, axes), case.affine)


def cohort_of(folder: Path) -> Cohort:
    """Every pair of a folder, checked and split."""
    report = check_cohort(find_cases(folder, "lits"))
    cases = group_patients(report.cases, None)
    return Cohort(cases, split_patients([case.patient for case in cases], **SPLIT), (), ())


def family_cpu_s() -> float:
    """CPU-seconds so far of this process and its living descendants, all threads."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    family, waiting = [], [os.getpid()]
    while waiting:
        family.append(waiting.pop())
        waiting += parents.get(family[-1], [])
    return sum(_process_cpu_s(pid) for pid in family)


def _process_cpu_s(pid: int) -> float:
    nanoseconds = 0
    for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            nanoseconds += int(path.read_text().split()[0])
        except OSError:
            continue
    return nanoseconds / 1e9


def timed(cohort: Cohort, cache: Path) -> dict[str, float]:
    """Wall and CPU-seconds of one preparation, which is then let go."""
    began, cpu = time.perf_counter(), family_cpu_s()
    prepared = prepare_on_ray(cohort, CONFIG, cache, stream="never")
    return {
        "wall_s": time.perf_counter() - began,
        "cpu_s": family_cpu_s() - cpu,
        "from_cache": prepared.from_cache,
        "scans": prepared.cases,
    }


def on_slots(cohort: Cohort, slots: int, folder: Path) -> Iterator[tuple[str, dict[str, float]]]:
    """One Ray with so many slots: the three preparations of a round."""
    few = replace(cohort, split=replace(cohort.split, train=cohort.split.train[:COLD_SCANS], validation=()))
    with local_ray(LocalConfig(cpus=slots, object_store_bytes=STORE_BYTES)):
        yield "cold", timed(few, folder / "cold")
        _warm(slots)
        yield "first", timed(cohort, folder / "cache")
        yield "second", timed(cohort, folder / "cache")


def _warm(slots: int) -> None:
    """Have as many workers as slots, all of which have imported what a preparation needs."""
    import ray

    def wait() -> int:
        import liverseg.preprocess  # noqa: F401

        time.sleep(0.5)
        return os.getpid()

    seen: set[int] = set()
    while len(seen) < slots:
        remote: Any = ray.remote(num_cpus=1)(wait)
        seen = set(ray.get([remote.remote() for _ in range(slots)]))


def measure(cohort: Cohort, rounds: int, slot_counts: tuple[int, ...]) -> dict[str, Any]:
    """Every figure of every round, and the medians made of them."""
    found: dict[str, list[dict[str, Any]]] = {str(slots): [] for slots in slot_counts}
    for number in range(rounds):
        for slots in slot_counts if number % 2 == 0 else slot_counts[::-1]:
            with tempfile.TemporaryDirectory() as name:
                found[str(slots)].append(dict(on_slots(cohort, slots, Path(name))))
    return {"scans": len(cohort.cases), "rounds": found, **summary(found)}


def summary(found: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Medians over the rounds; ratios are made within a round."""
    medians: dict[str, Any] = {}
    for slots, rounds in found.items():
        kinds = {
            kind: {unit: statistics.median(one[kind][unit] for one in rounds) for unit in ("wall_s", "cpu_s")}
            for kind in ("cold", "first", "second")
        }
        share = {
            unit: statistics.median(one["second"][unit] / one["first"][unit] for one in rounds)
            for unit in ("wall_s", "cpu_s")
        }
        medians[slots] = {**kinds, "second_of_first": share}
    one = found[min(found, key=int)]
    for slots, rounds in found.items():
        pairs = list(zip(one, rounds, strict=True))
        for unit, power in (("wall_s", int(slots)), ("cpu_s", 1)):
            ratios = [alone["first"][unit] / many["first"][unit] / power for alone, many in pairs]
            medians[slots][f"efficiency_{unit}"] = statistics.median(ratios)
    return {"medians": medians}


def table(result: dict[str, Any]) -> str:
    """The medians as Markdown."""
    lines = [
        f"{result['scans']} scans, seconds of the wall (CPU-seconds)",
        "| slots | cold, 4 scans | first | CPU-ms a scan | efficiency | in CPU-s | second | of the first "
        f"(goal: {SECOND_TARGET:.0%}) |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for slots, row in result["medians"].items():
        cold, first, second = (f"{row[kind]['wall_s']:.2f} ({row[kind]['cpu_s']:.2f})" for kind in row_kinds())
        share = row["second_of_first"]
        lines.append(
            f"| {slots} | {cold} | {first} | {1000 * row['first']['cpu_s'] / result['scans']:.0f} "
            f"| {row['efficiency_wall_s']:.2f} | {row['efficiency_cpu_s']:.2f} | {second} "
            f"| {share['wall_s']:.1%} ({share['cpu_s']:.1%}) |"
        )
    return "\n".join(lines)


def row_kinds() -> tuple[str, ...]:
    """The three preparations of a round, in order."""
    return ("cold", "first", "second")


def main() -> None:
    """Measure, print the table, write the JSON when asked to."""
    parser = argparse.ArgumentParser(description="preparation over the cores, and from the cache")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scans", type=int, default=20)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--slots", default=f"1,{min(2, usable_cpus())}")
    parser.add_argument("--folder", type=Path, help="LiTS pairs to prepare instead of generated ones; kept")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    slot_counts = tuple(sorted({int(text) for text in options.slots.split(",")}))
    with tempfile.TemporaryDirectory() as name:
        folder = options.folder or Path(name)
        if not any(folder.glob("volume-*.nii.gz")):
            write_scans(folder, options.scans, options.side)
        result = measure(cohort_of(folder), options.rounds, slot_counts)
    print(table(result))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
