"""A cohort whose prepared cases are large and cost nothing: they lie in the cache, and there is no scan behind them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from liverseg.config import PrepareConfig
from liverseg.data.records import Case, CaseFiles
from liverseg.data.split import Fold, Split
from liverseg.preprocess import Cache, NativeReference, PlaneMap, PreparedCase, cache_key, stored_from_hu
from liverseg.volume import Header
from sweeps.cohort import Cohort

NATIVE = 48
AFFINE = ((-1.0, 0.0, 0.0, 0.0), (0.0, -1.0, 0.0, 0.0), (0.0, 0.0, 2.0, 0.0), (0.0, 0.0, 0.0, 1.0))


def config_of(size_px: int) -> PrepareConfig:
    return PrepareConfig(sizes_px=(size_px,), slices="all")


def big_cohort(cache: Path, size_px: int, train: list[int], validation: list[int], folds: int = 1) -> Cohort:
    """Scans with so many slices each. With several folds each validates on one scan, whatever its part."""
    cases = [_case(number, slices) for number, slices in enumerate([*train, *validation])]
    for number, case in enumerate(cases):
        key = cache_key(case.image_sha256, case.mask_sha256, size_px, config_of(size_px))
        Cache(cache).store(key, _prepared(number, case, size_px))
    names = tuple(case.uid for case in cases)
    parts = Fold(names[: len(train)], names[len(train) :])
    rounds = [Fold(tuple(one for one in names if one != name), (name,)) for name in names[:folds]]
    several = tuple(rounds) if folds > 1 else (parts,)
    return Cohort(tuple(cases), Split(several[0].train, several[0].validation, (), "f" * 16, several), (), ())


def _case(number: int, slices: int) -> Case:
    name = f"case-{number:08x}"
    header = Header((NATIVE, NATIVE, slices), (1.0, 1.0, 2.0), AFFINE, "int16", 1.0, 0.0, "LPS", 352, 0)
    files = CaseFiles(name, Path("/nowhere/image.nii"), Path("/nowhere/mask.nii"))
    facts: dict[str, Any] = {"liver_ml": 1.0, "tumour_ml": 0.1, "hu_min": -80.0, "hu_max": 110.0, "liver_hu": 110.0}
    return Case(
        name,
        name,
        name,
        files,
        header,
        f"{number:064x}",
        "0" * 64,
        *(2 * [f"{number:064x}"]),
        labels=(0, 1, 2),
        **facts,
    )


def _prepared(number: int, case: Case, size_px: int) -> PreparedCase:
    """A bright disc with a darker one inside, brighter from slice to slice and scan to scan, so that each is its own."""
    native = _discs(NATIVE)
    labels = np.repeat(native[None], case.slices, axis=0)
    mask = np.repeat(_discs(size_px)[None], case.slices, axis=0)
    image = stored_from_hu(np.choose(mask[0], [-80.0, 110.0, 40.0]))
    steps = np.arange(case.slices, dtype=np.int16)[:, None, None]
    return PreparedCase(
        uid=case.uid,
        patient=case.patient,
        image=image[None] + steps + np.int16(100 * number),
        mask=mask,
        keep=np.ones(case.slices, np.bool_),
        plane=PlaneMap((NATIVE, NATIVE), (size_px, size_px), 0, 0, size_px),
        reference=NativeReference((case.slices, NATIVE, NATIVE), (2.0, 1.0, 1.0), (0, 0, 0), labels),
        foreground_hu=np.bincount([1024 + 110] * 9 + [1024 + 40] * 3, minlength=4096),
    )


def _discs(side: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    rows, columns = np.mgrid[:side, :side] / side - 0.5
    labels = (rows**2 + columns**2 < 0.3**2).astype(np.uint8)
    labels[(rows - 0.1) ** 2 + columns**2 < 0.12**2] = 2
    return labels
