"""Which files of a folder are DICOM, told by their first bytes: DICOM files often have no ending, or any."""

from __future__ import annotations

import re
from pathlib import Path

from liverseg.dicom.rules import broken

PREAMBLE_BYTES = 128
_MAGIC = b"DICM"
_NAMED_SO = (".dcm", ".dicom", ".ima")
_NUMBER = re.compile(r"\d+")
_NO_SLICE = frozenset(("DICOMDIR",))
# Files from before part 10 of the standard have no preamble: they begin with the identifying group (0008), in little
# endian, and a small element number.
_FIRST_GROUP = b"\x08\x00"
_MOST_FIRST_ELEMENT = 0x20


def is_dicom_file(path: Path) -> bool:
    """Whether a file's first bytes are those of a DICOM file. False for what is no file or cannot be read."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            head = file.read(PREAMBLE_BYTES + len(_MAGIC))
    except OSError:
        return False
    if head[PREAMBLE_BYTES:] == _MAGIC:
        return True
    return len(head) > 8 and head[:2] == _FIRST_GROUP and int.from_bytes(head[2:4], "little") <= _MOST_FIRST_ELEMENT


def is_dicom_folder(path: Path | str) -> bool:
    """Whether a folder holds, itself and not below, at least one DICOM file or one that is named like it."""
    folder = Path(path)
    return folder.is_dir() and any(is_dicom_file(file) or _named_so(file) for file in visible(folder))


def slice_files(folder: Path) -> list[Path]:
    """The DICOM files of a folder, in no order that means anything. Other files beside them are passed over.

    Raises:
        DataError: rule X1: no such folder, no DICOM file in it, or one that is named so and is none (a slice may be lost).
    """
    if not folder.is_dir():
        raise broken("X1", "no such folder", folder, next_step="give the folder that holds the slices of one series")
    files = visible(folder)
    slices = [path for path in files if is_dicom_file(path)]
    known = set(slices)
    alike = set(map(_pattern, slices))
    damaged = [
        path for path in files if path not in known and path.is_file() and (_named_so(path) or _pattern(path) in alike)
    ]
    if damaged:
        raise broken(
            "X1",
            "a file is named like a slice and is no DICOM file: it may be a damaged slice",
            damaged[0],
            got=f"{len(damaged)} such file(s)",
            next_step="copy or export it again, or take it out of the folder",
        )
    if not slices:
        next_step = "give the folder that holds the slices themselves, not one above it"
        raise broken("X1", "no DICOM file in this folder", folder, next_step=next_step)
    return slices


def _pattern(path: Path) -> str:
    """What names of slices have in common: `IM#` for `IM0007`."""
    return _NUMBER.sub("#", path.name)


def _named_so(path: Path) -> bool:
    return path.suffix.lower() in _NAMED_SO and path.is_file()


def visible(folder: Path) -> list[Path]:
    """What a folder holds, by name, without hidden entries and DICOMDIR.

    Raises:
        DataError: rule X1, the folder cannot be read.
    """
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith(".") and path.name not in _NO_SLICE)
    except OSError as error:
        reason, next_step = error.strerror or type(error).__name__, "check its permissions"
        raise broken("X1", "a folder cannot be read", folder, got=reason, next_step=next_step) from error
