"""Views and prediction records for the tests of the page of one scan."""

from __future__ import annotations

from typing import Any

import numpy as np

from results.scan_page.view import ScanView

COUNT, FIRST, ROWS, COLUMNS = 12, 20, 60, 90
TUMOUR_AT = 27


def view(**changes: Any) -> ScanView:
    """Twelve slices of a grey of their own, each with a liver; slices 26 to 28 have a tumour in it."""
    image = np.repeat(np.arange(COUNT, dtype=np.uint8) * 10 + 90, ROWS * COLUMNS).reshape(COUNT, ROWS, COLUMNS)
    labels = np.zeros_like(image)
    labels[1:-1, 20:50, 10:50] = 1
    labels[6:9, 30:40, 20:30] = 2
    parts: dict[str, Any] = {
        "image": image,
        "labels": labels,
        "slices": tuple(range(FIRST, FIRST + COUNT)),
        "positions_mm": tuple(-100.0 + 2.5 * number for number in range(COUNT)),
        "depth": 60,
        "pixel_mm": 2.0,
        "range_hu": (-200.0, 300.0),
    }
    return ScanView(**(parts | changes))


def record(**changes: Any) -> dict[str, Any]:
    """What `liversweep predict` writes beside a mask."""
    full = {
        "schema_version": 1,
        "notice": "Research software, not for clinical use.",
        "created": "2026-01-31T09:00:00Z",
        "scan": {
            **{"name": "ct-7", "path": "/secret/place/ct-7.nii.gz", "kind": "nifti", "sha256": "5c" * 32},
            **{"uid": "case-1a2b3c4d", "shape": [90, 60, 60], "spacing_mm": [2.0, 2.0, 2.5], "orientation": "LPS"},
        },
        "model": {"id": "m-0123456789ab", "name": "liver-v1", "path": "/secret/place/MODEL"},
        "mask": {"file": "ct-7_seg.nii.gz", "sha256": "9d" * 32},
        "volumes_ml": {"liver": 1512.3, "tumour": 12.1},
        "tumour_burden": 0.008,
        "tumours": [{"volume_ml": 3.0, "longest_mm": 31.4, "slices": [26, 28], "longest_slice": TUMOUR_AT}],
        "postprocess": {"largest_liver": True, "tumour_inside_liver": True, "minimum_lesion_ml": 0.1},
        "flips": False,
        "warnings": [],
        "seconds": 12.3,
        "versions": {"liversweep": "0.1.0", "keras": "3.15.0"},
    }
    return full | changes
