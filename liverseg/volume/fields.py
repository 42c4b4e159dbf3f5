"""The bytes of a header: 348 for NIfTI-1, 540 for NIfTI-2, in either byte order, and the fields in them that matter.

Free text (`descrip`, `db_name`, `aux_file`, `intent_name`) and extensions may name a patient and are never looked at.

Source: nifti1.h and nifti2.h of the NIfTI Data Format Working Group.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from liverseg.volume.rules import Subject
from liverseg.volume.source import is_gzip_name, open_source, read_fully


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

_MAGIC = {348: b"n+1", 540: b"n+2\0\r\n\x1a\n"}
_ORDERS: tuple[tuple[Literal["<", ">"], Literal["little", "big"]], ...] = (("<", "little"), (">", "big"))


def read_fields(subject: Subject) -> tuple[Any, bool]:
    """The header's fields as a numpy record, and whether the file is big-endian.

    Raises:
        DataError: rule N1 (ends early, damaged) or N2 (no single-file NIfTI header).
    """
    with open_source(subject) as source:
        raw = read_fully(source, NIFTI1.itemsize)
        found = _layout_of(raw)
        if found is None:
            raise _not_nifti(subject, raw)
        layout, order = found
        raw += read_fully(source, layout.itemsize - len(raw))
    if len(raw) < layout.itemsize:
        got, allowed = f"{len(raw)} bytes", f"{layout.itemsize} bytes"
        raise subject.broken("N1", "file ends inside the header", got, allowed, "copy or download the file again")
    fields = np.frombuffer(raw, layout.newbyteorder(order))[0]
    magic, wanted = bytes(fields["magic"]), _MAGIC[layout.itemsize]
    if magic != wanted:
        next_step = "convert Analyze files and .hdr/.img pairs to one .nii.gz"
        raise subject.broken("N2", "not a single-file NIfTI", repr(magic), repr(wanted), next_step)
    return fields, order == ">"


def _layout_of(raw: bytes) -> tuple[np.dtype[np.void], Literal["<", ">"]] | None:
    for layout in (NIFTI1, NIFTI2):
        for order, word in _ORDERS:
            if raw[:4] == layout.itemsize.to_bytes(4, word):
                return layout, order
    return None


def _not_nifti(subject: Subject, raw: bytes) -> Exception:
    if raw[:2] == b"\x1f\x8b" and not is_gzip_name(subject.path):
        what = "file is gzip-compressed but not named so"
        return subject.broken("N2", what, ".nii", ".nii.gz", "rename it to end in .nii.gz")
    got = f"first bytes {raw[:4].hex()}" if raw else "an empty file"
    return subject.broken("N2", "no NIfTI header", got, "NIfTI-1 or NIfTI-2", "convert the scan again or leave it out")
