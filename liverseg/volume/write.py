"""Writing a volume: the same array always gives the same bytes, and a reader never sees half a file."""

from __future__ import annotations

import gzip
import math
import os
from collections.abc import Iterable, Iterator
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
    planes = (array[:, :, z] for z in range(array.shape[2])) if array.ndim == 3 else iter(())
    return write_planes(path, planes, shape=array.shape, dtype=array.dtype, affine=affine)


def write_planes(
    path: Path | str,
    planes: Iterable[npt.NDArray[Any]],
    *,
    shape: tuple[int, ...],
    dtype: npt.DTypeLike,
    affine: npt.ArrayLike,
) -> Path:
    """As `write_nifti`, for a volume that comes plane by plane and is never in memory as a whole.

    Args:
        path: file to write; its folder must exist.
        planes: `shape[2]` arrays `(x, y)`, cast to `dtype`. Asked for one at a time; what they raise is passed on.
        shape: `(x, y, z)`.
        dtype: one of the allowed data types.
        affine: 4x4, voxel index to RAS+ millimetres.

    Raises:
        ConfigError: name, data type, shape or affine that the reader would refuse, or planes of another shape or number.
        OSError: the file could not be written; nothing is left behind.
    """
    path, stored = Path(path), np.dtype(dtype)
    matrix = np.asarray(affine, np.float64)
    _check(path, shape, stored, matrix)
    header = _header(shape, stored, matrix)
    with _replacing(path) as file:
        if is_gzip_name(path):
            with gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=GZIP_LEVEL, mtime=0) as stream:
                _write_body(cast(IO[bytes], stream), header, planes, shape, stored)
        else:
            _write_body(file, header, planes, shape, stored)
    return path


def _check(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], affine: Affine) -> None:
    where = str(path)
    if not path.name.lower().endswith((".nii", ".nii.gz")):
        raise ConfigError("not a NIfTI file name", where=where, got=path.name, allowed=".nii, .nii.gz")
    if dtype.name not in DTYPES.values():
        allowed = ", ".join(DTYPES.values())
        raise ConfigError("data type not allowed", where=where, got=dtype.name, allowed=allowed)
    if len(shape) != 3 or not all(1 <= size <= MAX_SIZE for size in shape) or math.prod(shape) > MAX_VOXELS:
        raise ConfigError("impossible shape", where=where, got=shape, allowed=f"3 axes of 1 to {MAX_SIZE}")
    if affine.shape != (4, 4):
        raise ConfigError("not an affine", where=where, got=affine.shape, allowed="(4, 4)")
    if fault := fault_of(affine):
        raise ConfigError(fault[0], where=where, got=fault[1], allowed=fault[2])


def _header(shape: tuple[int, ...], dtype: np.dtype[Any], affine: Affine) -> bytes:
    import nibabel

    header: Any = nibabel.Nifti1Header(endianness="<")  # type: ignore[no-untyped-call]
    header.set_data_dtype(dtype.newbyteorder("<"))
    header.set_data_shape(shape)
    header.set_qform(affine, code=1)
    header.set_sform(affine, code=1)
    header.set_xyzt_units("mm")
    header.set_slope_inter(1.0, 0.0)
    header["vox_offset"] = 352
    return bytes(header.binaryblock) + b"\0\0\0\0"


def _write_body(
    stream: IO[bytes], header: bytes, planes: Iterable[npt.NDArray[Any]], shape: tuple[int, ...], dtype: np.dtype[Any]
) -> None:
    stream.write(header)
    little = dtype.newbyteorder("<")
    written = 0
    for plane in planes:
        if plane.shape != shape[:2]:
            raise ConfigError("a plane has another shape", got=plane.shape, allowed=shape[:2])
        stream.write(plane.astype(little, copy=False).tobytes(order="F"))
        written += 1
    if written != shape[2]:
        raise ConfigError("wrong number of planes", got=written, allowed=shape[2])


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
