"""bfloat16 against float32: how much faster a training step is, and whether Dice stays the same.

    python -m tests.benchmarks.bench_bf16 speed  [--batch 16] [--rounds 3] [--json FILE]
    python -m tests.benchmarks.bench_bf16 parity [--seeds 5] [--networks unet,segnet] [--json FILE]

**speed**: all five networks at full width, 128 x 128, one thread. Both precisions are traced beforehand; every round
times the bare convolution of each precision and one step of `CompiledNetwork.train` in each (forward, backward, Adam),
one after the other, in CPU-seconds of this process. Ratios are made within a round, the median and the range over the
rounds are shown. Shares are of the bare convolution of the *same* precision: see `bench_training`.

**parity**: see `tests.benchmarks.bf16_parity`. Takes half an hour of CPU, so it is not part of `make bench`.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import argparse
import gc
import json
import statistics
from pathlib import Path
from typing import Any

from liverseg.training.device import pin_threads
from tests.benchmarks.bench_training import (
    ARCHITECTURES,
    SIZE_PX,
    Step,
    ceiling_rate,
    ceiling_steps,
    cpu_seconds,
    training_step,
)

PRECISIONS = ("float32", "bfloat16")
TARGETS = {name: 1.8 if name == "unet" else 1.35 for name in ARCHITECTURES}


def _step(architecture: str, precision: str, batch: int) -> tuple[float, Step]:
    """GFLOP of the convolutions of one training step, and the step, already traced."""
    gflop, _, step = training_step(architecture, batch, mixed_precision=precision == "bfloat16")
    return gflop, step


def measure(architecture: str, batch: int, rounds: int, ceilings: dict[str, Any]) -> dict[str, Any]:
    """One row: medians over the rounds, each of which measures both precisions and both ceilings."""
    steps = {precision: _step(architecture, precision, batch) for precision in PRECISIONS}
    gflop = steps["float32"][0]
    found: dict[str, list[float]] = {precision: [] for precision in PRECISIONS}
    bare: dict[str, list[float]] = {precision: [] for precision in PRECISIONS}
    for number in range(rounds):
        for precision in PRECISIONS if number % 2 == 0 else PRECISIONS[::-1]:
            bare[precision].append(ceiling_rate(ceilings[precision]))
            found[precision].append(cpu_seconds(steps[precision][1]))
    ratios = [full / half for full, half in zip(found["float32"], found["bfloat16"], strict=True)]
    row: dict[str, Any] = {"architecture": architecture, "gflop_a_step": gflop, "rounds": rounds}
    for precision in PRECISIONS:
        shares = [gflop / spent / rate for spent, rate in zip(found[precision], bare[precision], strict=True)]
        row[precision] = {
            "cpu_ms_a_sample": 1000 * statistics.median(found[precision]) / batch,
            "ceiling_gflop_per_cpu_s": statistics.median(bare[precision]),
            "share_of_ceiling": statistics.median(shares),
        }
    median, target = statistics.median(ratios), TARGETS[architecture]
    row |= {"ratio": median, "ratio_min": min(ratios), "ratio_max": max(ratios)}
    return row | {"target": target, "reached": median >= target}


def speed(batch: int, rounds: int) -> dict[str, Any]:
    """All rows, with what is needed to read them."""
    pinned = pin_threads(1)
    ceilings = {precision: ceiling_steps(precision) for precision in PRECISIONS}
    rows = []
    for architecture in ARCHITECTURES:
        rows.append(measure(architecture, batch, rounds, ceilings))
        gc.collect()
    return {"size_px": SIZE_PX, "batch": batch, "one_thread": pinned, "rows": rows}


def speed_table(result: dict[str, Any]) -> str:
    """The rows as Markdown."""
    lines = [
        "| architecture | fp32, CPU-ms a sample | share of fp32 convolution | bf16 | share of bf16 convolution "
        "| faster | range | goal |",
        "|---|---:|---:|---:|---:|---:|---|---|",
    ]
    for row in result["rows"]:
        full, half = row["float32"], row["bfloat16"]
        lines.append(
            f"| `{row['architecture']}` | {full['cpu_ms_a_sample']:.1f} | {full['share_of_ceiling']:.0%} "
            f"| {half['cpu_ms_a_sample']:.1f} | {half['share_of_ceiling']:.0%} | {row['ratio']:.2f}x "
            f"| {row['ratio_min']:.2f}-{row['ratio_max']:.2f} | {row['target']}x {'yes' if row['reached'] else 'NO'} |"
        )
    rates = [
        statistics.median(row[precision]["ceiling_gflop_per_cpu_s"] for row in result["rows"])
        for precision in PRECISIONS
    ]
    return "\n".join([*lines, f"bare convolution, GFLOP a CPU-second: {rates[0]:.0f} fp32, {rates[1]:.0f} bf16"])


def main() -> None:
    """Measure one of the two, print its table, write the JSON when asked to."""
    parser = argparse.ArgumentParser(description="bfloat16 against float32")
    parser.add_argument("part", choices=("speed", "parity"), nargs="?", default="speed")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--networks", default=",".join(ARCHITECTURES))
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.part == "speed":
        result = speed(arguments.batch, arguments.rounds)
        print(speed_table(result))
    else:
        from tests.benchmarks.bf16_parity import parity, parity_table

        result = parity(tuple(arguments.networks.split(",")), arguments.seeds, arguments.json)
        print(parity_table(result))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
