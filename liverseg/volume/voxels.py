"""Reading voxels: in blocks of whole slices with bounded memory, or all at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from liverseg.volume.header import Header
from liverseg.volume.rules import broken
from liverseg.volume.source import CHUNK_BYTES, Source, fill, open_source, read_fully

Voxels = npt.NDArray[Any]

LABELS_ALLOWED = (0, 1, 2)
WHOLE_NUMBER_TOLERANCE = 1e-3


def planes_per_slab(header: Header) -> int:
    """How many stored z-planes one block of `slabs` holds: about 2 MiB, at least one plane."""
    return max(1, min(header.shape[2], CHUNK_BYTES * header.shape[2] // header.promised_bytes))


def slabs(path: Path | str, header: Header, *, case: str | None = None, planes: int | None = None) -> Iterator[Voxels]:
    """Consecutive blocks of whole z-planes as stored: no scaling, native byte order.

    The last block is given out only after the file was read to its end and found whole, so whoever has all planes has
    sound planes. Every block is a fresh array that the caller may keep or change.

    Args:
        path: the file `header` was read from.
        header: from `read_header`.
        case: name of the case, for the error.
        planes: planes a block; about 2 MiB worth by default.

    Yields:
        `(x, y, k)` in Fortran order, dtype `header.dtype`; the k add up to `header.shape[2]`.

    Raises:
        DataError: rule N1 (damaged, too short, garbage behind) or N3 (expands beyond its promise).
    """
    path = Path(path)
    step = planes or planes_per_slab(header)
    depth = header.shape[2]
    with open_source(path, case=case) as source:
        _skip(source, header, path, case)
        for start in range(0, depth, step):
            block = _read_block(source, header, min(step, depth - start), path, case)
            if start + step >= depth:
                _expect_end(source, path, case)
            yield block


def read_voxels(path: Path | str, header: Header, *, case: str | None = None) -> Voxels:
    """The whole stored array: `(x, y, z)`, Fortran order, dtype `header.dtype`, not scaled, native byte order.

    Raises:
        DataError: as `slabs`.
    """
    return next(slabs(path, header, case=case, planes=header.shape[2]))


def to_hu(raw: Voxels, header: Header, *, path: Path | str = "", case: str | None = None) -> npt.NDArray[np.float32]:
    """Stored CT voxels (any shape) as float32 HU, slope and intercept applied.

    Raises:
        DataError: rule N4, a NaN or infinite value.
    """
    hu = _scaled(raw, header).astype(np.float32)
    if not np.isfinite(hu).all():
        raise broken("N4", "image: voxels are not finite", path=Path(path), case=case,
                     got=f"{int((~np.isfinite(hu)).sum())} NaN or infinite voxels in one block", allowed="finite HU",
                     next_step="convert the scan again or leave it out")  # fmt: skip
    return hu


def to_labels(raw: Voxels, header: Header, *, path: Path | str = "", case: str | None = None) -> npt.NDArray[np.uint8]:
    """Stored mask voxels (any shape) as uint8 labels 0, 1 or 2. Values within 1e-3 of a whole number are rounded.

    Raises:
        DataError: rule N4, values that are not whole or not in the label map.
    """
    values = _scaled(raw, header)
    if values.dtype.kind == "f":
        values = _whole(values, Path(path), case)
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    if low < LABELS_ALLOWED[0] or high > LABELS_ALLOWED[-1]:
        found = np.unique(values)
        shown = ", ".join(f"{value:g}" for value in found[:8]) + (", …" if len(found) > 8 else "")
        raise broken("N4", "mask: values outside the label map", path=Path(path), case=case, got=shown,
                     allowed="0 background, 1 liver, 2 tumour", next_step="map the labels to 0, 1, 2")  # fmt: skip
    return values.astype(np.uint8, copy=False)


def _scaled(raw: Voxels, header: Header) -> Voxels:
    if not header.scaled:
        return raw
    return raw.astype(np.float64) * header.slope + header.intercept


def _whole(values: Voxels, path: Path, case: str | None) -> Voxels:
    whole = np.rint(values)
    with np.errstate(invalid="ignore"):
        wrong = ~(np.abs(values - whole) <= WHOLE_NUMBER_TOLERANCE)
    if wrong.any():
        raise broken("N4", "mask: values are not whole numbers", path=path, case=case, got=f"{values[wrong][0]:g}",
                     allowed=f"0, 1, 2 within {WHOLE_NUMBER_TOLERANCE:g}",
                     next_step="resample masks with nearest neighbour and save them as uint8")  # fmt: skip
    return whole


def _skip(source: Source, header: Header, path: Path, case: str | None) -> None:
    left = header.data_offset
    while left and (data := read_fully(source, min(left, CHUNK_BYTES))):
        left -= len(data)
    if left:
        raise _ends_early(path, case, "before the first voxel")


def _read_block(source: Source, header: Header, planes: int, path: Path, case: str | None) -> Voxels:
    width, height, _ = header.shape
    dtype = np.dtype(header.dtype)
    block = np.empty(width * height * planes, dtype.newbyteorder(">" if header.big_endian else "<"))
    if fill(source, memoryview(block.view(np.uint8))) < block.nbytes:
        raise _ends_early(path, case, "before the last voxel")
    return block.astype(dtype, copy=False).reshape((width, height, planes), order="F")


def _ends_early(path: Path, case: str | None, where: str) -> Exception:
    return broken("N1", "file ends early", path=path, case=case, got=f"end {where}", allowed="every voxel the header promises",
                  next_step="copy or download the file again")  # fmt: skip


def _expect_end(source: Source, path: Path, case: str | None) -> None:
    if source.read(1):
        raise broken("N3", "file goes on after the last voxel", path=path, case=case, got="more data than the header promises",
                     allowed="nothing after the last voxel", next_step="convert the scan again")  # fmt: skip
