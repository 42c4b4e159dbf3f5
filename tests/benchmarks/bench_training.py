"""Training steps of the five networks, against the machine's own rate of convolution.

    python -m tests.benchmarks.bench_training [--rounds 3] [--batch 8] [--json FILE]

One thread, float32, 128 x 128, full width. A step is `CompiledNetwork.train`: forward, backward, Adam. It counts as
three times the network's forward convolutions (once for the output, once each for the gradients of input and
kernel); all else in a step (normalisation, activations, loss, optimizer, copies) is time without credit. The
ceiling is the best of a few large bare convolutions, forward only, with nothing around them. Time is CPU-seconds of
this process (`process_time`), because the machine may be shared. Every round measures the ceiling, then one step of
the network; the ratio is made within the round and the median over the rounds is shown.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import argparse
import gc
import json
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from liverseg.config import TrainConfig
from liverseg.training.device import pin_threads

SIZE_PX = 128
TARGET = 0.70
ARCHITECTURES = ("unet", "unet_resnet18", "unet_resnet50", "segnet", "encoder_decoder")
CEILING_SHAPES = ((4, 64, 128), (4, 32, 256), (4, 16, 512))
"""Batch, side and channels of the bare 3 x 3 convolutions: what the networks do most of."""
CALLS = 4

Step = Callable[[], Any]


def cpu_seconds(step: Step) -> float:
    """CPU time of one call, all threads of this process."""
    began = time.process_time()
    step()
    return time.process_time() - began


def ceiling_steps(dtype: str = "float32") -> list[tuple[float, Step]]:
    """Bare convolutions of maps of `dtype` as (GFLOP a call, call), already traced."""
    import tensorflow as tf

    steps: list[tuple[float, Step]] = []
    for batch, side, channels in CEILING_SHAPES:
        x = tf.cast(tf.random.stateless_normal((batch, side, side, channels), (0, 1)), dtype)
        kernel = tf.cast(tf.random.stateless_normal((3, 3, channels, channels), (0, 2)), dtype)
        call = tf.function(_convolutions).get_concrete_function(x, kernel)
        gflop = CALLS * 2 * 9 * channels**2 * side**2 * batch / 1e9
        steps.append((gflop, partial(call, x, kernel)))
        call(x, kernel)
    return steps


def _convolutions(x: Any, kernel: Any) -> Any:
    import tensorflow as tf

    for _ in range(CALLS):
        x = tf.nn.conv2d(x, kernel, 1, "SAME")
    return x[0, 0, 0]


def ceiling_rate(steps: list[tuple[float, Step]]) -> float:
    """GFLOP a CPU-second of the fastest bare convolution, now."""
    return max(gflop / cpu_seconds(step) for gflop, step in steps)


def training_step(architecture: str, batch: int, *, mixed_precision: bool = False) -> tuple[float, float, Step]:
    """GFLOP of one training step, CPU-seconds until it was traced, and the step."""
    from liverseg.models.build import count_flops
    from liverseg.training.network import compile_network

    began = time.process_time()
    parameters = {"size": SIZE_PX, "batch_size": batch, "mixed_precision": mixed_precision}
    network = compile_network(TrainConfig(architecture=architecture, parameters=parameters))
    generator = np.random.default_rng(0)
    images = generator.random((batch, SIZE_PX, SIZE_PX, 1), np.float32)
    masks = generator.integers(0, 3, (batch, SIZE_PX, SIZE_PX)).astype(np.int32)

    def step() -> float:
        return network.train(images, masks, 1e-4)

    step()
    return 3 * batch * count_flops(network.model) / 1e9, time.process_time() - began, step


def measure(architecture: str, batch: int, rounds: int, ceiling: list[tuple[float, Step]]) -> dict[str, Any]:
    """One row: medians over the rounds."""
    gflop, traced_s, step = training_step(architecture, batch)
    rates, ceilings = [], []
    for _ in range(rounds):
        ceilings.append(ceiling_rate(ceiling))
        rates.append(gflop / cpu_seconds(step))
    ratios = [rate / bare for rate, bare in zip(rates, ceilings, strict=True)]
    return {
        "architecture": architecture,
        "gflop_a_step": gflop,
        "first_step_cpu_s": traced_s,
        "gflop_per_cpu_s": statistics.median(rates),
        "ceiling_gflop_per_cpu_s": statistics.median(ceilings),
        "ratio": statistics.median(ratios),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
        "target": TARGET,
        "reached": statistics.median(ratios) >= TARGET,
    }


def run(batch: int, rounds: int) -> dict[str, Any]:
    """All rows, with what is needed to read them."""
    pinned = pin_threads(1)
    ceiling = ceiling_steps()
    rows = []
    for architecture in ARCHITECTURES:
        rows.append(measure(architecture, batch, rounds, ceiling))
        gc.collect()
    return {"size_px": SIZE_PX, "batch": batch, "rounds": rounds, "one_thread": pinned, "rows": rows}


def table(result: dict[str, Any]) -> str:
    """The rows as Markdown."""
    lines = [
        "| architecture | GFLOP a step | first step, CPU-s | GFLOP/CPU-s | bare convolution | share | range | target |",
        "|---|---:|---:|---:|---:|---:|---|---|",
    ]
    for row in result["rows"]:
        lines.append(
            f"| `{row['architecture']}` | {row['gflop_a_step']:.0f} | {row['first_step_cpu_s']:.1f} "
            f"| {row['gflop_per_cpu_s']:.0f} | {row['ceiling_gflop_per_cpu_s']:.0f} | {row['ratio']:.0%} "
            f"| {row['ratio_min']:.0%}-{row['ratio_max']:.0%} "
            f"| {row['target']:.0%} {'yes' if row['reached'] else 'NO'} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure, print the table, write the JSON when asked to."""
    parser = argparse.ArgumentParser(description="training rate against bare convolutions")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    result = run(arguments.batch, arguments.rounds)
    print(table(result))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    else:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
