"""How long scoring a pair of masks takes in full: a real liver mask of 512 x 512 x 78 against copies that were spoilt.

    python -m tests.benchmarks.bench_evaluate [--masks FOLDER] [--whole] [--json FILE]

FOLDER holds `segmentation-0.nii.gz` (by default the folder named by LIVERSWEEP_REAL_CT); without one a drawn liver of the
same size is taken. The reference gets three drawn tumours, so that all three labels are scored. Spoilt copies live in memory
only. One process, one thread; CPU seconds, best of three, reading the reference's file apart. `--whole` adds what was not
chosen: SciPy's distance transform of the joint box, liver only.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from liverseg.metrics import full_score
from liverseg.metrics.boundary import boundary_points
from liverseg.metrics.case import score_counts
from liverseg.metrics.evaluate import confusion_of
from liverseg.metrics.mask_file import cut, read_mask
from liverseg.metrics.overlap import SCORED
from liverseg.preprocess.arrays import NativeReference
from liverseg.volume import read_header

TARGET_S = 3.0
ROUNDS = 3
SHAPE, SPACING = (78, 512, 512), (2.0, 0.7266, 0.7266)

Volume = npt.NDArray[np.uint8]


def ball(centre: tuple[float, ...], radii: tuple[float, ...]) -> npt.NDArray[np.bool_]:
    """An ellipsoid in voxels."""
    grids = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    return sum(((grid - c) / r) ** 2 for grid, c, r in zip(grids, centre, radii, strict=True)) <= 1.0


def reference_of(folder: Path | None) -> tuple[Volume, float, str]:
    """The whole reference with tumours, seconds of reading it, and what it is."""
    if folder is None:
        liver, seconds, what = ball((40, 250, 180), (34, 95, 105)).astype(np.uint8), 0.0, "drawn"
    else:
        path = folder / "segmentation-0.nii.gz"
        began = time.process_time()
        volume = read_mask(path, read_header(path))
        seconds, what = time.process_time() - began, "real"
        liver = np.zeros(SHAPE, np.uint8)
        corner = tuple(slice(low, low + size) for low, size in zip(volume.start, volume.labels.shape, strict=True))
        liver[corner] = volume.labels
    where = np.argwhere(liver)
    for share, radius in ((0.3, 4), (0.5, 12), (0.7, 25)):
        centre = where[int(share * len(where))]
        liver[ball(tuple(centre), (radius / 2.75, radius, radius)) & (liver > 0)] = 2
    return liver, seconds, what


def spoilt(reference: Volume) -> dict[str, Callable[[], Volume]]:
    """Predictions by name, each made when it is asked for."""
    rng = np.random.default_rng(0)
    liver = reference > 0

    def rough() -> Volume:
        noise = ndimage.gaussian_filter(rng.standard_normal(SHAPE).astype(np.float32), (2, 5, 5))
        edge = ndimage.gaussian_filter(liver.astype(np.float32), (1, 3, 3))
        return np.where(edge + 0.15 * noise / noise.std() > 0.5, np.maximum(reference, 1), 0).astype(np.uint8)

    def specks() -> Volume:
        return np.maximum(rough(), (rng.random(SHAPE) < 1e-4).astype(np.uint8) * 2)

    return {
        "moved by 3 voxels": lambda: np.roll(reference, 3, axis=2),
        "eroded by 3 voxels": lambda: reference * ndimage.binary_erosion(liver, iterations=3),
        "rough, joint box is the volume": rough,
        "rough with 2,000 far specks of tumour": specks,
        "another organ": lambda: np.flip(reference, 2).copy(),
        "everything is liver": lambda: np.ones(SHAPE, np.uint8),
        "2 % of all voxels at random": lambda: (rng.random(SHAPE) < 0.02).astype(np.uint8) * reference.max(),
        "nothing": lambda: np.zeros(SHAPE, np.uint8),
    }


def score(reference: NativeReference, volume: Volume) -> Any:
    """What `liversweep evaluate` does with two volumes in memory."""
    prediction = cut(volume, SPACING)
    case = score_counts("a", "a", reference, confusion_of(reference, prediction), tuple(SCORED))
    return full_score(case, reference, prediction)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Least CPU seconds of a few calls, and the last result."""
    seconds = []
    for _ in range(ROUNDS):
        began = time.process_time()
        result = work()
        seconds.append(time.process_time() - began)
    return min(seconds), result


