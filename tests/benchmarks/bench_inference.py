"""Segmenting one scan of 512 x 512 x 78 on its own grid: seconds, slices a second, and where the time goes.

    python -m tests.benchmarks.bench_inference [--networks unet,segnet] [--rounds 3] [--mixed] [--json FILE]

Five networks at full width, 128 px, one thread, CPU-seconds of this process. The parts are those of the product:

- **read and resize**: `prepare_case` without a mask, from a .nii.gz: decompression, checks, resampling to 128 x 128.
- **window**: from stored numbers to what the network sees.
- **network**: `CompiledNetwork.predict`, batch by batch; its share of a bare convolution's rate is made with the
  convolutions' operations of all slices that were predicted, those that fill up the last batch included.
- **native grid**: `predicted_volumes` without these: logits to labels of 512 x 512 pixels, and the volume's box.

Networks are not trained, so that the time of the last part would say nothing: it depends on how much is foreground. The
network is timed, and its logits are exchanged for those of a network that finds exactly the reference's liver and tumours.
What it takes when every pixel is foreground is shown below the table.

The scan is the first pair below `$LIVERSWEEP_REAL_CT` if that is set, else a phantom of that size, which takes half a
minute to make.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import argparse
import gc
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from liverseg.config import PrepareConfig, TrainConfig
from liverseg.inference.volumes import predicted_volumes
from liverseg.phantom import PhantomConfig, make_case
from liverseg.preprocess import Pack, apply_window, pack, prepare_case, window_for
from liverseg.training.device import pin_threads
from liverseg.volume import write_nifti
from tests.benchmarks.bench_training import ARCHITECTURES, SIZE_PX, ceiling_rate, ceiling_steps, cpu_seconds

Logits = npt.NDArray[np.float32]
PARTS = ("read_resize", "window", "network", "native")
CONFIG = PrepareConfig(sizes_px=(SIZE_PX,))
PHANTOM = PhantomConfig(
    cases=1, matrix_px=(512, 512), slices=(78, 78), orientations=("RAS",), thickness_mm=(2.0,), seed=7
)


def find_pair(folder: Path) -> tuple[Path, Path, str]:
    """Scan, mask and a word on where they come from."""
    named = os.environ.get("LIVERSWEEP_REAL_CT")
    if named:
        return Path(named) / "volume-0.nii.gz", Path(named) / "segmentation-0.nii.gz", "real CT"
    case = make_case(PHANTOM, 0)
    image, mask = folder / "volume-0.nii.gz", folder / "segmentation-0.nii.gz"
    write_nifti(image, case.image, case.affine)
    write_nifti(mask, case.mask, case.affine)
    return image, mask, "phantom"


def perfect_logits(scan: Pack, classes: int) -> Logits:
    """Logits `(n, s, s, c)` whose largest class is the mask of the pack."""
    return np.where(scan.mask[:][..., None] == np.arange(classes, dtype=np.uint8), 2.0, -2.0).astype(np.float32)


class TimedForward:
    """The network on a batch, timed; what it returns are the given logits of the same slices."""

    def __init__(self, network: Any, answers: Logits) -> None:
        self._network, self._answers = network, answers
        self.network_s, self.slices = 0.0, 0

    def __call__(self, images: Logits) -> Logits:
        began = time.process_time()
        self._network.predict(images)
        self.network_s += time.process_time() - began
        first, self.slices = self.slices, self.slices + len(images)
        rows = np.minimum(np.arange(first, self.slices), len(self._answers) - 1)
        return self._answers[rows]


def native_s(scan: Pack, answers: Logits, batch: int) -> float:
    """CPU-seconds of `predicted_volumes` with logits that cost nothing but their copy, the window included."""

    class Ready:
        def predict(self, images: Logits) -> None:
            """Nothing."""

    window = window_for("study", scan.foreground_hu)
    return cpu_seconds(lambda: list(predicted_volumes(TimedForward(Ready(), answers), scan, window, batch)))


def window_s(scan: Pack, batch: int) -> float:
    """CPU-seconds of making the network's inputs of all slices."""
    window = window_for("study", scan.foreground_hu)
    starts = range(0, len(scan.image), batch)
    return cpu_seconds(lambda: [apply_window(scan.image[slice(k, k + batch)], window) for k in starts])


