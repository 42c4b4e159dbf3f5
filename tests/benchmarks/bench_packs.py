"""What it costs a training that its slices lie case by case, and not in one array: CPU-seconds a batch and a step.

    python -m tests.benchmarks.bench_packs [--rounds 7] [--json FILE]

The same slices (131 cases, 128 x 128) are read as batches of 16 in a random order from one contiguous array, from a view of
131 arrays, and from a view of 131 mapped files. Then a small network is trained for 30 updates on the first two. Rounds
interleave all of them; medians of the process's CPU time. `laying` is the copy that made the contiguous array.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

CASES, SLICES, SIZE_PX, BATCH, BATCHES, UPDATES = 131, 20, 128, 16, 160, 30


def cases() -> list[Any]:
    """Prepared cases of noise with discs as masks."""
    from liverseg.preprocess import NativeReference, PlaneMap, PreparedCase

    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:SIZE_PX, :SIZE_PX] / SIZE_PX - 0.5
    disc = (rows**2 + columns**2 < 0.1).astype(np.uint8)
    reference = NativeReference((SLICES, 1, 1), (2.0, 1.0, 1.0), (0, 0, 0), np.zeros((0, 0, 0), np.uint8))
    plane = PlaneMap((SIZE_PX, SIZE_PX), (SIZE_PX, SIZE_PX), 0, 0, SIZE_PX)
    shape = (SLICES, SIZE_PX, SIZE_PX)
    return [
        PreparedCase(
            uid=f"case-{k:08x}",
            patient=f"case-{k:08x}",
            image=rng.integers(-15000, 0, shape, np.int16),
            mask=np.repeat(disc[None], SLICES, axis=0),
            keep=np.ones(SLICES, np.bool_),
            plane=plane,
            reference=reference,
            foreground_hu=np.ones(4096, np.int64),
        )
        for k in range(CASES)
    ]


def cpu_s(work: Callable[[], object]) -> float:
    """CPU-seconds of this process that the work takes."""
    began = time.process_time()
    work()
    return time.process_time() - began


def measure(rounds: int) -> dict[str, Any]:
    """Medians over rounds, CPU-milliseconds a batch and a step."""
    from dataclasses import replace

    from liverseg.preprocess import pack
    from liverseg.preprocess.case_file import map_case_file, write_case_file

    made = cases()
    view = pack(made, training=True)
    together = replace(view, image=np.asarray(view.image), mask=np.asarray(view.mask))  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory(prefix="lsb-") as name:
        for case in made:
            write_case_file(Path(name) / case.uid, case)
        mapped = pack([map_case_file(Path(name) / case.uid) for case in made], training=True)
        packs = {"together": together, "view": view, "mapped": mapped}
        runs = {kind: training(packs[kind]) for kind in ("together", "view")}
        rows: list[dict[str, float]] = []
        for number in range(rounds):
            row = {f"batch_{kind}_ms": 1e3 * cpu_s(partial(read, packs[kind], number)) / BATCHES for kind in packs}
            row |= {f"step_{kind}_ms": 1e3 * cpu_s(partial(step, run)) / UPDATES for kind, run in runs.items()}
            row["laying_ms"] = 1e3 * cpu_s(lambda: (np.asarray(view.image), np.asarray(view.mask)))
            rows.append(row)
    medians = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    return {**medians, "data_mb": CASES * SLICES * 3 * SIZE_PX**2 / 1e6, "rounds": rows}


def read(pack: Any, seed: int) -> None:
    """An epoch's batches, without a network."""
    from liverseg.preprocess import window_for
    from liverseg.training.augment import Augmentation
    from liverseg.training.batches import BatchMaker, BatchPlan

    maker = BatchMaker(pack, window_for("study", pack.foreground_hu), Augmentation(), 2, seed)
    plan = BatchPlan(len(pack.image), BATCH, seed)
    for k, rows in enumerate(plan.rows(1)[:BATCHES]):
        maker.batch(rows, 1, k * BATCH)


def training(pack: Any) -> Any:
    """A small network on a pack, compiled."""
    from liverseg.config import TrainConfig
    from liverseg.training.batches import BatchPlan
    from liverseg.training.loop import TrainingRun

    config = TrainConfig(
        architecture="unet",
        options={"base_filters": 4},
        parameters={"size": SIZE_PX, "batch_size": BATCH},
        epochs=1,
    )
    run = TrainingRun(config, pack, pack)
    step(run, BatchPlan(len(pack.image), BATCH, 0), 2)
    return run


def step(run: Any, plan: Any = None, updates: int = UPDATES) -> None:
    """So many updates as a training makes them."""
    rows = (plan or run._plan).rows(1)[:updates]
    for k, chosen in enumerate(rows):
        images, masks = run._maker.batch(chosen, 1, k * BATCH)
        run.network.train(images, masks, 1e-3)


def main() -> None:
    """Measure and print; with `--json FILE` also write."""
    parser = argparse.ArgumentParser(description="packs as views")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    from liverseg.training.device import pin_threads

    pin_threads(1)
    found = measure(options.rounds)
    for kind in ("together", "view", "mapped"):
        train = found.get(f"step_{kind}_ms")
        also = "" if train is None else f", a step of training {train:.1f} CPU-ms"
        print(f"{kind}: a batch of {BATCH} slices {found[f'batch_{kind}_ms']:.3f} CPU-ms{also}")
    print(f"laying {found['data_mb']:.0f} MB into one array: {found['laying_ms']:.0f} CPU-ms")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