def peak_bytes(work: Callable[[], Any]) -> int:
    """How far the resident memory rises above where it is, while something is done."""
    Path("/proc/self/clear_refs").write_text("5")
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    before = int(fields["VmRSS"].split()[0])
    work()
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return (int(fields["VmHWM"].split()[0]) - before) * 1024


def through_the_volume(reference: NativeReference, volume: Volume) -> None:
    """Liver distances by SciPy's transform of the joint box."""
    prediction = cut(volume, SPACING)
    points = [boundary_points(side, "liver") for side in (reference, prediction)]
    if not all(map(len, points)):
        return
    low = np.min([side.min(axis=0) for side in points], axis=0)
    size = np.max([side.max(axis=0) for side in points], axis=0) - low + 1
    for one, other in (points, points[::-1]):
        sites = np.ones(size, bool)
        sites[tuple((other - low).T)] = False
        ndimage.distance_transform_edt(sites, sampling=SPACING)[tuple((one - low).T)].max()


def measure(folder: Path | None, whole: bool) -> dict[str, Any]:
    """The measurement, as one document."""
    full, reading_s, what = reference_of(folder)
    reference = cut(full, SPACING)
    rows = []
    for name, make in spoilt(full).items():
        volume = make()
        rises = peak_bytes(lambda volume=volume: score(reference, volume))  # type: ignore[misc]
        seconds, found = timed(lambda volume=volume: score(reference, volume))  # type: ignore[misc]
        row = {"name": name, "cpu_s": seconds, "peak_mb": rises / 1e6, "hd95_mm": found.surface("liver").hd95}
        if whole:
            row["scipy_volume_peak_mb"] = peak_bytes(lambda volume=volume: through_the_volume(reference, volume)) / 1e6  # type: ignore[misc]
            row["scipy_volume_liver_cpu_s"], _ = timed(lambda volume=volume: through_the_volume(reference, volume))  # type: ignore[misc]
        rows.append(row)
        print(_line(row), flush=True)
    return {"reference": what, "reading_cpu_s": reading_s, "target_s": TARGET_S, "pairs": rows}


def _line(row: dict[str, Any]) -> str:
    text = f"{row['name']:40s} {row['cpu_s']:6.2f} CPU-s, {row['peak_mb']:5.0f} MB more, HD95 {row['hd95_mm']:.1f} mm"
    if "scipy_volume_liver_cpu_s" in row:
        seconds, peak = row["scipy_volume_liver_cpu_s"], row["scipy_volume_peak_mb"]
        text += f"; transform of the box, liver only: {seconds:.2f} CPU-s, {peak:.0f} MB"
    return text


def main() -> None:
    """Measure and print; with `--json FILE` also write."""
    parser = argparse.ArgumentParser(description="scoring a pair of masks")
    default = os.environ.get("LIVERSWEEP_REAL_CT")
    parser.add_argument("--masks", type=Path, default=Path(default) if default else None)
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = measure(options.masks, options.whole)
    print(
        f"reference: {found['reference']}, read in {found['reading_cpu_s']:.2f} CPU-s; goal: under {TARGET_S:g} a pair"
    )
    if options.json:
        # JSON has no infinity: the distance to nothing.
        rows = [row | {"hd95_mm": row["hd95_mm"] if row["hd95_mm"] < float("inf") else None} for row in found["pairs"]]
        options.json.write_text(json.dumps(found | {"pairs": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
