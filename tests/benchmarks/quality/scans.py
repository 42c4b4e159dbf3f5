"""Generated patients, prepared for training: a cohort of its own for every repeat."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from liverseg.config import PrepareConfig
from liverseg.data.split import split_patients
from liverseg.phantom.case import PhantomCase, make_case
from liverseg.phantom.config import PhantomConfig
from liverseg.preprocess import Pack, PreparedCase, pack, prepare_case
from liverseg.volume import write_nifti

CANDIDATES = 60
CASES = 10
VALIDATION = 0.3
FIRST_SEED = 100

Packs = dict[int, tuple[Pack, Pack]]


def cohort(repeat: int) -> PhantomConfig:
    """Small scans, so that an epoch takes a fraction of a second: 64 pixels, 8 to 10 slices, tumours of good contrast."""
    return PhantomConfig(
        cases=CANDIDATES,
        seed=FIRST_SEED + repeat,
        matrix_px=(64, 64),
        slices=(8, 10),
        field_of_view_mm=(300.0, 320.0),
        thickness_mm=(14.0,),
        noise_hu=(8.0, 10.0),
        contrast_to_noise=(5.0, 9.0),
    )


def packs(repeat: int, sizes_px: Sequence[int]) -> Packs:
    """Training and validation slices of a repeat's own patients, split by its own lot, at every size."""
    prepared = _prepared(chosen_cases(cohort(repeat)), tuple(sizes_px))
    split = split_patients(sorted(prepared), test=0.0, validation=VALIDATION, seed=FIRST_SEED + repeat)
    return {
        size: (
            pack([prepared[name][size] for name in split.train], training=True),
            pack([prepared[name][size] for name in split.validation], training=False),
        )
        for size in sizes_px
    }


def chosen_cases(config: PhantomConfig) -> dict[str, PhantomCase]:
    """The patients with most tumour: at 5 mm a pixel the others' tumours are a pixel or two, and never learned."""
    cases = {f"case-{index:08x}": make_case(config, index) for index in range(config.cases)}
    largest = sorted(cases, key=lambda name: (-int((cases[name].mask == 2).sum()), name))
    return {name: cases[name] for name in sorted(largest[:CASES])}


def _prepared(cases: dict[str, PhantomCase], sizes_px: tuple[int, ...]) -> dict[str, dict[int, PreparedCase]]:
    found = {}
    with tempfile.TemporaryDirectory(prefix="quality-") as folder:
        image, mask = Path(folder) / "image.nii.gz", Path(folder) / "mask.nii.gz"
        for name, case in cases.items():
            write_nifti(image, case.image, case.affine)
            write_nifti(mask, case.mask, case.affine)
            found[name] = prepare_case(name, name, image, mask, PrepareConfig(sizes_px=sizes_px))
    return found
