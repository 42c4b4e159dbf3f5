"""The scans, prepared once: liversweep's cache for itself, and the same slices as plain arrays for the others.

python -m tests.benchmarks.rivals.material FOLDER      # with LIVERSWEEP_CACHE set; FOLDER holds spec.yaml
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

CASES, SEED = 8, 1
FILE = "arrays.npz"


@dataclass(frozen=True, slots=True)
class Arrays:
    """What a contender trains on.

    Attributes:
        images, masks: training slices, float32 `(n, s, s, 1)` with the window applied and int32 `(n, s, s)`; a multiple of the
            batch, filled up from the beginning as liversweep fills its last batch.
        val_images, val_masks: every slice of the validation scans.
    """

    images: npt.NDArray[np.float32]
    masks: npt.NDArray[np.int32]
    val_images: npt.NDArray[np.float32]
    val_masks: npt.NDArray[np.int32]

    @classmethod
    def read(cls, folder: Path) -> Arrays:
        """What `write_arrays` wrote."""
        with np.load(folder / FILE) as file:
            return cls(**{name: file[name] for name in cls.__slots__})


def write_arrays(folder: Path, batch: int) -> None:
    """Prepare through liversweep's cache, and write the same slices as arrays."""
    from liverseg.preprocess.window import apply_window, window_for

    train, validation = packs(folder)
    window = window_for("study", train.foreground_hu)
    rows = np.resize(np.arange(len(train.image)), -(-len(train.image) // batch) * batch)
    every = np.arange(len(validation.image))
    np.savez(
        folder / FILE,
        images=apply_window(train.image[rows], window),
        masks=train.mask[rows].astype(np.int32),
        val_images=apply_window(validation.image[every], window),
        val_masks=validation.mask[every].astype(np.int32),
    )


def packs(folder: Path) -> tuple[Any, Any]:
    """Training and validation packs of the spec in `folder`, from its cache."""
    from liverseg.preprocess import load_or_prepare, pack
    from sweeps.cohort import load_cohort
    from sweeps.prepare import cache_store
    from sweeps.spec import load_spec
    from sweeps.workplace import prepare_config

    os.chdir(folder)
    spec = load_spec("spec.yaml").spec
    cohort, config = load_cohort(spec, threads=1), prepare_config(spec)
    found = []
    for part in ("train", "validation"):
        cases = [
            load_or_prepare(case.uid, case.patient, case.files.image, case.files.mask, config, cache=cache_store(spec))
            for case in cohort.part(part)
        ]
        found.append(pack([case[config.sizes_px[0]] for case in cases], training=part == "train"))
    return found[0], found[1]


def main() -> None:
    """Write scans, cache and arrays."""
    from liverseg.phantom import PhantomConfig, write_cohort
    from tests.benchmarks.rivals.workloads import BATCH

    folder = Path(sys.argv[1])
    write_cohort(folder / "scans", PhantomConfig(cases=CASES, seed=SEED))
    write_arrays(folder, BATCH)


if __name__ == "__main__":
    main()
