"""A DICOM series as a NIfTI file, slice by slice: two slices in memory, whatever the length of the scan."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from liverseg.dicom.rules import broken
from liverseg.dicom.series import Series, read_series
from liverseg.dicom.slices import Slice
from liverseg.dicom.tags import decode, path_opened
from liverseg.volume import write_planes

Plane = npt.NDArray[Any]

HIGHEST_HU = 3071
"""The most that 12 bits above -1024 can hold. Padding above it is no measurement and would look like metal."""
AIR_HU = -1024
_INT16 = np.iinfo(np.int16)


@dataclass(frozen=True, slots=True)
class DicomScan:
    """A series as a NIfTI file.

    Attributes:
        path_nifti: the file written: int16 HU where every HU is whole, else float32; affine in RAS mm.
        sha256: of the series: SHA-256 over the SHA-256 of its slices' files in order, so neither file names nor files
            beside them change it.
        notes: what a reader of the scan should know; no patient data.
    """

    path_nifti: Path
    sha256: str
    notes: tuple[str, ...]


def series_as_nifti(
    folder: Path | str,
    scratch: Path | str,
    *,
    name: str = "scan.nii",
    on_slices: Callable[[int, int], None] = lambda done, of: None,
) -> DicomScan:
    """Convert the one CT series of a folder.

    Oblique scans keep their orientation. Slices that were scanned at varying distances are brought to an even grid by
    linear interpolation, and a note says so. HU beyond the range of int16 are cut off at its ends. Voxels outside
    the scanner's field of view (PixelPaddingValue) become air where they are brighter than any tissue. The file carries
    nothing of the series but voxels and affine, and appears only when it is whole.

    Args:
        folder: holds the slices, and no second series.
        scratch: existing folder that gets the file.
        name: of the file: `.nii`, or `.nii.gz` for a compressed one.
        on_slices: told how many of how many slices are read.

    Raises:
        ConfigError: pydicom is not installed, or `name` is none of a NIfTI file.
        DataError: a rule X1 to X6 is broken; nothing is left in `scratch`.
        OSError: the file cannot be written.
    """
    series = read_series(folder)
    digest = hashlib.sha256()
    stored = _planes(series, digest, on_slices)
    dtype = np.dtype(np.int16 if series.whole_hu else np.float32)
    even = _on_even_grid(stored, series.stacked.spacing.planes, dtype)
    target = Path(scratch) / name
    write_planes(target, even, shape=series.shape, dtype=dtype, affine=series.stacked.affine)
    for _ in stored:  # Slices behind the end of the grid belong to the digest too.
        pass
    return DicomScan(target, digest.hexdigest(), series.notes)


def series_sha256(folder: Path | str, *, on_slices: Callable[[int, int], None] = lambda done, of: None) -> str:
    """`DicomScan.sha256` without converting: every slice's file is read once.

    Args:
        folder: holds the slices.
        on_slices: told how many of how many slices are read.

    Raises:
        ConfigError: pydicom is not installed.
        DataError: the folder holds no single, whole CT series any more.
    """
    digest = hashlib.sha256()
    slices = read_series(folder).slices
    for done, one in enumerate(slices, 1):
        digest.update(hashlib.sha256(_content(one)).digest())
        on_slices(done, len(slices))
    return digest.hexdigest()


def _planes(series: Series, digest: Any, on_slices: Callable[[int, int], None]) -> Iterator[Plane]:
    """HU of the slices in order, `(x, y)`, int16 or float32; feeds the digest of the series."""
    for done, one in enumerate(series.slices, 1):
        content = _content(one)
        digest.update(hashlib.sha256(content).digest())
        yield _hu(one, content, series.whole_hu)
        on_slices(done, len(series.slices))


def _content(one: Slice) -> bytes:
    with path_opened(one.path) as file:
        content: bytes = file.read()
        return content


def _hu(one: Slice, content: bytes, whole: bool) -> Plane:
    """HU of one slice, `(x, y)`.

    Raises:
        DataError: rule X1 or X5, the file is damaged, or its voxels cannot be decoded or are not all there.
    """
    raw = decode(one.path, content)
    if raw.shape != (one.rows, one.columns):
        got, allowed = "x".join(map(str, raw.shape)), f"{one.rows}x{one.columns}"
        raise broken("X5", "a slice has another size than its tags say", one.path, got=got, allowed=allowed)
    stored = raw.T
    hu = _whole_hu(stored, one) if whole else (stored * np.float64(one.slope) + one.intercept).astype(np.float32)
    if one.padding is not None:
        hu[(stored == one.padding) & (hu > HIGHEST_HU)] = AIR_HU
    return hu


def _whole_hu(stored: Plane, one: Slice) -> Plane:
    exact = stored.astype(np.int64) * int(one.slope) + int(one.intercept)
    return np.clip(exact, _INT16.min, _INT16.max).astype(np.int16)


def _on_even_grid(
    stored: Iterator[Plane], planes: Iterable[tuple[int, float]], dtype: np.dtype[Any]
) -> Iterator[Plane]:
    """Slices of the even grid from those that were scanned; never more than two of the latter at once."""
    held = deque([next(stored)], maxlen=2)
    first = 0
    for index, weight in planes:
        while first < index:
            if len(held) == 1:
                held.append(next(stored))
            held.popleft()
            first += 1
        if weight and len(held) == 1:
            held.append(next(stored))
        yield _between(held[0], held[1], weight, dtype) if weight else held[0]


def _between(below: Plane, above: Plane, weight: float, dtype: np.dtype[Any]) -> Plane:
    value = below.astype(np.float32) * np.float32(1.0 - weight) + above.astype(np.float32) * np.float32(weight)
    return (np.rint(value) if dtype.kind == "i" else value).astype(dtype)
