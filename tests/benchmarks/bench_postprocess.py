"""Post-processing of a volume of 512 x 512 x 400: CPU-seconds and memory, of applying it and of choosing it.

    python -m tests.benchmarks.bench_postprocess [--slices 400] [--json FILE]

Drawn volumes, whose box is all of the volume or nearly so: a liver with 200 specks and stray livers; everything tumour; one
voxel in five foreground at random, which has over a million lesions. One process and one thread a volume; memory is
how far the process's resident memory rises above what it holds with the volume (and the reference, where one is needed).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from liverseg.handover.choice import choose
from liverseg.handover.postprocess import PostProcess
from liverseg.preprocess.arrays import NativeReference
from tests.benchmarks.bench_evaluate import peak_bytes

SIDE_PX = 512
SPACING_MM = (1.0, 0.7, 0.7)
KINDS = ("liver", "everything", "noise")
TARGET_S, TARGET_MB = 10.0, 1500.0

Volume = npt.NDArray[np.uint8]


def draw(kind: str, slices: int) -> Volume:
    """A predicted volume `(slices, 512, 512)`."""
    rng = np.random.default_rng(0)
    labels = np.zeros((slices, SIDE_PX, SIDE_PX), np.uint8)
    if kind == "everything":
        labels[:] = 2
        labels[:10] = 1
    elif kind == "noise":
        for plane in labels:
            plane[:] = rng.choice(np.array([0, 0, 0, 0, 0, 0, 0, 0, 1, 2], np.uint8), plane.shape)
    else:
        _draw_liver(labels, rng)
    return labels


def _draw_liver(labels: Volume, rng: np.random.Generator) -> None:
    centre = (len(labels) / 2, 256, 256)
    for plane, z in zip(labels, range(len(labels)), strict=True):
        for value, radii in ((1, (0.45 * len(labels), 240, 240)), (2, (0.08 * len(labels), 60, 60))):
            rows, columns = np.ogrid[:SIDE_PX, :SIDE_PX]
            flat = ((rows - centre[1]) / radii[1]) ** 2 + ((columns - centre[2]) / radii[2]) ** 2
            plane[flat + ((z - centre[0]) / radii[0]) ** 2 < 1] = value
    for _ in range(200):
        z, row, column = rng.integers(0, (len(labels) - 5, 500, 500))
        labels[z : z + 5, row : row + 8, column : column + 8] = rng.integers(1, 3)


def volume_of(labels: Volume) -> NativeReference:
    """The whole of it as a box."""
    return NativeReference((len(labels), SIDE_PX, SIDE_PX), SPACING_MM, (0, 0, 0), labels)


def child(kind: str, slices: int) -> dict[str, Any]:
    """Figures of one kind of volume."""
    predicted = volume_of(draw(kind, slices))
    row: dict[str, Any] = {"kind": kind, "shape": predicted.shape}
    two = PostProcess(True, True, 0.0)
    three = PostProcess(True, True, 0.1)
    for name, work in (
        ("two options", lambda: two.apply(predicted)),
        ("three options", lambda: three.apply(predicted)),
    ):
        row[name] = measured(work)
    truth = volume_of(draw("liver", slices))
    row["all 24 combinations"] = measured(lambda: choose([(truth, predicted)], ("liver", "tumour")))
    return row


def measured(work: Callable[[], Any]) -> dict[str, float]:
    """CPU-seconds and megabytes on top."""
    began = time.process_time()
    peak = peak_bytes(work)
    return {"cpu_s": time.process_time() - began, "mb": peak / 1e6}


def main() -> None:
    """Measure, print a table, write the JSON when asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slices", type=int, default=400)
    parser.add_argument("--child", choices=KINDS)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(child(options.child, options.slices)))
        return
    rows = []
    columns = ("two options", "three options", "all 24 combinations")
    print(f"| volume | {' | '.join(f'{name}, CPU-s; MB' for name in columns)} |\n|---|{'---:|' * len(columns)}")
    for kind in KINDS:
        command = [sys.executable, "-m", __spec__.name, "--child", kind, "--slices", str(options.slices)]
        rows.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        cells = [f"{rows[-1][name]['cpu_s']:.1f}; {rows[-1][name]['mb']:.0f}" for name in columns]
        print(f"| {kind} | {' | '.join(cells)} |", flush=True)
    seconds = max(rows[KINDS.index("liver")][name]["cpu_s"] for name in columns)
    most = max(row[name]["mb"] for row in rows for name in columns)
    met = seconds <= TARGET_S and most <= TARGET_MB
    print(f"a liver: {seconds:.1f} CPU-s; all: {most:.0f} MB; goal {TARGET_S:.0f} and {TARGET_MB:.0f}: {met}")
    if options.json:
        options.json.write_text(json.dumps({"rows": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
