"""A phantom cohort as a folder of NIfTI pairs with LiTS names."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from liverseg.errors import DataError
from liverseg.phantom.case import PhantomFacts, make_case
from liverseg.phantom.config import PhantomConfig
from liverseg.volume import write_nifti

SCHEMA_VERSION = 1
FACTS_FILE = "phantom.json"

OnCase = Callable[[PhantomFacts], None]


def write_cohort(
    folder: Path | str, config: PhantomConfig, on_case: OnCase | None = None, *, overwrite: bool = False
) -> tuple[Path, ...]:
    """Generate a cohort: `volume-N.nii.gz`, `segmentation-N.nii.gz`, and `phantom.json` with what is true of them.

    The same configuration gives the same bytes. Each file appears whole or not at all. `phantom.json` says
    `"complete": false` until the last case is on disk.

    Args:
        folder: made if missing.
        config: what to generate.
        on_case: called after each case is on disk.
        overwrite: replace an earlier phantom cohort in this folder instead of refusing. Other scans are never removed.

    Returns:
        The volumes, in the order of their numbers.

    Raises:
        DataError: the folder is a file, cannot be made, or holds NIfTI files that may not be replaced.
    """
    root = Path(folder)
    _make_room(root, overwrite=overwrite)
    _write_facts(root, config, [], complete=False)
    volumes, facts = [], []
    for index in range(config.cases):
        case = make_case(config, index)
        write_nifti(root / f"segmentation-{index}.nii.gz", case.mask, case.affine)
        volumes.append(write_nifti(root / f"volume-{index}.nii.gz", case.image, case.affine))
        facts.append(case.facts)
        if on_case is not None:
            on_case(case.facts)
    _write_facts(root, config, facts, complete=True)
    return tuple(volumes)


def _make_room(root: Path, *, overwrite: bool) -> None:
    """Make the folder, refuse one that holds scans, or clear one that holds an earlier cohort."""
    if root.exists() and not root.is_dir():
        raise DataError("not a folder", where=str(root), next_step="name a folder that does not exist yet")
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        fault = error.strerror
        raise DataError(
            "the folder cannot be made", where=str(root), got=fault, next_step="name another folder"
        ) from error
    if overwrite and (root / FACTS_FILE).is_file():
        for pattern in ("volume-*.nii.gz", "segmentation-*.nii.gz"):
            for path in root.glob(pattern):
                path.unlink()
    present = next((path for pattern in ("*.nii", "*.nii.gz") for path in root.rglob(pattern)), None)
    if present is None:
        return
    ours = (root / FACTS_FILE).is_file() and not overwrite
    raise DataError(
        "the folder already holds NIfTI files",
        where=str(root),
        got=str(present.relative_to(root)),
        allowed="an empty or new folder",
        next_step="name another folder" + (", or allow overwriting the phantom cohort in it" if ours else ""),
    )


def _write_facts(root: Path, config: PhantomConfig, facts: list[PhantomFacts], *, complete: bool) -> None:
    cases = [fact.as_dict() for fact in facts]
    document = {"schema_version": SCHEMA_VERSION, "complete": complete, "config": asdict(config), "cases": cases}
    temporary = root / f".{FACTS_FILE}.{os.getpid()}.tmp"
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(json.dumps(document, indent=1, sort_keys=True) + "\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(root / FACTS_FILE)
    finally:
        temporary.unlink(missing_ok=True)
