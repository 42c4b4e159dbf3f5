"""The rules that a DICOM series must keep to be read as one CT scan, and the one way in which a broken rule is reported.

No message ever holds a value of a tag that may name a patient, a person or a day: those tags are not even read.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from liverseg.errors import DataError

SERIES_RULES: Mapping[str, str] = MappingProxyType(
    {
        "X1": "the folder holds the DICOM slices of one series, and each file can be read to its end",
        "X2": "they are CT slices in HU: modality CT, one grey frame a file, MONOCHROME2",
        "X3": "no slice is missing and none is there twice",
        "X4": "all slices have one size, pixel spacing and orientation and lie straight above each other: no gantry tilt",
        "X5": "the voxels can be decoded here, and every one of them is there",
        "X6": "every slice says where it lies and how its numbers turn into HU",
    }
)


def broken(
    rule: str, what: str, where: Path, *, got: object = None, allowed: object = None, next_step: str | None = None
) -> DataError:
    """The error for a broken rule. `what` never holds a path: it may travel into reports and logs."""
    return DataError(what, rule=rule, where=str(where), got=got, allowed=allowed, next_step=next_step)
