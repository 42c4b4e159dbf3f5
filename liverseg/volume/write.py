"""Writing a volume: the same array always gives the same bytes, and a reader never sees half a file."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import numpy.typing as npt

from liverseg.errors import ConfigError
from liverseg.volume.affine import Affine, fault_of
from liverseg.volume.header import DTYPES, MAX_SIZE, MAX_VOXELS
from liverseg.volume.source import is_gzip_name

GZIP_LEVEL = 4


def write_nifti(path: Path | str, array: npt.NDArray[np.generic], affine: npt.ArrayLike) -> Path:
    """Write `.nii` or `.nii.gz` (by the name), NIfTI-1, little-endian, sform and qform both set.

    The gzip header carries neither time nor name, so equal input gives equal bytes with the same zlib. The file appears
    under its name only when it is complete and on disk; a file of that name is replaced.

    Args:
        path: file to write; its folder must exist.
        array: `(x, y, z)`, one of the allowed data types, at most 2048 along each axis.
        affine: 4x4, voxel index to RAS+ millimetres.

    Returns:
        The path written.

    Raises:
        ConfigError: name, data type, shape or affine that the reader would refuse.
        OSError: the file could not be written; nothing is left behind.
    """
    path = Path(path)
    matrix = np.asarray(affine, np.float64)
    _check(path, array, matrix)
    header = _header(array, matrix)
    with _replacing(path) as file:
        if is_gzip_name(path):
            with gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=GZIP_LEVEL, mtime=0) as stream:
                _write_body(cast(IO[bytes], stream), header, array)
        else:
            _write_body(file, header, array)
    return path


def _check(path: Path, array: npt.NDArray[np.generic], affine: Affine) -> None:
    where = str(path)
    if not path.name.lower().endswith((".nii", ".nii.gz")):
        raise ConfigError("not a NIfTI file name", where=where, got=path.name, allowed=".nii, .nii.gz")
    if array.dtype.name not in DTYPES.values():
        allowed = ", ".join(DTYPES.values())
        raise ConfigError("data type not allowed", where=where, got=array.dtype.name, allowed=allowed)
    if array.ndim != 3 or not all(1 <= size <= MAX_SIZE for size in array.shape) or array.size > MAX_VOXELS:
        raise ConfigError("impossible shape", where=where, got=array.shape, allowed=f"3 axes of 1 to {MAX_SIZE}")
    if affine.shape != (4, 4):
        raise ConfigError("not an affine", where=where, got=affine.shape, allowed="(4, 4)")
    if fault := fault_of(affine):
        raise ConfigError(fault[0], where=where, got=fault[1], allowed=fault[2])


def _header(array: npt.NDArray[np.generic], affine: Affine) -> bytes:
    import nibabel

    header: Any = nibabel.Nifti1Header(endianness="<")  # type: ignore[no-untyped-call]
    header.set_data_dtype(array.dtype.newbyteorder("<"))
    header.set_data_shape(array.shape)
    header.set_qform(affine, code=1)
    header.set_sform(affine, code=1)
    header.set_xyzt_units("mm")
    header.set_slope_inter(1.0, 0.0)
    header["vox_offset"] = 352
    return bytes(header.binaryblock) + b"\0\0\0\0"


def _write_body(stream: IO[bytes], header: bytes, array: npt.NDArray[np.generic]) -> None:
    stream.write(header)
    little = array.dtype.newbyteorder("<")
    for z in range(array.shape[2]):
        stream.write(array[:, :, z].astype(little, copy=False).tobytes(order="F"))


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
