"""Checking one case: both files read once from front to back, every fact measured on the way, every problem collected."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from liverseg.data.records import Case, CaseFiles, CaseReport, Problem
from liverseg.errors import DataError
from liverseg.volume import (
    Header,
    check_pair,
    obliqueness_deg,
    planes_per_slab,
    read_header,
    slabs,
    to_hu,
    to_labels,
)
from liverseg.volume.header import Role

SOFT_TISSUE_HU = (0.0, 250.0)
LIVER_ML = (200.0, 6000.0)
MAX_OBLIQUE_DEG = 20.0
AIR_HU = -500.0


def check_case(files: CaseFiles) -> CaseReport:
    """Read both files of a case completely and report all facts and all problems.

    Bad data never raises: whatever is wrong with image, mask or their fit becomes a problem, as many as can be told.
    Memory stays at a few MiB whatever the size of the scan.
    """
    problems: list[Problem] = []
    image = _header(files, "image", problems)
    mask = _header(files, "mask", problems)
    if image and mask:
        _collect(problems, lambda: check_pair(image, mask, path=files.mask, case=files.name))
    tally = _Tally(files, image, mask, same_grid=not problems)
    problems.extend(tally.read())
    if image is None or any(problem.severity == "error" for problem in problems):
        return CaseReport(files.name, files, None, image, tuple(problems))
    case = tally.case(image)
    return CaseReport(files.name, files, case, image, (*problems, *_implausible(case)))


def file_sha256(path: Path | str) -> str:
    """SHA-256 of a file's bytes, hex."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def case_uid(image_sha256: str) -> str:
    """Pseudonym of a case: `case-` and the first 8 hex digits of its image file's SHA-256."""
    return f"case-{image_sha256[:8]}"
