"""From a folder to the one CT series in it: which files are its slices, and whether they are a scan."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from liverseg.dicom.files import slice_files
from liverseg.dicom.geometry import Stacked, stack
from liverseg.dicom.rules import broken
from liverseg.dicom.tags import Slice, describe, read_tags, require_pydicom, text, whole
from liverseg.errors import DataError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

Read = tuple[Path, "Dataset"]

HU_TYPES = frozenset(("", "HU", "US", "HU_MOD"))
"""Rescale types that are Hounsfield units; `US` and none mean that the scanner did not say so, and they are for CT."""
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_ENHANCED = frozenset(("1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2"))
_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Series:
    """A CT series that is one scan.

    Attributes:
        folder: where it lies.
        stacked: its slices in order, and the grid that they make.
        whole_hu: whether every voxel is a whole number of HU.
        notes: what a reader of the scan should know: files passed over, resampling. No value of a tag that may name a
            patient.
    """

    folder: Path
    stacked: Stacked
    whole_hu: bool
    notes: tuple[str, ...]

    @property
    def slices(self) -> tuple[Slice, ...]:
        """The slices in ascending order along the normal of their planes."""
        return self.stacked.slices

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels of the scan along columns, rows and slices."""
        return self.stacked.shape

    @property
    def affine(self) -> tuple[tuple[float, ...], ...]:
        """Voxel `(column, row, slice)` to RAS mm, four rows of four."""
        return tuple(tuple(map(float, row)) for row in self.stacked.affine)


def read_series(folder: Path | str) -> Series:
    """The one CT series of a folder; no voxel is read. Folders below are not looked into.

    Localizers (scouts), secondary captures beside a series, and objects without an image are passed over, with a note.

    Raises:
        ConfigError: pydicom is not installed.
        DataError: a rule X1 to X6 is broken.
    """
    folder = Path(folder)
    require_pydicom()
    read: list[Read] = [(path, read_tags(path)) for path in slice_files(folder)]
    images = [one for one in read if whole(one[1], "Rows")]
    scans = [one for one in images if not _is_localizer(one[1])]
    captures = [one for one in scans if text(one[1], "SOPClassUID") == _SECONDARY_CAPTURE]
    if len(captures) < len(scans):
        scans = [one for one in scans if text(one[1], "SOPClassUID") != _SECONDARY_CAPTURE]
    else:
        captures = []
    passed_over = {
        "file(s) without an image": len(read) - len(images),
        "localizer image(s)": len(images) - len(scans) - len(captures),
        "secondary capture(s)": len(captures),
    }
    chosen = _only_series(scans, passed_over, folder)
    _check_kind(chosen)
    slices = [describe(dataset, path) for path, dataset in chosen]
    stacked = stack(slices, folder)
    _check_voxels(chosen)
    notes = [f"{count} {what} passed over" for what, count in passed_over.items() if count]
    return Series(folder, stacked, _whole_hu(slices), (*notes, *_notes(stacked)))


def _is_localizer(dataset: Dataset) -> bool:
    return "LOCALIZER" in text(dataset, "ImageType").upper().split("\\")


def _only_series(scans: Sequence[Read], passed_over: Mapping[str, int], folder: Path) -> Sequence[Read]:
    if not scans:
        got = ", ".join(f"{count} {what}" for what, count in passed_over.items() if count)
        next_step = "give the folder that holds the slices of the scan"
        raise broken("X1", "no CT slice in this folder", folder, got=got, next_step=next_step)
    series: defaultdict[str, list[Read]] = defaultdict(list)
    for one in scans:
        series[text(one[1], "SeriesInstanceUID")].append(one)
    if len(series) == 1:
        return scans
    listed = sorted(map(_summary, series.values()), key=lambda pair: (-pair[0], pair[1]))
    got = f"{len(series)} series: " + ", ".join(summary for _, summary in listed[:_SHOWN])
    raise broken(
        "X1",
        "the folder holds several series",
        folder,
        got=got + (", …" if len(listed) > _SHOWN else ""),
        allowed="one series in a folder",
        next_step="move each series to a folder of its own",
    )


def _summary(series: Sequence[Read]) -> tuple[int, str]:
    """How many slices a series has, and that as text with modality and series number: what viewers show of it."""
    modalities = "/".join(sorted({_modality(dataset) for _, dataset in series}))
    number = whole(series[0][1], "SeriesNumber")
    return len(series), f"{len(series)} {modalities} slice(s)" + (
        "" if number is None else f" (series number {number})"
    )


def _modality(dataset: Dataset) -> str:
    """The modality as far as it is one: a code of the standard, never free text."""
    code = text(dataset, "Modality")
    return code if code.isascii() and code.isalpha() and code.isupper() and len(code) <= 10 else "unknown"


