"""What a user may believe to have named: scans in the folders that `find_scans` was given and does not read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from liverseg.dicom.files import is_dicom_folder
from liverseg.dicom.inputs import NIFTI_ENDINGS, ScanInput, is_mask_name

OTHER_FORMATS = (
    ".mha",
    ".mhd",
    ".nrrd",
    ".nhdr",
    ".mgz",
    ".mgh",
    ".hdr",
    ".nii.bz2",
    ".nii.zip",
    ".nii.xz",
    ".zip",
    ".tar",
    ".tar.gz",
    ".tgz",
)
"""Endings of files that may hold a scan in a format that is not read; of Analyze's pairs the header."""


def passed_over(paths: Iterable[Path | str], found: Sequence[ScanInput]) -> list[Path]:
    """Files and folders below the folders named that may be scans and are not among those found: other formats, and what lies
    below a folder that holds scans itself. Hidden ones and masks are not told, and links are not followed.

    Args:
        paths: as `find_scans` was given them.
        found: what it returned.
    """
    folders = [folder for path in paths if (folder := Path(path).expanduser()).is_dir()]
    known = {os.path.realpath(scan.path) for scan in found}
    holders = {os.path.realpath(scan.path if scan.kind == "dicom" else scan.path.parent) for scan in found}
    told: dict[str, Path] = {}
    for folder in folders:
        for path in _candidates(folder, known, holders):
            told.setdefault(os.path.realpath(path), path)
    return list(told.values())


def _candidates(root: Path, known: set[str], holders: set[str]) -> Iterator[Path]:
    for place, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        folder = Path(place)
        real = os.path.realpath(folder)
        if real not in known and any(str(above) in holders for above in Path(real).parents) and is_dicom_folder(folder):
            yield folder
        for name in sorted(files):
            lower = name.lower()
            scan = lower.endswith(NIFTI_ENDINGS) and not is_mask_name(name)
            other = lower.endswith(OTHER_FORMATS) and not is_mask_name(f"{name.partition('.')[0]}.nii")
            if name.startswith(".") or not (scan or other):
                continue
            if os.path.realpath(folder / name) not in known:
                yield folder / name