def one_round(files: tuple[Path, Path], scan: Pack, network: Any, answers: Logits, batch: int) -> dict[str, float]:
    """CPU-seconds of every part of one segmentation."""
    reading = cpu_seconds(lambda: prepare_case("scan", "scan", files[0], None, CONFIG))
    forward = TimedForward(network, answers)
    window = window_for("study", scan.foreground_hu)
    whole = cpu_seconds(lambda: list(predicted_volumes(forward, scan, window, batch)))
    windowed = window_s(scan, batch)
    return {
        "read_resize": reading,
        "window": windowed,
        "network": forward.network_s,
        "native": max(0.0, whole - forward.network_s - windowed),
        "predicted_slices": forward.slices,
    }


def measure(
    architecture: str,
    files: tuple[Path, Path],
    scan: Pack,
    *,
    batch: int,
    rounds: int,
    mixed: bool,
    bare: Callable[[], float],
) -> dict[str, Any]:
    """One row: medians over the rounds."""
    from liverseg.models.build import count_flops
    from liverseg.training.network import compile_network

    parameters = {"size": SIZE_PX, "batch_size": batch, "mixed_precision": mixed}
    config = TrainConfig(architecture=architecture, parameters=parameters)
    network = compile_network(config)
    network.predict(np.zeros((batch, SIZE_PX, SIZE_PX, 1), np.float32))
    answers = perfect_logits(scan, config.classes)
    gflop = count_flops(network.model) / 1e9
    found, shares = [], []
    for _ in range(rounds):
        rate = bare()
        one = one_round(files, scan, network, answers, batch)
        found.append(one)
        shares.append(gflop * one["predicted_slices"] / one["network"] / rate)
    row: dict[str, Any] = {name: statistics.median(one[name] for one in found) for name in PARTS}
    total = statistics.median(sum(one[name] for name in PARTS) for one in found)
    row |= {"architecture": architecture, "gflop_a_slice": gflop, "total": total}
    return row | {"slices_per_cpu_s": len(scan.image) / total, "share_of_ceiling": statistics.median(shares)}


def run(architectures: tuple[str, ...], batch: int, rounds: int, mixed: bool) -> dict[str, Any]:
    """All rows, with what is needed to read them."""
    pinned = pin_threads(1)
    ceiling = ceiling_steps("bfloat16" if mixed else "float32")
    with tempfile.TemporaryDirectory() as name:
        image, mask, source = find_pair(Path(name))
        prepared = prepare_case("scan", "scan", image, mask, CONFIG)[SIZE_PX]
        scan = pack([prepared], training=False)
        rows = []
        for architecture in architectures:
            settings: dict[str, Any] = {"batch": batch, "rounds": rounds, "mixed": mixed}
            rows.append(measure(architecture, (image, mask), scan, bare=lambda: ceiling_rate(ceiling), **settings))
            gc.collect()
        full = np.where(np.arange(3) == 1, 2.0, -2.0).astype(np.float32)
        everywhere = np.broadcast_to(full, (len(scan.image), SIZE_PX, SIZE_PX, 3))
        worst = statistics.median(native_s(scan, everywhere, batch) for _ in range(rounds))
    shape = prepared.reference.shape
    facts = {"scan": source, "shape": shape, "batch": batch, "rounds": rounds, "mixed": mixed, "one_thread": pinned}
    return {**facts, "rows": rows, "native_when_all_is_foreground": worst}


def table(result: dict[str, Any]) -> str:
    """The rows as Markdown."""
    lines = [
        "| architecture | whole, CPU-s | slices/s | network, share of bare convolution | read, resize | window "
        "| network | native grid |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in result["rows"]:
        parts = " | ".join(f"{row[name]:.3f} ({row[name] / row['total']:.1%})" for name in PARTS)
        lines.append(
            f"| `{row['architecture']}` | {row['total']:.2f} | {row['slices_per_cpu_s']:.1f} "
            f"| {row['share_of_ceiling']:.0%} | {parts} |"
        )
    said = "bfloat16" if result["mixed"] else "float32"
    worst = result["native_when_all_is_foreground"]
    return "\n".join(
        [
            f"scan: {result['scan']}, {result['shape']} slices, rows, columns; {said}, batch {result['batch']}",
            *lines,
            f"native grid when every pixel is foreground (window included): {worst:.3f} CPU-s",
        ]
    )


def main() -> None:
    """Measure, print the table, write the JSON when asked to."""
    parser = argparse.ArgumentParser(description="one scan from its file to labels on its own grid")
    parser.add_argument("--networks", default=",".join(ARCHITECTURES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--mixed", action="store_true", help="compute in bfloat16")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    result = run(tuple(options.networks.split(",")), options.batch, options.rounds, options.mixed)
    print(table(result))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
