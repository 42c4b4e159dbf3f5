"""A GPU: its rate of convolution, steps of the five networks against it, and a small sweep beside stock Ray Tune.

    python -m tests.benchmarks.bench_gpu [--rounds 3] [--batch 32] [--no-sweep] [--json FILE]
    python -m tests.benchmarks.bench_gpu --device cpu --size 64 --batch 2      # the same code where there is no GPU

`KERAS_BACKEND` says with what: tensorflow, jax or torch; the first that is installed when it is not set. Without a GPU that this
backend sees the exit status is 2.

The ceiling is the best of four large bare convolutions in bfloat16, forward only, called from the library itself (see
`convolution_rate`); fp32's is shown too, which is TF32 where the library uses that. A step is `CompiledNetwork.train`: the
batch goes to the device, forward, backward, Adam, the loss comes back. It counts as three times the network's forward
convolutions; all else is time without credit. Every round measures the ceiling, then the step in float32 and in bfloat16;
shares are made within a round, medians shown. Times are walls on a GPU, and CPU-seconds with `--device cpu`. JAX always
compiles with XLA, TensorFlow and PyTorch when told to (`--xla`).

The sweep is `rivals` with two trials on one card, half of it each; it needs TensorFlow, which is what sweeps train with.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.convolution_rate import Bare, bare_convolutions, best_rate, seconds_of

BACKENDS = ("tensorflow", "jax", "torch")
ARCHITECTURES = ("unet", "unet_resnet18", "unet_resnet50", "segnet", "encoder_decoder")
PRECISIONS = ("float32", "bfloat16")
NO_GPU = 2
Clock = Callable[[], float]


def choose_backend() -> str:
    """What `KERAS_BACKEND` says, or the first backend that is installed.

    Raises:
        SystemExit: none is.
    """
    wanted = os.environ.get("KERAS_BACKEND")
    found = [name for name in (wanted,) if name] or [name for name in BACKENDS if importlib.util.find_spec(name)]
    if not found or found[0] not in BACKENDS or not importlib.util.find_spec(found[0]):
        what = f"KERAS_BACKEND={wanted} is not installed" if wanted else "no backend of Keras is installed"
        raise SystemExit(f"bench_gpu: {what}; one of these is needed: {', '.join(BACKENDS)}")
    os.environ["KERAS_BACKEND"] = found[0]
    return found[0]


def hide_gpus() -> None:
    """Before any backend is imported."""
    os.environ.update({"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"})


def gpu_name(backend: str) -> str | None:
    """The first GPU that the backend sees, in its words; None without one."""
    if backend == "tensorflow":
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        return str(tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")) if gpus else None
    if backend == "jax":
        import jax

        device = jax.devices()[0]
        return str(device.device_kind) if device.platform in ("gpu", "cuda", "rocm") else None
    import torch

    return str(torch.cuda.get_device_name(0)) if torch.cuda.is_available() else None


def step_of(architecture: str, precision: str, options: argparse.Namespace) -> tuple[float, float, Callable[[], Any]]:
    """GFLOP of a training step, seconds until the first was done, and the step."""
    from liverseg.config import TrainConfig
    from liverseg.models.build import count_flops
    from liverseg.training.network import compile_network

    began = time.perf_counter()
    config = TrainConfig(
        architecture=architecture,
        parameters={
            "size": options.size,
            "batch_size": options.batch,
            "mixed_precision": precision == "bfloat16",
            "xla": options.xla,
        },
    )
    network = compile_network(config)
    generator = np.random.default_rng(0)
    images = generator.random((options.batch, options.size, options.size, 1), np.float32)
    masks = generator.integers(0, 3, images.shape[:3]).astype(np.int32)

    def step() -> float:
        return network.train(images, masks, 1e-4)

    step()
    first = time.perf_counter() - began
    step()
    return 3 * options.batch * count_flops(network.model) / 1e9, first, step


def measure(architecture: str, ceilings: dict[str, list[Bare]], options: argparse.Namespace) -> dict[str, Any]:
    """One network: medians over the rounds, a column a precision."""
    steps = {precision: step_of(architecture, precision, options) for precision in PRECISIONS}
    rounds: list[dict[str, float]] = []
    for _ in range(options.rounds):
        ceiling = best_rate(ceilings["bfloat16"], options.clock, options.least_s)
        row = {"ceiling": ceiling}
        for precision, (gflop, _, step) in steps.items():
            row[precision] = seconds_of(step, options.clock, options.least_s)
            row[f"{precision}_share"] = gflop / row[precision] / ceiling
        row["gain"] = row["float32"] / row["bfloat16"]
        rounds.append(row)
    found: dict[str, Any] = {name: statistics.median(row[name] for row in rounds) for name in rounds[0]}
    first = {f"{precision}_first_s": steps[precision][1] for precision in PRECISIONS}
    return {"architecture": architecture, "gflop": steps["float32"][0], **found, **first, "rounds": rounds}


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The networks as Markdown."""
    lines = [
        "| network | GFLOP a step | step fp32, ms | share of the bf16 rate | step bf16, ms | share | fp32 / bf16 "
        "| to the first step fp32, bf16, s |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        lines.append(
            f"| `{row['architecture']}` | {row['gflop']:.0f} | {1000 * row['float32']:.1f} | {row['float32_share']:.0%} "
            f"| {1000 * row['bfloat16']:.1f} | {row['bfloat16_share']:.0%} | {row['gain']:.2f}× "
            f"| {row['float32_first_s']:.1f}, {row['bfloat16_first_s']:.1f} |"
        )
    return "\n".join(lines)


