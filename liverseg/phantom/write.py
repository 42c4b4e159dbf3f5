"""NIfTI files whose bytes depend on nothing but their content."""

from __future__ import annotations

import gzip
import os
import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
import numpy.typing as npt

COMPRESSION = 6


def nifti_bytes(array: npt.NDArray[np.generic], affine: npt.NDArray[np.float64]) -> bytes:
    """A gzipped NIfTI-1 file in memory: no time stamp, no file name, no free text.

    Args:
        array: `(i, j, k)`, int16 or uint8.
        affine: voxel to RAS mm; stored both as sform and as qform.
    """
    scan = nib.Nifti1Image(array, affine)
    scan.header.set_xyzt_units("mm")
    scan.set_sform(affine, code="scanner")
    scan.set_qform(affine, code="scanner")
    return gzip.compress(scan.to_bytes(), compresslevel=COMPRESSION, mtime=0)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that readers see the old one or the whole new one, never a part.

    Raises:
        OSError: the folder cannot be written; no temporary file is left.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
