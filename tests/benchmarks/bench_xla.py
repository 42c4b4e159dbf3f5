"""XLA on a CPU against none, for the five networks: a step, the way to the first one, and the arrays of a step.

    python -m tests.benchmarks.bench_xla [--networks unet …] [--rounds 5] [--size 64] [--batch 4] [--json FILE]

One thread, float32, full width, a fresh process for each network. Both ways live in it, and every round takes a step of the
one and a step of the other, so that both see the same machine. Time is CPU-seconds of all threads of the process, because the
machine may be shared; XLA compiles with several. Medians over the rounds; the ratio is made within a round. Modules are what
XLA compiled for training and prediction in all rounds, counted by its own dump.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

NETWORKS = ("unet", "unet_resnet18", "unet_resnet50", "segnet", "encoder_decoder")
_HIDDEN = {
    "CUDA_VISIBLE_DEVICES": "-1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "1",
    "OMP_NUM_THREADS": "1",
}


def cpu_seconds(action: Callable[[], Any]) -> float:
    """CPU time of one call, all threads of this process."""
    began = time.process_time()
    action()
    return time.process_time() - began


def child(name: str, size: int, batch: int, rounds: int) -> None:
    """One network; prints what it found."""
    import numpy as np

    from liverseg.config import TrainConfig
    from liverseg.training.device import pin_threads
    from liverseg.training.network import compile_network
    from liverseg.training.resident import allocated, forget_peak

    pin_threads(1)
    rng = np.random.default_rng(0)
    images = rng.random((batch, size, size, 1), np.float32)
    masks = rng.integers(0, 3, (batch, size, size)).astype(np.int32)
    steps: list[Callable[[], float]] = []
    first: list[float] = []
    losses: list[float] = []
    for xla in (False, True):
        network = compile_network(TrainConfig(architecture=name, parameters={"size": size, "xla": xla}))
        steps.append(lambda network=network: network.train(images, masks, 1e-4))
        losses.append(0.0)

        def begin(network: Any = network, place: int = len(losses) - 1) -> None:
            losses[place] = network.train(images, masks, 1e-4)
            network.predict(images)

        first.append(cpu_seconds(begin))
    times: tuple[list[float], list[float]] = ([], [])
    arrays = [0, 0]
    for _ in range(rounds):
        for way, step in enumerate(steps):
            forget_peak("CPU:0")
            times[way].append(cpu_seconds(step))
            found = allocated("CPU:0")
            arrays[way] = max(arrays[way], found.peak - found.current) if found else 0
    ratios = [compiled / plain for plain, compiled in zip(*times, strict=True)]
    row = {
        "network": name,
        "first_cpu_s": first,
        "step_cpu_s": [statistics.median(each) for each in times],
        "ratio": statistics.median(ratios),
        "ratios": sorted(ratios),
        "arrays_mb": [each / 1e6 for each in arrays],
        "first_losses": losses,
    }
    print(json.dumps(row))


def measure(name: str, size: int, batch: int, rounds: int) -> dict[str, Any]:
    """One row, from a fresh process."""
    with tempfile.TemporaryDirectory() as dump:
        command = [sys.executable, "-m", "tests.benchmarks.bench_xla", "--child", name]
        command += ["--size", str(size), "--batch", str(batch), "--rounds", str(rounds)]
        environment = {**os.environ, **_HIDDEN, "XLA_FLAGS": f"--xla_dump_to={dump} --xla_dump_hlo_as_text"}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        if done.returncode:
            raise SystemExit(done.stderr[-2000:])
        row: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        modules = [path.name for path in Path(dump).iterdir() if path.name.endswith("before_optimizations.txt")]
    return row | {"modules": len([module for module in modules if "one_step" in module]), "all_modules": len(modules)}


def main() -> None:
    """Measure, print a table, write the JSON when asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=NETWORKS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--child")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child, arguments.size, arguments.batch, arguments.rounds)
        return
    rows = []
    print(
        "| network | step, CPU-s | with XLA | ratio | first step, CPU-s | with XLA | arrays, MB | with XLA | modules |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for name in arguments.networks:
        row = measure(name, arguments.size, arguments.batch, arguments.rounds)
        rows.append(row)
        (plain, xla), (first, first_xla), (maps, maps_xla) = row["step_cpu_s"], row["first_cpu_s"], row["arrays_mb"]
        print(
            f"| `{name}` | {plain:.2f} | {xla:.2f} | {row['ratio']:.2f} ({row['ratios'][0]:.2f}-{row['ratios'][-1]:.2f}) "
            f"| {first:.1f} | {first_xla:.1f} | {maps:.0f} | {maps_xla:.0f} | {row['modules']} of {row['all_modules']} |",
            flush=True,
        )
    if arguments.json:
        arguments.json.write_text(json.dumps({"rows": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
