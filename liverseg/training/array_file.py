"""Groups of named arrays as `.npz` files without pickles, hashed as they are written."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np
import numpy.typing as npt

Arrays = Mapping[str, npt.NDArray[Any]]


def write_arrays(path: Path, arrays: Arrays) -> str:
    """Write arrays as an uncompressed `.npz` and flush it to the disk.

    Arrays are taken from the mapping one after the other, so a mapping that makes them on demand is never held as a
    whole. The same arrays give the same bytes.

    Returns:
        SHA-256 of the file.

    Raises:
        ValueError: an array holds objects.
    """
    with path.open("wb") as file:
        stream = _HashedStream(file)
        with zipfile.ZipFile(stream, "w") as archive:
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    _write_array(member, np.asarray(array, order="C"))
        file.flush()
        os.fsync(file.fileno())
    return stream.sha256.hexdigest()


def read_arrays(path: Path) -> Arrays:
    """All arrays of a file."""
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def _write_array(member: IO[bytes], array: npt.NDArray[Any]) -> None:
    """What `np.lib.format.write_array` writes, without its copies of the data."""
    if array.dtype.hasobject:
        raise ValueError("arrays of objects are not written: they would need a pickle")
    np.lib.format.write_array_header_1_0(member, np.lib.format.header_data_from_array_1_0(array))
    member.write(array.reshape(-1).view(np.uint8).data)


class _HashedStream:
    """A file that hashes what is written. It cannot be rewound, so the archive writes every byte once and in order."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.sha256.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()
