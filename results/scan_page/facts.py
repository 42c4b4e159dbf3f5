"""What a prediction record says, read once, in words that can be shown."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from results.errors import ResultsError
from results.reports.document import NOTICE
from results.text import printable

__all__ = ["NOTICE", "Facts", "Tumour"]

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Tumour:
    """One tumour of the record.

    Attributes:
        volume_ml, longest_mm: its size.
        first, last: its slices in the scan.
        at: the slice to look at.
    """

    volume_ml: float
    longest_mm: float
    first: int
    last: int
    at: int


@dataclass(frozen=True, slots=True)
class Facts:
    """A record for readers; every text is printable.

    Attributes:
        scan: its name.
        grid: its size and spacing in words.
        created: when.
        model, model_id: which network.
        liver_ml: 0 where no liver was found.
        tumour_ml: None where the model was not trained to find tumours.
        burden: tumour as a share of the liver; None without either.
        tumours: as in the record, largest first.
        warnings: how the scan is unlike those of the training, a sentence each.
        notes: what else was said of it (how it was read), a sentence each.
        method: what was done after the networks, in one sentence.
        pairs: everything else, as name and value.
        review: the beginning of the command that reports what was seen.
    """

    scan: str
    grid: str
    created: str
    model: str
    model_id: str
    liver_ml: float
    tumour_ml: float | None
    burden: float | None
    tumours: tuple[Tumour, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    method: str
    pairs: tuple[tuple[str, str], ...]
    review: str

    @staticmethod
    def of(record: Mapping[str, Any]) -> Facts:
        """Read a prediction record.

        Raises:
            ResultsError: a part is missing or of another kind, or the record is of another version.
        """
        if record.get("schema_version") != SCHEMA_VERSION:
            got, allowed = record.get("schema_version"), SCHEMA_VERSION
            raise ResultsError("a prediction record of another version", got=got, allowed=allowed)
        try:
            return _facts(record)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise ResultsError(
                "not a prediction record",
                got=f"{type(error).__name__}: {error}",
                allowed="what `liversweep predict` writes",
                next_step="predict the scan again",
            ) from error


def _facts(record: Mapping[str, Any]) -> Facts:
    scan, model, mask, volumes = record["scan"], record["model"], record["mask"], record["volumes_ml"]
    tumour_ml, burden = volumes.get("tumour"), record.get("tumour_burden")
    if "tumour" not in model.get("labels", ("tumour",)):
        tumour_ml = burden = None
    said = [(_sentence(warning["text"]), "low" in warning) for warning in record.get("warnings", ())]
    return Facts(
        scan=printable(str(scan["name"])),
        grid=_grid(scan),
        created=printable(str(record["created"])),
        model=printable(str(model["name"])),
        model_id=printable(str(model["id"])),
        liver_ml=_size(volumes["liver"]),
        tumour_ml=None if tumour_ml is None else _size(tumour_ml),
        burden=None if burden is None else _size(burden),
        tumours=tuple(_tumour(found) for found in record.get("tumours", ())),
        warnings=tuple(text for text, unlike in said if unlike),
        notes=tuple(text for text, unlike in said if not unlike),
        method=_method(record.get("postprocess", {}), bool(record.get("flips", False))),
        pairs=tuple((name, printable(value)) for name, value in _pairs(record)),
        review=printable(f"liversweep review {shlex.quote(_stem(str(mask['file'])))} --verdict"),
    )


def _sentence(text: Any) -> str:
    shown = printable(str(text))
    return shown[:1].upper() + shown[1:]


def _stem(mask: str) -> str:
    """What the files of a prediction are named after: the mask without its ending."""
    return mask.removesuffix(".nii.gz").removesuffix("_seg")


def _size(value: Any) -> float:
    number = float(value)
    if not (math.isfinite(number) and number >= 0):
        raise ValueError(f"{value!r} is no size")
    return number


def _grid(scan: Mapping[str, Any]) -> str:
    shape, spacing = [int(size) for size in scan["shape"]], [_size(size) for size in scan["spacing_mm"]]
    voxels, millimetres = "×".join(map(str, shape)), " × ".join(f"{size:.3g}" for size in spacing)
    return printable(f"{voxels} voxels of {millimetres} mm, axes {scan.get('orientation', 'unknown')}")


def _tumour(found: Mapping[str, Any]) -> Tumour:
    first, last = (int(position) for position in found["slices"])
    at = int(found.get("longest_slice", (first + last) // 2))
    return Tumour(_size(found["volume_ml"]), _size(found["longest_mm"]), first, last, at)


def _method(postprocess: Mapping[str, Any], flips: bool) -> str:
    parts = []
    if postprocess.get("largest_liver"):
        parts.append("only the largest connected liver is kept")
    if postprocess.get("tumour_inside_liver"):
        parts.append("only tumour inside it")
    if (least := _size(postprocess.get("minimum_lesion_ml") or 0)) > 0:
        parts.append(f"no tumour under {least:g} mL")
    after = f"After the network {', '.join(parts)}." if parts else "Nothing was changed after the network."
    return after + (" Mirrored slices were predicted too, and averaged." if flips else "")


def _pairs(record: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    scan, mask = record["scan"], record["mask"]
    versions = ", ".join(f"{name} {version}" for name, version in record.get("versions", {}).items())
    seconds = record.get("seconds")
    known = (
        ("Mask", str(mask["file"])),
        ("SHA-256 of the mask", str(mask["sha256"])),
        ("SHA-256 of the scan", str(scan["sha256"])),
        ("Case", str(scan.get("uid", ""))),
        ("Time taken", "" if seconds is None else f"{_size(seconds):.1f} s"),
        ("Versions", versions),
    )
    return [(name, value) for name, value in known if value]
