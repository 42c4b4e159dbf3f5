"""From a folder to the one CT series in it: which files are its slices, and whether they are a scan."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from liverseg.dicom.files import slice_files
from liverseg.dicom.geometry import Stacked, stack
from liverseg.dicom.rules import broken
from liverseg.dicom.slices import Slice, describe
from liverseg.dicom.tags import Tags, quiet, read_tags, require_pydicom
from liverseg.errors import DataError

HU_TYPES = frozenset(("", "HU", "US", "HU_MOD"))
"""Rescale types that are Hounsfield units; `US` and none mean that the scanner did not say so, and they are for CT."""
_CT = "1.2.840.10008.5.1.4.1.1.2"
_DIRECTORY = "1.2.840.10008.1.3.10"
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
    read = [read_tags(path) for path in slice_files(folder)]
    _whole_images(read)
    images = [one for one in read if one.whole("Rows")]
    scans = [one for one in images if not _is_localizer(one)]
    captures = [one for one in scans if one.text("SOPClassUID") == _SECONDARY_CAPTURE]
    if len(captures) < len(scans):
        scans = [one for one in scans if one.text("SOPClassUID") != _SECONDARY_CAPTURE]
    else:
        captures = []
    passed_over = {
        "file(s) without an image": len(read) - len(images),
        "localizer image(s)": len(images) - len(scans) - len(captures),
        "secondary capture(s)": len(captures),
    }
    chosen = _only_series(scans, passed_over, folder)
    _check_kind(chosen)
    slices = [describe(tags) for tags in chosen]
    stacked = stack(slices, folder)
    _check_voxels(chosen)
    notes = [f"{count} {what} passed over" for what, count in passed_over.items() if count]
    return Series(folder, stacked, _whole_hu(slices), (*notes, *_notes(stacked)))


def _whole_images(read: Sequence[Tags]) -> None:
    """No slice has lost its size: it would pass for an object without an image, of which many folders hold some."""
    for one in read:
        other = one.text("SOPClassUID") not in ("", _CT, *_ENHANCED) and one.text("Modality")  # Which comes after it.
        if not one.whole("Rows") and not other and one.media_class != _DIRECTORY:
            got, next_step = "no Rows in it: the file ends too early, or its image was taken out", "export it again"
            raise broken("X1", "a slice is damaged", one.path, got=got, next_step=next_step)


def _is_localizer(tags: Tags) -> bool:
    return "LOCALIZER" in tags.text("ImageType").upper().split("\\")


def _only_series(scans: Sequence[Tags], passed_over: Mapping[str, int], folder: Path) -> Sequence[Tags]:
    if not scans:
        got = ", ".join(f"{count} {what}" for what, count in passed_over.items() if count)
        next_step = "give the folder that holds the slices of the scan"
        raise broken("X1", "no CT slice in this folder", folder, got=got, next_step=next_step)
    series: defaultdict[str, list[Tags]] = defaultdict(list)
    for one in scans:
        series[one.text("SeriesInstanceUID")].append(one)
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


def _summary(series: Sequence[Tags]) -> tuple[int, str]:
    """How many slices a series has, and that as text with modality and series number: what viewers show of it."""
    modalities = "/".join(sorted({_modality(tags) for tags in series}))
    number = series[0].whole("SeriesNumber")
    return len(series), f"{len(series)} {modalities} slice(s)" + (
        "" if number is None else f" (series number {number})"
    )


def _modality(tags: Tags) -> str:
    """The modality as far as it is one: a code of the standard, never free text."""
    code = tags.text("Modality")
    return code if code.isascii() and code.isalpha() and code.isupper() and len(code) <= 10 else "unknown"


def _check_kind(chosen: Sequence[Tags]) -> None:
    """Every image is a CT slice in HU."""
    for tags in chosen:
        for fault, next_step in (
            (_fault_of_modality(tags), "give a CT series"),
            (_fault_of_frames(tags), "export it as single-frame CT, or convert it to NIfTI with dcm2niix"),
            (_fault_of_colour(tags), "export the original slices, not pictures of them"),
            (_fault_of_values(tags), "export the reconstruction in HU"),
        ):
            if fault:
                what, got, allowed = fault
                raise broken("X2", what, tags.path, got=got, allowed=allowed, next_step=next_step)


Fault = tuple[str, str, str] | None


def _fault_of_modality(tags: Tags) -> Fault:
    modality = _modality(tags)
    return None if modality == "CT" else ("not a CT slice", f"modality {modality}", "modality CT")


def _fault_of_frames(tags: Tags) -> Fault:
    frames = tags.whole("NumberOfFrames") or 1
    if frames == 1 and tags.text("SOPClassUID") not in _ENHANCED:
        return None
    return "a multi-frame (enhanced) image cannot be read", f"{frames} frames in one file", "one slice a file"


def _fault_of_colour(tags: Tags) -> Fault:
    samples, kind = tags.whole("SamplesPerPixel") or 1, tags.text("PhotometricInterpretation")
    if samples == 1 and kind == "MONOCHROME2":
        return None
    if samples == 1 and kind == "MONOCHROME1":
        return "grey values are inverted, which no CT scan in HU is", kind, "MONOCHROME2"
    known = kind if kind.isascii() and kind.replace("_", "").isalnum() and len(kind) <= 16 else "unknown"
    return "not a grey image", f"{samples} sample(s) a pixel, {known}", "1 sample a pixel, MONOCHROME2"


def _fault_of_values(tags: Tags) -> Fault:
    kind = tags.text("RescaleType").upper()
    if kind in HU_TYPES:
        return None
    known = kind if kind.isascii() and kind.replace("_", "").isalnum() and len(kind) <= 16 else "unknown"
    return "voxels are not HU", f"rescale type {known}", "HU"


def _check_voxels(chosen: Sequence[Tags]) -> None:
    """The voxels of every file can be decoded here, and where they are not compressed, all of them are in the file."""
    for tags in chosen:
        bits, stored = tags.whole("BitsAllocated"), tags.whole("BitsStored")
        if bits not in (8, 16, 32) or not stored or not 1 <= stored <= bits or tags.whole("HighBit") != stored - 1:
            got, allowed = f"{stored} bits in {bits}", "8, 16 or 32 bits, the lowest of them used"
            raise broken("X5", "voxels are stored in an unusual way", tags.path, got=got, allowed=allowed)
        promised = (tags.whole("Rows") or 0) * (tags.whole("Columns") or 0) * bits // 8
        size = tags.path.stat().st_size
        if not _is_compressed(tags) and size < promised:
            got, allowed = f"{size:,} bytes", f"{promised:,} bytes of voxels"
            next_step = "copy or export it again"
            raise broken("X5", "the file ends early", tags.path, got=got, allowed=allowed, next_step=next_step)


def _is_compressed(tags: Tags) -> bool:
    """Whether voxels are compressed.

    Raises:
        DataError: rule X5, in a way that cannot be undone here.
    """
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.uid import UID

    with quiet():
        syntax = UID(tags.syntax)
        try:
            if get_decoder(syntax).is_available:
                return bool(syntax.is_compressed)
        except (NotImplementedError, ValueError):
            pass
    raise _cannot_decode(tags.path, syntax.name if syntax.name != syntax else "an unknown transfer syntax")


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
