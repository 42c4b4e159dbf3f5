"""A phantom cohort as a folder of NIfTI pairs with LiTS names."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from liverseg.errors import DataError
from liverseg.phantom.case import PhantomFacts, make_case
from liverseg.phantom.config import PhantomConfig
from liverseg.phantom.write import nifti_bytes, write_whole

SCHEMA_VERSION = 1
FACTS_FILE = "phantom.json"

OnCase = Callable[[PhantomFacts], None]


def write_cohort(folder: Path | str, config: PhantomConfig, on_case: OnCase | None = None, *, overwrite: bool = False) -> tuple[Path, ...]:
    """Generate a cohort: `volume-N.nii.gz`, `segmentation-N.nii.gz`, and `phantom.json` with what is true by construction.

    The same configuration gives the same bytes. Each file appears whole or not at all.

    Args:
        folder: made if missing.
        config: what to generate.
        on_case: called after each case is on disk.
        overwrite: remove the `volume-*` and `segmentation-*` scans that are there instead of refusing.

    Returns:
        The volumes, in the order of their numbers.

    Raises:
        DataError: the folder already holds NIfTI files, or is a file.
    """
    root = Path(folder)
    _make_room(root, overwrite=overwrite)
    volumes, facts = [], []
    for index in range(config.cases):
        case = make_case(config, index)
        write_whole(root / f"segmentation-{index}.nii.gz", nifti_bytes(case.mask, case.affine))
        write_whole(root / f"volume-{index}.nii.gz", nifti_bytes(case.image, case.affine))
        volumes.append(root / f"volume-{index}.nii.gz")
        facts.append(case.facts)
        if on_case is not None:
            on_case(case.facts)
    write_whole(root / FACTS_FILE, _facts_text(config, facts).encode())
    return tuple(volumes)


def _make_room(root: Path, *, overwrite: bool) -> None:
    """Make the folder, and refuse or clear one that holds scans."""
    if root.exists() and not root.is_dir():
        raise DataError("not a folder", where=str(root), next_step="name a folder that does not exist yet")
    root.mkdir(parents=True, exist_ok=True)
    present = sorted(path for pattern in ("*.nii", "*.nii.gz") for path in root.glob(pattern))
    if present and not overwrite:
        raise DataError(
            "the folder already holds NIfTI volumes",
            where=str(root),
            got=f"{len(present)} of them, {present[0].name} first",
            allowed="an empty or new folder",
            next_step="name another folder, or allow overwriting",
        )
    for path in present:
        if path.name.startswith(("volume-", "segmentation-")):
            path.unlink()


def _facts_text(config: PhantomConfig, facts: list[PhantomFacts]) -> str:
    document = {"schema_version": SCHEMA_VERSION, "config": asdict(config), "cases": [fact.as_dict() for fact in facts]}
    return json.dumps(document, indent=1, sort_keys=True) + "\n"
