"""Which files of a folder are DICOM, told by their first bytes: DICOM files often have no ending, or any."""

from __future__ import annotations

from pathlib import Path

from liverseg.dicom.rules import broken

PREAMBLE_BYTES = 128
_MAGIC = b"DICM"
_NAMED_SO = (".dcm", ".dicom", ".ima")
_NO_SLICE = frozenset(("DICOMDIR",))
# Files from before part 10 of the standard have no preamble: they begin with the identifying group (0008), or with the
# file meta group (0002), an even group number in little endian, and a small element number.
_FIRST_GROUPS = (b"\x02\x00", b"\x08\x00")
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
    return len(head) > 8 and head[:2] in _FIRST_GROUPS and int.from_bytes(head[2:4], "little") <= _MOST_FIRST_ELEMENT


def is_dicom_folder(path: Path | str) -> bool:
    """Whether a folder holds, itself and not below, at least one DICOM file or one that is named like it."""
    folder = Path(path)
    return folder.is_dir() and any(_counts(file) for file in _visible(folder))


def slice_files(folder: Path) -> list[Path]:
    """The DICOM files of a folder, in no order that means anything. Other files beside them are passed over.

    Raises:
        DataError: rule X1: no such folder, no DICOM file in it, or one that is named so and is none (a slice may be lost).
    """
    if not folder.is_dir():
        raise broken("X1", "no such folder", folder, next_step="give the folder that holds the slices of one series")
    files = [path for path in _visible(folder) if _counts(path)]
    if not files:
        raise broken(
            "X1",
            "no DICOM file in this folder",
            folder,
            next_step="give the folder that holds the slices themselves, not one above it",
        )
    damaged = [path for path in files if not is_dicom_file(path)]
    if damaged:
        raise broken(
            "X1",
            "a file is named like a DICOM file and is none: it may be a damaged slice",
            damaged[0],
            got=f"{len(damaged)} such file(s)",
            next_step="copy or export it again, or take it out of the folder",
        )
    return files


def _counts(path: Path) -> bool:
    return is_dicom_file(path) or (path.suffix.lower() in _NAMED_SO and path.is_file())


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith(".") and path.name not in _NO_SLICE)
