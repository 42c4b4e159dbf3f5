"""A scan and the files that predicting it leaves, written without any network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from liverseg.data import case_uid, file_sha256
from liverseg.volume import read_header, write_nifti

AFFINE = np.diag([-2.0, -2.0, 4.0, 1.0])
SHAPE = (40, 40, 8)
MODEL: dict[str, Any] = {
    "id": "m-0123456789ab",
    "name": "liver-v1",
    "path": "/models/liver-v1",
    "labels": ["liver", "tumour"],
}


def labels(shift: int = 0, tumour: bool = True) -> npt.NDArray[np.uint8]:
    """A mask of 20 × 20 × 4 voxels of liver, 25.6 mL, with a tumour of 0.8 mL."""
    mask = np.zeros(SHAPE, np.uint8, order="F")
    mask[10 + shift : 30 + shift, 10:30, 2:6] = 1
    if tumour:
        mask[15 + shift : 20 + shift, 15:20, 3:5] = 2
    return mask


def scan_file(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.random.default_rng(1000 + seed).normal(0, 40, SHAPE).astype(np.int16)
    image[0, 0, 0] = -1000
    return write_nifti(path, np.asfortranarray(image), AFFINE)


def predicted(
    out: Path,
    scan: Path,
    *,
    model: dict[str, Any] = MODEL,
    shift: int = 1,
    tumour: bool = True,
    affine: npt.NDArray[np.float64] = AFFINE,
    **changes: Any,
) -> Path:
    """Write mask and record of a prediction into `out`; returns the path without the ending."""
    out.mkdir(parents=True, exist_ok=True)
    name = scan.name.partition(".")[0]
    mask = write_nifti(out / f"{name}_seg.nii.gz", labels(shift, tumour), affine)
    header, digest = read_header(scan), file_sha256(scan)
    record = {
        "schema_version": 1,
        "notice": "Research software, not for clinical use.",
        "created": "2026-01-31T09:00:00Z",
        "scan": {
            "name": name,
            "path": str(scan),
            "kind": "nifti",
            "sha256": digest,
            "uid": case_uid(digest),
            "shape": list(header.shape),
            "spacing_mm": list(header.spacing_mm),
            "orientation": header.orientation,
        },
        "model": model,
        "mask": {"file": mask.name, "sha256": file_sha256(mask)},
        "volumes_ml": {"liver": 25.6, "tumour": 0.8},
    }
    (out / f"{name}_seg.json").write_text(json.dumps(record | changes))
    return out / name


def fixed_mask(path: Path, shift: int = 0, tumour: bool = True, affine: npt.NDArray[np.float64] = AFFINE) -> Path:
    return write_nifti(path, labels(shift, tumour), affine)
