"""Arrays that a trial or a sweep left behind, read so that no file can do harm."""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Arrays = dict[str, npt.NDArray[np.generic]]
T = TypeVar("T")

MOST_BYTES = 256 * 1024 * 1024
# What zipfile and NumPy raise for the many ways in which a file can be damaged or made up.
_DAMAGE = (
    *(OSError, ValueError, KeyError, EOFError, TypeError, OverflowError, MemoryError, RuntimeError, SyntaxError),
    *(zipfile.BadZipFile, zlib.error, tokenize.TokenError),
)


def read_arrays(path: Path, make: Callable[[Arrays], T | None]) -> T | None:
    """What `make` makes of the arrays of an .npz file; None when it is missing, damaged or too large.

    Never unpickles. The archive's own checksums are compared. A report goes without rather than fail, so what `make` raises
    for arrays of another kind (`ValueError`, `KeyError`, `TypeError`, …) gives None too, and nothing is raised.
    """
    try:
        if not path.is_file():
            return None  # a pipe would be waited for
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > MOST_BYTES:
                return None
        with np.load(path, allow_pickle=False) as arrays:
            return make({name: arrays[name] for name in arrays.files})
    except _DAMAGE:
        return None
