"""Choices of a training on CPUs: XLA off or on, and one thread a trial or two.

    python -m tests.benchmarks.bench_threads [--rounds 3] [--json FILE]

Each run is a process of its own that builds `unet` (16 filters, 64 px, batch 8), takes its first step and then a fixed number of
steps. XLA: time to the first step, and wall a step after it. Threads: two processes of one thread each beside each other
against one process of two threads, slices a second in total. Rounds interleave the ways; medians are shown.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

STEPS = 40
BATCH = 8
SIZE_PX = 64


def child(threads: int, xla: bool) -> None:
    """One process: seconds to the first step, and a step after it."""
    import numpy as np

    from liverseg.config import TrainConfig
    from liverseg.training.device import pin_threads

    pin_threads(threads)
    from liverseg.training.network import compile_network

    config = TrainConfig(architecture="unet", options={"base_filters": 16}, parameters={"size": SIZE_PX})
    network = compile_network(config)
    if xla:
        network.model.compile(optimizer=network.model.optimizer, loss=network.model.loss, jit_compile=True)
    rng = np.random.default_rng(0)
    images = rng.random((BATCH, SIZE_PX, SIZE_PX, 1), np.float32)
    masks = rng.integers(0, 3, (BATCH, SIZE_PX, SIZE_PX)).astype(np.int32)
    began = time.perf_counter()
    network.model.train_on_batch(images, masks)
    first = time.perf_counter() - began
    began = time.perf_counter()
    for _ in range(STEPS):
        network.model.train_on_batch(images, masks)
    print(json.dumps({"first_s": first, "step_s": (time.perf_counter() - began) / STEPS}))


def start(threads: int, xla: bool = False) -> subprocess.Popen[str]:
    """A child that runs beside this process."""
    command = [
        sys.executable,
        "-m",
        "tests.benchmarks.bench_threads",
        "--child",
        str(threads),
        *(["--xla"] if xla else []),
    ]
    hidden = {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": str(threads)}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ, **hidden}
    )


def answer(process: subprocess.Popen[str]) -> dict[str, float]:
    """What a child found."""
    out, _ = process.communicate()
    found: dict[str, float] = json.loads(out.strip().splitlines()[-1])
    return found


def one_round() -> dict[str, float]:
    """All ways once."""
    plain, compiled = answer(start(1)), answer(start(1, xla=True))
    pair = [start(1), start(1)]
    ones = [answer(process) for process in pair]
    two = answer(start(2))
    return {
        "xla_step_ratio": compiled["step_s"] / plain["step_s"],
        "xla_first_ratio": compiled["first_s"] / plain["first_s"],
        "one_thread_slices_per_s": sum(BATCH / item["step_s"] for item in ones),
        "two_threads_slices_per_s": BATCH / two["step_s"],
    }


def measure(rounds: int) -> dict[str, Any]:
    """Medians over rounds."""
    rows = [one_round() for _ in range(rounds)]
    found: dict[str, Any] = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    ratios = [row["one_thread_slices_per_s"] / row["two_threads_slices_per_s"] for row in rows]
    return {**found, "one_over_two": statistics.median(ratios), "rounds": rows}


def main() -> None:
    """Measure and print; with `--json FILE` also write."""
    parser = argparse.ArgumentParser(description="XLA and threads")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--xla", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child, options.xla)
        return
    found = measure(options.rounds)
    print(f"XLA against none: {found['xla_step_ratio']:.2f}x a step, {found['xla_first_ratio']:.2f}x to the first step")
    print(
        f"two trials of one thread: {found['one_thread_slices_per_s']:.1f} slices/s, one of two threads: "
        f"{found['two_threads_slices_per_s']:.1f}, ratio {found['one_over_two']:.2f}"
    )
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