def all_steps(backend: str, options: argparse.Namespace) -> dict[str, Any]:
    """Ceilings and networks, printed and as plain values."""
    from liverseg.training.device import pin_threads
    from liverseg.training.gpu import grow_if_any

    grow_if_any()
    if options.device == "cpu":
        pin_threads(1)
    ceilings = {name: bare_convolutions(backend, name, options.convolution_batch) for name in PRECISIONS}
    rates = {name: best_rate(chains, options.clock, options.least_s) for name, chains in ceilings.items()}
    shown = ", ".join(f"{name} {rate / 1000:.2f} TFLOP/s" for name, rate in rates.items())
    print(f"bare convolutions: {shown}", flush=True)
    rows = []
    for architecture in options.network or ARCHITECTURES:
        rows.append(measure(architecture, ceilings, options))
        gc.collect()
    print(table(rows), flush=True)
    return {"gflop_per_s": rates, "rows": rows}


def small_sweep(options: argparse.Namespace) -> dict[str, Any]:
    """liversweep and stock Ray Tune on one GPU, two trials at a time; on a CPU two short trials to try the code out."""
    from tests.benchmarks import bench_rivals
    from tests.benchmarks.rivals.workloads import OURS, TUNE, Workload

    gpu = Workload("gpu-8x3s", ("unet",), 8, 3.0, 32, (OURS, TUNE), size_px=128, gpus=0.5)
    cpu = Workload("cpu-2x1s", ("unet",), 2, 1.0, 4, (OURS, TUNE), size_px=64)
    workload = cpu if options.device == "cpu" else gpu
    folder = Path(tempfile.mkdtemp(prefix="lsr-", dir="/tmp"))
    try:
        bench_rivals.make_material(folder, workload)
        return bench_rivals.measure(folder, workload, workload.contenders, options.rounds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def arguments() -> argparse.Namespace:
    """The command line, and what follows from the device."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--device", choices=("gpu", "cpu"), default="gpu")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, default=128, help="side of the input, pixels")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--network", action="append", choices=ARCHITECTURES, help="repeatable; all when left out")
    parser.add_argument("--xla", action="store_true", help="compile the steps; JAX always does")
    parser.add_argument("--no-sweep", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    options.clock = time.process_time if options.device == "cpu" else time.perf_counter
    options.least_s = 0.0 if options.device == "cpu" else 0.3
    options.convolution_batch = 1 if options.device == "cpu" else 32
    return options


def main() -> int:
    """Measure and print; with `--json FILE` also write."""
    options, backend = arguments(), choose_backend()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if options.device == "cpu":
        hide_gpus()
    name = gpu_name(backend)
    if name is None and options.device == "gpu":
        print(f"bench_gpu: {backend} sees no GPU here; --device cpu runs the same on the CPU", file=sys.stderr)
        return NO_GPU
    options.xla = options.xla or backend == "jax"
    print(f"{name or 'CPU, one thread'}; Keras on {backend}, {'with' if options.xla else 'without'} XLA", flush=True)
    found: dict[str, Any] = {"device": name or "cpu", "backend": backend, "xla": options.xla}
    try:
        if backend == "tensorflow" and not options.no_sweep:
            found["sweep"] = small_sweep(options)
        elif not options.no_sweep:
            print("no sweep: it needs KERAS_BACKEND=tensorflow", flush=True)
        found |= {"size_px": options.size, "batch": options.batch, "steps": all_steps(backend, options)}
    finally:
        if options.json:
            options.json.parent.mkdir(parents=True, exist_ok=True)
            options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
