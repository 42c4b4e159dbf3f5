"""Memory of segmenting one very long scan: 512 x 512 x 1026, a gigabyte of voxels as float32, half of one as int16.

    python -m tests.benchmarks.bench_predict [--slices N] [--architecture NAME] [--answers NAMES] [--axis first] [--no-page]

The whole command is measured, `liversweep predict MODEL SCAN -o OUT`, with page and picture, one thread: the greatest
resident memory that the kernel saw of its process, and CPU-seconds. The scan is a phantom of 128 x 128, each pixel repeated
four times a side, its slices repeated up and down. The network has its full width and is not trained; memory depends
on how much of the scan is called foreground, so there are two:

- `everything`: every voxel of the scan is liver. The worst that a network can do to memory.
- `noise`: random weights as they are.

With `--axis first` the slices are the file's first axis, which cannot be streamed: the stored scan is read whole.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

SIDE_PX, SLICES, SIZE_PX = 512, 1026, 128
ANSWERS = ("everything", "noise")
TARGET_MB = 3000.0
ENVIRONMENT = {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONHASHSEED": "0"}


def write_scan(path: Path, slices: int, axis: str) -> None:
    """A scan of `slices` of 512 x 512; `axis` says where in the file the slices are: `last` or `first`."""
    from liverseg.phantom import PhantomConfig, make_case
    from liverseg.volume import write_nifti

    config = PhantomConfig(
        cases=1, matrix_px=(128, 128), slices=(54, 54), orientations=("RAS",), thickness_mm=(2.5,), seed=7
    )
    case = make_case(config, 0)
    block = case.image.repeat(4, axis=0).repeat(4, axis=1)
    there_and_back = np.concatenate([block, block[:, :, ::-1]], axis=2)
    image = there_and_back[:, :, np.arange(slices) % there_and_back.shape[2]]
    affine = case.affine @ np.diag([0.25, 0.25, 1.0, 1.0])
    if axis == "first":
        image, affine = image.transpose(2, 0, 1), affine[:, [2, 0, 1, 3]]
    write_nifti(path, image, affine)


def write_network(folder: Path, architecture: str, answer: str, scan: Path) -> None:
    """A model of one network of full width that gives `answer`."""
    from liverseg.config import TrainConfig
    from liverseg.handover.description import Member, ModelDescription, StoredArray
    from liverseg.handover.familiar import FamiliarRanges
    from liverseg.handover.features import scan_features
    from liverseg.handover.folder import CARD, as_bytes, write_model
    from liverseg.handover.postprocess import PostProcess
    from liverseg.models.build import build_model
    from liverseg.preprocess.window import window_for

    network = build_model(architecture, size_px=SIZE_PX, classes=3, options={}, mixed_precision=False, seed=3)
    weights = [np.array(value) for value in network.get_weights()]
    if answer == "everything":
        weights[-2][:], weights[-1][:] = 0.0, (0.0, 1.0, 0.0)
    names = [f"w{index:04d}" for index in range(len(weights))]
    arrays = tuple(
        StoredArray(name, str(variable.path), tuple(value.shape))
        for name, variable, value in zip(names, network.variables, weights, strict=True)
    )
    config = TrainConfig(architecture=architecture, parameters={"size": SIZE_PX})
    member = Member("t0001", config, 1, window_for("study", np.ones(4096, np.int64)), arrays)
    familiar = dict(FamiliarRanges.of([scan_features(scan, case="scan")]).as_json())
    described = ModelDescription(
        "bench", ("liver", "tumour"), "pad", (member,), PostProcess(True, True, 0.1), familiar=familiar
    )
    write_model(
        folder,
        described,
        {"t0001": dict(zip(names, weights, strict=True))},
        lambda place: (place / CARD).write_bytes(as_bytes({"schema_version": 1})) and None,
    )


def predict(model: Path, scan: Path, out: Path, *more: str) -> dict[str, Any]:
    """One run of the command in a process of its own."""
    command = [sys.executable, "-m", "sweeps", "predict", str(model), str(scan), "-o", str(out), "--json", *more]
    began = time.perf_counter()
    with out.with_suffix(".txt").open("w+b") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, env={**os.environ, **ENVIRONMENT})
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read().decode()
    if process.returncode:
        raise SystemExit(text[-3000:])
    record = json.loads(next(out.glob("*_seg.json")).read_bytes())
    return {
        "peak_mb": usage.ru_maxrss * 1024 / 1e6,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "wall_s": time.perf_counter() - began,
        "liver_ml": record["volumes_ml"]["liver"],
        "files_mb": {path.name: path.stat().st_size / 1e6 for path in sorted(out.iterdir())},
    }


def measure(architecture: str, answers: tuple[str, ...], slices: int, axis: str, *more: str) -> list[dict[str, Any]]:
    """One row a network."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scan = folder / "long.nii.gz"
        write_scan(scan, slices, axis)
        print("| answer | peak, MB | CPU-s | wall, s | liver, mL |\n|---|---:|---:|---:|---:|", flush=True)
        for answer in answers:
            write_network(folder / answer, architecture, answer, scan)
            row: dict[str, Any] = {"architecture": architecture, "answer": answer, "slices": slices, "axis": axis}
            row |= predict(folder / answer, scan, folder / f"{answer}-out", *more)
            rows.append(row)
            cells = [f"{row[name]:.0f}" for name in ("peak_mb", "cpu_s", "wall_s", "liver_ml")]
            print(f"| {answer} | {' | '.join(cells)} |", flush=True)
    return rows


def main() -> None:
    """Measure, print a table, write the JSON when asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slices", type=int, default=SLICES)
    parser.add_argument("--architecture", default="unet")
    parser.add_argument("--answers", default=",".join(ANSWERS))
    parser.add_argument("--axis", choices=("last", "first"), default="last")
    parser.add_argument("--no-page", action="store_true", help="without page and picture")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = measure(
        options.architecture,
        tuple(options.answers.split(",")),
        options.slices,
        options.axis,
        *["--no-page"] * options.no_page,
    )
    worst = max(row["peak_mb"] for row in rows)
    print(f"at most {worst:.0f} MB; goal {TARGET_MB:.0f}: {worst <= TARGET_MB}")
    if options.json:
        options.json.write_text(json.dumps({"rows": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