def _check_kind(chosen: Sequence[Read]) -> None:
    """Every image is a CT slice in HU."""
    for path, dataset in chosen:
        for fault, next_step in (
            (_fault_of_modality(dataset), "give a CT series"),
            (_fault_of_frames(dataset), "export it as single-frame CT, or convert it to NIfTI with dcm2niix"),
            (_fault_of_colour(dataset), "export the original slices, not pictures of them"),
            (_fault_of_values(dataset), "export the reconstruction in HU"),
        ):
            if fault:
                what, got, allowed = fault
                raise broken("X2", what, path, got=got, allowed=allowed, next_step=next_step)


Fault = tuple[str, str, str] | None


def _fault_of_modality(dataset: Dataset) -> Fault:
    modality = _modality(dataset)
    return None if modality == "CT" else ("not a CT slice", f"modality {modality}", "modality CT")


def _fault_of_frames(dataset: Dataset) -> Fault:
    frames = whole(dataset, "NumberOfFrames") or 1
    if frames == 1 and text(dataset, "SOPClassUID") not in _ENHANCED:
        return None
    return "a multi-frame (enhanced) image cannot be read", f"{frames} frames in one file", "one slice a file"


def _fault_of_colour(dataset: Dataset) -> Fault:
    samples, kind = whole(dataset, "SamplesPerPixel") or 1, text(dataset, "PhotometricInterpretation")
    if samples == 1 and kind == "MONOCHROME2":
        return None
    if samples == 1 and kind == "MONOCHROME1":
        return "grey values are inverted, which no CT scan in HU is", kind, "MONOCHROME2"
    known = kind if kind.isascii() and kind.replace("_", "").isalnum() and len(kind) <= 16 else "unknown"
    return "not a grey image", f"{samples} sample(s) a pixel, {known}", "1 sample a pixel, MONOCHROME2"


def _fault_of_values(dataset: Dataset) -> Fault:
    kind = text(dataset, "RescaleType").upper()
    if kind in HU_TYPES:
        return None
    known = kind if kind.isascii() and kind.replace("_", "").isalnum() and len(kind) <= 16 else "unknown"
    return "voxels are not HU", f"rescale type {known}", "HU"


def _check_voxels(chosen: Sequence[Read]) -> None:
    """The voxels of every file can be decoded here, and where they are not compressed, all of them are in the file."""
    from pydicom.pixels.decoders.base import get_decoder

    for path, dataset in chosen:
        bits, stored = whole(dataset, "BitsAllocated"), whole(dataset, "BitsStored")
        if bits not in (8, 16, 32) or not stored or not 1 <= stored <= bits or whole(dataset, "HighBit") != stored - 1:
            got, allowed = f"{stored} bits in {bits}", "8, 16 or 32 bits, the lowest of them used"
            raise broken("X5", "voxels are stored in an unusual way", path, got=got, allowed=allowed)
        syntax = dataset.file_meta.TransferSyntaxUID
        try:
            decoder = get_decoder(syntax)
        except NotImplementedError:
            decoder = None
        if decoder is None or not decoder.is_available:
            raise _cannot_decode(path, syntax.name if not syntax.is_private and syntax.name != syntax else "unknown")
        rows, columns = whole(dataset, "Rows") or 0, whole(dataset, "Columns") or 0
        promised, size = rows * columns * bits // 8, path.stat().st_size
        if not syntax.is_compressed and size < promised:
            got, allowed = f"{size:,} bytes", f"{promised:,} bytes of voxels"
            raise broken(
                "X5", "the file ends early", path, got=got, allowed=allowed, next_step="copy or export it again"
            )


def _cannot_decode(path: Path, syntax: str) -> DataError:
    next_step = (
        "decompress the series (for example gdcmconv --raw, or export without compression), "
        "or pip install pylibjpeg pylibjpeg-libjpeg pylibjpeg-openjpeg"
    )
    return broken("X5", "this compression cannot be decoded here", path, got=syntax, next_step=next_step)


def _whole_hu(slices: Sequence[Slice]) -> bool:
    return all(one.slope.is_integer() and one.intercept.is_integer() for one in slices)


def _notes(stacked: Stacked) -> list[str]:
    notes = []
    if any(one.lossy for one in stacked.slices):
        notes.append("the slices were once compressed with loss")
    if not stacked.spacing.even:
        apart = np.diff([float(np.dot(stacked.affine[:3, 2], _ras(one))) for one in stacked.slices])
        apart /= stacked.spacing.step_mm
        made = sum(weight > 0 for _, weight in stacked.spacing.planes)
        notes.append(
            f"the distance between slices varies from {apart.min():.4g} to {apart.max():.4g} mm: brought to "
            f"{stacked.spacing.step_mm:.4g} mm by linear interpolation, {stacked.shape[2]} slices from "
            f"{len(stacked.slices)}, {made} of them interpolated; the mask has this grid"
        )
    return notes


def _ras(one: Slice) -> tuple[float, float, float]:
    x, y, z = one.position_mm
    return -x, -y, z
