"""Reading voxels: in blocks of whole slices with bounded memory, or all at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from liverseg.errors import DataError
from liverseg.volume.header import Header
from liverseg.volume.rules import Subject
from liverseg.volume.source import CHUNK_BYTES, Source, fill, open_source, read_fully

Voxels = npt.NDArray[Any]

LABELS_ALLOWED = (0, 1, 2)
WHOLE_NUMBER_TOLERANCE = 1e-3
_LOOK_AHEAD_BYTES = 2**16


def planes_per_slab(header: Header) -> int:
    """How many stored z-planes one block of `slabs` holds: about 2 MiB, at least one plane."""
    return max(1, min(header.shape[2], CHUNK_BYTES * header.shape[2] // header.promised_bytes))


def slabs(
    path: Path | str, header: Header, *, case: str | None = None, planes: int | None = None, reuse: bool = False
) -> Iterator[Voxels]:
    """Consecutive blocks of whole z-planes as stored: no scaling, native byte order.

    The last block is given out only after the file was read to its end and found whole, so whoever has all planes has
    sound planes. Every block is a fresh array that the caller may keep or change, unless `reuse` is set.

    Args:
        path: the file `header` was read from.
        header: from `read_header`.
        case: name of the case, for the error.
        planes: planes a block; about 2 MiB worth by default.
        reuse: give out the same memory again and again: a block is lost when the next one is asked for. Faster, for the
            operating system need not find fresh memory and the processor's cache already holds it.

    Yields:
        `(x, y, k)` in Fortran order, dtype `header.dtype`; the k add up to `header.shape[2]`.

    Raises:
        DataError: rule N1 (damaged, too short, garbage behind) or N3 (expands beyond its promise).
    """
    subject = Subject(Path(path), case)
    step = planes or planes_per_slab(header)
    depth = header.shape[2]
    with open_source(subject) as source:
        _skip(source, header.data_offset, subject)
        memory = _memory(header, min(step, depth)) if reuse else None
        for start in range(0, depth, step):
            planes = min(step, depth - start)
            block = _read_block(source, header, _memory(header, planes) if memory is None else memory, planes, subject)
            if start + step >= depth:
                _expect_end(source, subject)
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
    with np.errstate(over="ignore"):
        hu = _scaled(raw, header).astype(np.float32)
    if (raw.dtype.kind == "f" or header.scaled) and not np.isfinite(hu).all():
        subject = Subject(Path(path), case, "image")
        got = f"{int(np.count_nonzero(~np.isfinite(hu)))} NaN or infinite voxels in one block"
        next_step = "convert the scan again or leave it out"
        raise subject.broken("N4", "voxels are not finite", got, "finite HU", next_step)
    return hu


def to_labels(
    raw: Voxels,
    header: Header,
    *,
    path: Path | str = "",
    case: str | None = None,
    meaning: Mapping[int, int] | None = None,
) -> npt.NDArray[np.uint8]:
    """Stored mask voxels (any shape) as uint8 labels 0, 1 or 2. Values within 1e-3 of a whole number are rounded.

    Args:
        raw: stored voxels.
        header: of their file.
        path: of the file, for the error.
        case: its case, for the error.
        meaning: label of each value that has one, all others being background; None for values that are labels already.

    Raises:
        DataError: rule N4, values that are not whole or not in the label map.
    """
    subject = Subject(Path(path), case, "mask")
    values = _scaled(raw, header)
    if values.dtype.kind == "f":
        values = _whole(values, subject)
    if meaning is not None:
        return _named(values, meaning)
    if values.size and not _in_label_map(values):
        found = np.unique(values)
        got = ", ".join(f"{value:g}" for value in found[:8]) + (", …" if len(found) > 8 else "")
        allowed = "0 background, 1 liver, 2 tumour"
        raise subject.broken("N4", "values outside the label map", got, allowed, "map the labels to 0, 1, 2")
    return values.astype(np.uint8, copy=False)


def _named(values: Voxels, meaning: Mapping[int, int]) -> npt.NDArray[np.uint8]:
    labels = np.zeros(values.shape, np.uint8, order="F")
    for value, label in meaning.items():
        labels[values == value] = label
    return labels


def _in_label_map(values: Voxels) -> bool:
    # Not asked of unsigned values, which is nearly every mask: nothing is below 0.
    low_enough = values.dtype.kind == "u" or values.min() >= LABELS_ALLOWED[0]
    return bool(low_enough and values.max() <= LABELS_ALLOWED[-1])


def _scaled(raw: Voxels, header: Header) -> Voxels:
    if not header.scaled:
        return raw
    scaled: Voxels = raw.astype(np.float64) * header.slope + header.intercept
    return scaled


def _whole(values: Voxels, subject: Subject) -> Voxels:
    whole: Voxels = np.rint(values)
    with np.errstate(invalid="ignore"):
        wrong = ~(np.abs(values - whole) <= WHOLE_NUMBER_TOLERANCE)
    if wrong.any():
        allowed = f"0, 1, 2 within {WHOLE_NUMBER_TOLERANCE:g}"
        next_step = "resample masks with nearest neighbour and save them as uint8"
        raise subject.broken("N4", "values are not whole numbers", f"{values[wrong][0]:g}", allowed, next_step)
    return whole


def _skip(source: Source, size: int, subject: Subject) -> None:
    while size and (data := read_fully(source, min(size, CHUNK_BYTES))):
        size -= len(data)
    if size:
        raise _ends_early(subject, "before the first voxel")


def _memory(header: Header, planes: int) -> Voxels:
    """Uninitialised room for stored planes: `(x, y, planes)`, Fortran order, byte order of the file."""
    stored = np.dtype(header.dtype).newbyteorder(">" if header.big_endian else "<")
    return np.empty((*header.shape[:2], planes), stored, order="F")


def _read_block(source: Source, header: Header, memory: Voxels, planes: int, subject: Subject) -> Voxels:
    block = memory[:, :, :planes]
    if fill(source, block.reshape(-1, order="A").view(np.uint8).data) < block.nbytes:
        raise _ends_early(subject, "before the last voxel")
    return block.astype(header.dtype, order="F", copy=False)


def _ends_early(subject: Subject, where: str) -> DataError:
    allowed = "every voxel the header promises"
    return subject.broken("N1", "file ends early", f"end {where}", allowed, "copy or download the file again")


def _expect_end(source: Source, subject: Subject) -> None:
    # Not one byte: where damage has made the stream go on, its checksum is usually near and names the true fault.
    if read_fully(source, _LOOK_AHEAD_BYTES):
        what, got = "file goes on after the last voxel", "more data than the header promises"
        raise subject.broken("N3", what, got, "nothing after the last voxel", "convert the scan again")
