"""Preparing one 512x512x78 scan to 128x128, against the reference study's way.

    python -m tests.benchmarks.bench_prepare [--rounds 7] [--json FILE]

The study's way is nibabel `get_fdata` (float64), `rot90`, Pillow per slice (bilinear in mode F, nearest for the mask)
and the window 150/30. Ours is `prepare_case` and `apply_window`. Both end with the same slices as float32 in [0, 1].

Time: CPU-seconds of this process (`process_time`), the two ways taking turns, median of the rounds; one BLAS thread.
Memory: each way once in a fresh process; after imports and a small warm-up the kernel's peak counter is reset
(`/proc/self/clear_refs`), and the growth of the resident set to its new peak (`VmHWM`) is taken. Linux only.

The scan is `volume-0.nii.gz` below `$LIVERSWEEP_REAL_CT`, else `../shared/data/real-ct` beside the checkout, else
generated noise of the same size, which the table then says.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import gzip
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
from PIL import Image

from liverseg.config import PrepareConfig
from liverseg.preprocess import apply_window, hu_from_stored, prepare_case, window_for
from liverseg.preprocess.native import HISTOGRAM_BINS
from liverseg.volume import write_nifti

SIZE_PX = 128
ROUNDS = 7
_REPOSITORY = Path(__file__).resolve().parents[2]
_NO_FOREGROUND = np.zeros(HISTOGRAM_BINS, np.int64)
_TARGETS = {
    "image .nii.gz": 4.5,
    "image+mask .nii.gz": 4.5,
    "image .nii": 5.0,
    "image+mask .nii": 5.0,
}

Floats = npt.NDArray[np.float32]


def study_hu(path: Path) -> Floats:
    """The study's resampled CT before its window, `(row, column, slice)` float32 HU."""
    volume = np.rot90(_float64(path))
    return np.stack([_pillow(volume[:, :, k].astype(np.float32), "F") for k in range(volume.shape[2])], axis=-1)


def _float64(path: Path) -> npt.NDArray[np.float64]:
    return np.asarray(nib.Nifti1Image.from_filename(path).get_fdata())


def _pillow(plane: npt.NDArray[Any], mode: str) -> npt.NDArray[Any]:
    method = Image.Resampling.BILINEAR if mode == "F" else Image.Resampling.NEAREST
    return np.asarray(Image.fromarray(np.ascontiguousarray(plane)).resize((SIZE_PX, SIZE_PX), method))


def study_way(image: Path, mask: Path | None) -> tuple[Floats, npt.NDArray[np.uint8] | None]:
    """The whole of the study's preprocessing of one scan."""
    inputs = np.clip((study_hu(image) + 45.0) / 150.0, 0.0, 1.0)
    if mask is None:
        return inputs, None
    labels = np.rot90(_float64(mask))
    planes = [_pillow(labels[:, :, k].astype(np.uint8), "L") for k in range(labels.shape[2])]
    return inputs, np.stack(planes, axis=-1)


def our_way(image: Path, mask: Path | None) -> tuple[Floats, npt.NDArray[np.uint8]]:
    """The same with `prepare_case`, the scan's native reference mask and intensity histogram included."""
    case = prepare_case("bench", "bench", image, mask, PrepareConfig(sizes_px=(SIZE_PX,)))[SIZE_PX]
    return apply_window(case.image, window_for("study", _NO_FOREGROUND)), case.mask


def find_pair(folder: Path) -> tuple[Path, Path, str]:
    """Image, mask and a word on where they come from."""
    beside = _REPOSITORY.parent / "shared" / "data" / "real-ct"
    named = os.environ.get("LIVERSWEEP_REAL_CT")
    for root in (Path(named or beside), beside):
        image, mask = root / "volume-0.nii.gz", root / "segmentation-0.nii.gz"
        if image.exists() and mask.exists():
            return image, mask, "real CT"
    return *_generate(folder), "generated noise (no real CT found)"


def _generate(folder: Path) -> tuple[Path, Path]:
    rng = np.random.default_rng(0)
    x, y = np.meshgrid(*[np.linspace(-1, 1, 512)] * 2, indexing="ij")
    body, organ = (x**2 + y**2 < 0.7)[..., None], ((x + 0.3) ** 2 + y**2 < 0.1)[..., None]
    noise = rng.normal(0, 25, (512, 512, 78))
    volume = (np.where(body, np.where(organ, 110, 40), -1000) + noise).astype(np.int16)
    labels = np.broadcast_to(organ, volume.shape).astype(np.uint8)
    affine = np.diag((-0.7266, -0.7266, 2.0, 1.0))
    image, mask = folder / "volume.nii.gz", folder / "mask.nii.gz"
    write_nifti(image, volume, affine)
    write_nifti(mask, labels, affine)
    return image, mask


def unpacked(path: Path, folder: Path) -> Path:
    """A decompressed copy below `folder`."""
    target = folder / path.name.removesuffix(".gz")
    with gzip.open(path, "rb") as source, target.open("wb") as copy:
        shutil.copyfileobj(source, copy)
    return target


def cpu_s(work: Callable[[], object]) -> float:
    """CPU-seconds of one call in this process."""
    start = time.process_time()
    work()
    return time.process_time() - start


