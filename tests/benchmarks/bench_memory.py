"""How well `plan` foretells memory: one measured step of four slices against whole trainings.

    python -m tests.benchmarks.bench_memory [--networks unet segnet] [--settings 128x16 256x8] [--json FILE]

Every line is two fresh processes: the probe that `plan` runs (`PROBE_BATCH` slices), and a real `TrainingRun` at the wanted
size and batch with two updates, a validation of one batch, a saved state and the best epoch scored in full. Both with one
thread and full width. What is compared is private memory, which a trial's limit counts; its peak is the kernel's.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

NETWORKS = ("unet_resnet18", "encoder_decoder", "segnet", "unet", "unet_resnet50")
SETTINGS = ("128x16", "256x8")
ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "-1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "1",
    "OMP_NUM_THREADS": "1",
}


def child(name: str, size: int, batch: int) -> None:
    """A whole small training; prints its private peak in MB."""
    from liverseg.config import TrainConfig
    from liverseg.training.device import pin_threads
    from liverseg.training.loop import TrainingRun
    from liverseg.training.resident import private_peak_bytes

    pin_threads(1)
    parameters = {"size": size, "batch_size": batch}
    run = TrainingRun(TrainConfig(architecture=name, parameters=parameters, epochs=1), *_packs(size, batch))
    run.run_epoch()
    with tempfile.TemporaryDirectory() as folder:
        run.save(Path(folder))
    run.score_best()
    print(json.dumps({"peak_mb": private_peak_bytes() / 1e6}))


def _packs(size: int, batch: int) -> tuple[Any, Any]:
    import numpy as np

    from liverseg.preprocess.arrays import CaseSpan, NativeReference, Pack, PlaneMap

    def pack(slices: int, uid: str) -> Pack:
        mask = np.zeros((slices, size, size), np.uint8)
        mask[:, size // 4 : size // 2, size // 4 : size // 2] = 1
        image = (100 * mask).astype(np.int16)
        native = NativeReference(mask.shape, (2.5, 0.8, 0.8), (0, 0, 0), mask)
        span = CaseSpan(uid, uid, 0, slices, PlaneMap((size, size), (size, size), 0, 0, size), native)
        return Pack(image, mask, (span,), np.ones(4096, np.int64))

    return pack(2 * batch, "case-00000001"), pack(batch, "case-00000002")


def answer(command: list[str], text: str = "") -> dict[str, Any]:
    """What a fresh process prints last."""
    environment = {**os.environ, **ENVIRONMENT}
    done = subprocess.run(command, input=text, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def measure(name: str, size: int, batch: int) -> dict[str, Any]:
    """One row."""
    from liverseg.models import describe
    from sweeps.costs.needs import Measured, floor_mb
    from sweeps.costs.step import PROBE_BATCH

    request = {
        "architecture": name,
        "options": {},
        "parameters": {"size": size, "batch_size": PROBE_BATCH},
        "labels": ["liver", "tumour"],
        "threads": 1,
    }
    facts = describe(name, size_px=size)
    cost = answer([sys.executable, "-m", "liverseg.training.probe"], json.dumps(request))
    estimate = Measured(cost, facts, PROBE_BATCH).process_mb(facts, batch, gpu=False)
    real = answer([sys.executable, "-m", __spec__.name, "--child", name, str(size), str(batch)])["peak_mb"]
    return {
        "network": name,
        "size": size,
        "batch": batch,
        "floor_mb": floor_mb(facts, {"batch_size": batch}, gpu=False),
        "estimate_mb": estimate,
        "real_mb": real,
        "error": estimate / real - 1,
        "cost": cost,
    }


def main() -> None:
    """Measure, print a table, write the JSON when asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=NETWORKS)
    parser.add_argument("--settings", nargs="+", default=SETTINGS)
    parser.add_argument("--child", nargs=3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child[0], int(arguments.child[1]), int(arguments.child[2]))
        return
    rows = []
    print(
        "| network | size x batch | at least, MB | estimate, MB | training, MB | error |\n|---|---|---:|---:|---:|---:|"
    )
    for setting in arguments.settings:
        size, batch = map(int, setting.split("x"))
        for name in arguments.networks:
            row = measure(name, size, batch)
            rows.append(row)
            print(
                f"| `{name}` | {setting} | {row['floor_mb']:.0f} | {row['estimate_mb']:.0f} | {row['real_mb']:.0f} "
                f"| {row['error']:+.1%} |",
                flush=True,
            )
            if arguments.json:
                arguments.json.write_text(json.dumps({"rows": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
