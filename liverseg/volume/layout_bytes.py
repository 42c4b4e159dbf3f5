"""Where the fields that matter lie in the 348 bytes of a NIfTI-1 and the 540 bytes of a NIfTI-2 header.

Source: nifti1.h and nifti2.h of the NIfTI Data Format Working Group.
"""

from __future__ import annotations

import numpy as np


def _layout(itemsize: int, fields: dict[str, tuple[str, int]]) -> np.dtype[np.void]:
    formats = [kind for kind, _ in fields.values()]
    offsets = [offset for _, offset in fields.values()]
    return np.dtype({"names": list(fields), "formats": formats, "offsets": offsets, "itemsize": itemsize})


NIFTI1 = _layout(
    348,
    {
        "dim": ("8<i2", 40),
        "datatype": ("<i2", 70),
        "bitpix": ("<i2", 72),
        "pixdim": ("8<f4", 76),
        "vox_offset": ("<f4", 108),
        "scl_slope": ("<f4", 112),
        "scl_inter": ("<f4", 116),
        "qform_code": ("<i2", 252),
        "sform_code": ("<i2", 254),
        "quatern": ("3<f4", 256),
        "qoffset": ("3<f4", 268),
        "srow_x": ("4<f4", 280),
        "srow_y": ("4<f4", 296),
        "srow_z": ("4<f4", 312),
        "magic": ("S4", 344),
    },
)

NIFTI2 = _layout(
    540,
    {
        "magic": ("S8", 4),
        "datatype": ("<i2", 12),
        "bitpix": ("<i2", 14),
        "dim": ("8<i8", 16),
        "pixdim": ("8<f8", 104),
        "vox_offset": ("<i8", 168),
        "scl_slope": ("<f8", 176),
        "scl_inter": ("<f8", 184),
        "qform_code": ("<i4", 344),
        "sform_code": ("<i4", 348),
        "quatern": ("3<f8", 352),
        "qoffset": ("3<f8", 376),
        "srow_x": ("4<f8", 400),
        "srow_y": ("4<f8", 432),
        "srow_z": ("4<f8", 464),
    },
)
