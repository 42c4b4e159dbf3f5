"""Writing a volume: the same array always gives the same bytes, and a reader never sees half a file."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import numpy as np
import numpy.typing as npt

from liverseg.errors import ConfigError
from liverseg.volume.affine import Affine, fault_of
from liverseg.volume.header import DTYPES
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
    header = _header(path, array, np.asarray(affine, np.float64))
    with _replacing(path) as file:
        if is_gzip_name(path):
            with gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=GZIP_LEVEL, mtime=0) as stream:
                _write_body(cast(IO[bytes], stream), header, array)
        else:
            _write_body(file, header, array)
    return path


def _header(path: Path, array: npt.NDArray[np.generic], affine: Affine) -> bytes:
    import nibabel

    if not path.name.lower().endswith((".nii", ".nii.gz")):
        raise ConfigError("not a NIfTI file name", where=str(path), got=path.name, allowed=".nii, .nii.gz")
    if array.dtype.name not in DTYPES.values():
        raise ConfigError("data type not allowed", where=str(path), got=array.dtype.name, allowed=", ".join(DTYPES.values()))
    if array.ndim != 3 or not all(1 <= size <= 2048 for size in array.shape):
        raise ConfigError("impossible shape", where=str(path), got=array.shape, allowed="3 axes of 1 to 2048")
    if affine.shape != (4, 4) or (fault := fault_of(affine)):
        what, got, allowed = fault if affine.shape == (4, 4) and fault else ("not an affine", str(affine.shape), "4x4")
        raise ConfigError(what, where=str(path), got=got, allowed=allowed)
    header = nibabel.Nifti1Header(endianness="<")
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
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
