"""NIfTI files for tests: sound ones, and sound ones with chosen header fields broken."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

FIELDS = {
    "sizeof_hdr": ("i", 0),
    "dim": ("8h", 40),
    "datatype": ("h", 70),
    "bitpix": ("h", 72),
    "pixdim": ("8f", 76),
    "vox_offset": ("f", 108),
    "scl_slope": ("f", 112),
    "scl_inter": ("f", 116),
    "descrip": ("80s", 148),
    "qform_code": ("h", 252),
    "sform_code": ("h", 254),
    "quatern": ("3f", 256),
    "qoffset": ("3f", 268),
    "srow_x": ("4f", 280),
    "srow_y": ("4f", 296),
    "srow_z": ("4f", 312),
    "magic": ("4s", 344),
}
CODES = {"uint8": 2, "int16": 4, "int32": 8, "float32": 16, "float64": 64, "int8": 256, "uint16": 512, "uint32": 768}
AFFINE = np.array([[-0.8, 0, 0, 90.0], [0, -0.8, 0, 70.0], [0, 0, 2.5, -300.0], [0, 0, 0, 1]])


def header_bytes(
    array: npt.NDArray[Any], affine: npt.NDArray[np.float64] = AFFINE, order: str = "<", **broken: Any
) -> bytes:
    """352 bytes of NIfTI-1, right for `array` except for the fields in `broken`."""
    zooms = np.linalg.norm(affine[:3, :3], axis=0)
    fields: dict[str, Any] = {
        "sizeof_hdr": 348,
        "dim": (array.ndim, *array.shape, *([1] * (7 - array.ndim))),
        "datatype": CODES[array.dtype.name],
        "bitpix": array.dtype.itemsize * 8,
        "pixdim": (1.0, *zooms, 0.0, 0.0, 0.0, 0.0),
        "vox_offset": 352.0,
        "scl_slope": 1.0,
        "scl_inter": 0.0,
        "sform_code": 1,
        "srow_x": tuple(affine[0]),
        "srow_y": tuple(affine[1]),
        "srow_z": tuple(affine[2]),
        "magic": b"n+1\0",
        **broken,
    }
    raw = bytearray(352)
    for name, value in fields.items():
        kind, offset = FIELDS[name]
        struct.pack_into(order + kind, raw, offset, *(value if isinstance(value, tuple) else (value,)))
    return bytes(raw)


def nifti_bytes(
    array: npt.NDArray[Any], affine: npt.NDArray[np.float64] = AFFINE, order: str = "<", **broken: Any
) -> bytes:
    """A whole uncompressed file."""
    return header_bytes(array, affine, order, **broken) + array.astype(array.dtype.newbyteorder(order)).tobytes(
        order="F"
    )


def put(path: Path, data: bytes) -> Path:
    """Write bytes, gzip-compressed where the name says so, folders made as needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data, 6, mtime=0) if path.suffix == ".gz" else data)
    return path


def scan(seed: int = 0, shape: tuple[int, int, int] = (12, 10, 6)) -> npt.NDArray[np.int16]:
    """Noise around liver HU with some air."""
    hu = np.random.default_rng(seed).normal(100, 20, shape)
    hu[:2] = -1000
    return np.rint(hu).astype(np.int16)


def mask(shape: tuple[int, int, int] = (12, 10, 6), *, tumour: bool = True) -> npt.NDArray[np.uint8]:
    """A block of liver with one tumour voxel row."""
    labels = np.zeros(shape, np.uint8)
    labels[4:9, 3:8, 1:5] = 1
    if tumour:
        labels[5:7, 5, 2] = 2
    return labels


def put_pair(image: Path, labels: Path, seed: int = 0, *, tumour: bool = True) -> None:
    """A sound case at two paths."""
    put(image, nifti_bytes(scan(seed)))
    put(labels, nifti_bytes(mask(tumour=tumour)))