def paired_times(image: Path, mask: Path | None, rounds: int) -> dict[str, float]:
    """Median CPU-seconds of both ways, taking turns, and the median of the rounds' ratios."""
    ways = (lambda: study_way(image, mask)), (lambda: our_way(image, mask))
    pairs = [[cpu_s(way) for way in ways] for _ in range(rounds + 1)]
    study, ours = np.array(pairs[1:]).T
    return {
        "study_s": float(np.median(study)),
        "ours_s": float(np.median(ours)),
        "ratio": float(np.median(study / ours)),
        "ratio_lowest": float(np.min(study / ours)),
    }


_CHILD = """
import sys
from pathlib import Path
from tests.benchmarks import bench_prepare as bench
image, mask, way = Path(sys.argv[1]), Path(sys.argv[2]) if sys.argv[2] else None, sys.argv[3]
bench.warm_up(Path(sys.argv[4]))
Path("/proc/self/clear_refs").write_text("5")
before = bench.status_kib("VmRSS")
getattr(bench, way)(image, mask)
print(bench.status_kib("VmHWM") - before)
"""


def warm_up(folder: Path) -> None:
    """Load what both ways load lazily, on a tiny volume."""
    image, mask = folder / "warm-volume.nii.gz", folder / "warm-mask.nii.gz"
    write_nifti(image, np.zeros((32, 32, 2), np.int16), np.eye(4))
    write_nifti(mask, np.zeros((32, 32, 2), np.uint8), np.eye(4))
    study_way(image, mask)
    our_way(image, mask)


def status_kib(field: str) -> int:
    """A memory figure of this process, in KiB, from `/proc/self/status`."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1])


def peak_mib(image: Path, mask: Path | None, way: str, folder: Path) -> float:
    """Growth of a fresh process's resident set while it runs `study_way` or `our_way`."""
    command = [sys.executable, "-W", "ignore", "-c", _CHILD, str(image), str(mask or ""), way, str(folder)]
    done = subprocess.run(command, cwd=_REPOSITORY, capture_output=True, text=True, check=True)
    return int(done.stdout) / 1024


def differences(image: Path, mask: Path) -> dict[str, float]:
    """Largest differences from Pillow in the display frame: of the filter and after fixed point, in HU and windowed."""
    from liverseg.preprocess.band import Axis, PlaneResizer
    from liverseg.preprocess.orient import orientation_from
    from liverseg.volume import read_header, read_voxels, to_hu

    header = read_header(image, case="bench")
    case = prepare_case("bench", "bench", image, mask, PrepareConfig(sizes_px=(SIZE_PX,)))[SIZE_PX]
    native = orientation_from(header.orientation).display_volume(to_hu(read_voxels(image, header), header))
    reference = np.stack([_pillow(plane, "F") for plane in native])
    rows, columns = (Axis(n, SIZE_PX, 0, SIZE_PX) for n in native.shape[1:])
    resize = PlaneResizer(rows, columns)
    exact = max(float(np.abs(resize(plane) - wanted).max()) for plane, wanted in zip(native, reference, strict=True))
    window = window_for("study", _NO_FOREGROUND)
    inputs = apply_window(case.image, window)[..., 0]
    return {
        "filter_hu": exact,
        "filter_window": exact / 150.0,
        "stored_hu": float(np.abs(hu_from_stored(case.image) - reference).max()),
        "stored_window": float(np.abs(inputs - np.clip((reference + 45) / 150, 0, 1)).max()),
    }


def measure(rounds: int) -> dict[str, Any]:
    """All figures, as one JSON-able dict."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        image, mask, source = find_pair(folder)
        plain = unpacked(image, folder), unpacked(mask, folder)
        inputs = {
            "image .nii.gz": (image, None),
            "image+mask .nii.gz": (image, mask),
            "image .nii": (plain[0], None),
            "image+mask .nii": plain,
        }
        rows = []
        for label, (scan, labels) in inputs.items():
            row: dict[str, Any] = {"input": label, "target": _TARGETS[label], **paired_times(scan, labels, rounds)}
            row["study_peak_mib"] = peak_mib(scan, labels, "study_way", folder)
            row["our_peak_mib"] = peak_mib(scan, labels, "our_way", folder)
            rows.append(row)
        return {"scan": source, "rounds": rounds, "rows": rows, "largest_difference": differences(image, mask)}


def main() -> None:
    """Print a table; with `--json FILE` also write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    figures = measure(options.rounds)
    print(f"scan: {figures['scan']}, 128 px, median of {figures['rounds']} paired rounds, CPU-seconds of one thread")
    heads = ("study", "ours", "ratio", "lowest", "target", "study MiB", "our MiB", "share")
    print(f"{'input':<20}" + "".join(f"{head:>10}" for head in heads))
    for row in figures["rows"]:
        share = f"1/{row['study_peak_mib'] / row['our_peak_mib']:.1f}"
        print(
            f"{row['input']:<20}{row['study_s']:>9.3f}s{row['ours_s']:>9.3f}s{row['ratio']:>10.2f}"
            f"{row['ratio_lowest']:>10.2f}{row['target']:>10.1f}"
            f"{row['study_peak_mib']:>10.1f}{row['our_peak_mib']:>10.1f}{share:>10}"
        )
    for name, value in figures["largest_difference"].items():
        print(f"largest difference from Pillow, {name}: {value:.2e}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
