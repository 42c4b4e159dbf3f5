"""The scans that a user names: NIfTI files, folders of them, DICOM folders, folders of DICOM folders."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from liverseg.data.listing import natural_key
from liverseg.dicom.files import is_dicom_file, is_dicom_folder, visible
from liverseg.errors import DataError

NIFTI_ENDINGS = (".nii.gz", ".nii")
LONGEST_NAME = 100
LONGEST_BYTES = 200
"""Of a name: a file's name may have 255, and the endings of results and of unfinished files are added to it."""
_MASK = re.compile(r".*_seg|segmentation-\d+", re.IGNORECASE)
"""Names, without ending, of files in a folder that are masks and no scans: predictions, and masks of the layout `lits`."""
_UNSAFE = re.compile(r"[^\w.-]+")


@dataclass(frozen=True, slots=True)
class ScanInput:
    """One scan to segment.

    Attributes:
        name: fit for a file's name: letters, digits, `_`, `.` and `-`. It comes from the user's names of files and
            folders, and no two inputs share one (capitals do not count).
        path: the NIfTI file, or the folder of the DICOM series.
        kind: which of the two.
    """

    name: str
    path: Path
    kind: Literal["nifti", "dicom"]


def find_scans(paths: Iterable[Path | str]) -> list[ScanInput]:
    """All scans that the arguments name, each once under each of its names.

    In the arguments' order, within a folder in natural order (`ct-2` before `ct-10`).

    A folder gives its NIfTI files without masks (`*_seg.nii.gz`, `segmentation-N.nii.gz`), or is itself a DICOM series,
    or is searched for DICOM series and NIfTI files below it. Links are followed. What is in the files is not looked at.

    Raises:
        DataError: rule D1: a path that is not there or names no scan, a folder that holds both kinds, or one slice
            instead of its folder; rule D3: two scans of one name; rule X1: a folder
            that cannot be read.
    """
    found = [scan for path in paths for scan in _scans_of(Path(path).expanduser())]
    once: dict[tuple[str, str], ScanInput] = {}
    for scan in found:  # Told apart by name too: who gives one scan two names by a link wants two results.
        once.setdefault((scan.name.casefold(), os.path.realpath(scan.path)), scan)
    _refuse_doubles(list(once.values()))
    return list(once.values())


def _scans_of(path: Path) -> list[ScanInput]:
    name = path.name.lower()
    if path.is_file():
        if name.endswith(NIFTI_ENDINGS):
            return [_nifti(path)]
        if is_dicom_file(path) or path.name == "DICOMDIR":
            raise _refused("a DICOM file is one slice, not a scan", path, f"give its folder: {path.parent}")
        raise _refused("not a scan", path, "give NIfTI files (.nii, .nii.gz), DICOM folders, or folders of them")
    if not path.is_dir():
        raise _refused("no such file or folder", path, "check the path")
    scans = list(_below(path, path))
    if not scans:
        raise _refused(
            "no scan in this folder", path, "give NIfTI files (.nii, .nii.gz), DICOM folders, or folders of them"
        )
    return scans


def _below(folder: Path, root: Path, above: frozenset[str] = frozenset()) -> Iterator[ScanInput]:
    """The scans of a folder; those of the folders below only where it holds none itself."""
    real = os.path.realpath(folder)
    if real in above:  # A ring of links.
        return
    entries = sorted(visible(folder), key=_by_name)
    images = [entry for entry in entries if entry.name.lower().endswith(NIFTI_ENDINGS) and not entry.is_dir()]
    scans = [image for image in images if not is_mask_name(image.name)]
    if is_dicom_folder(folder):
        if scans:
            next_step = "put them apart, or name the NIfTI file itself"
            raise _refused("the folder holds both DICOM slices and NIfTI files", folder, next_step)
        yield ScanInput(_folder_name(folder, root), folder, "dicom")
    elif scans:
        yield from map(_nifti, scans)
    else:
        for entry in entries:
            if entry.is_dir():
                yield from _below(entry, root, above | {real})


def _by_name(entry: Path) -> tuple[tuple[int, int, str], ...]:
    return natural_key(entry.name)


def _nifti(path: Path) -> ScanInput:
    return ScanInput(_safe(_stem(path.name)), path, "nifti")


def is_mask_name(name: str) -> bool:
    """Whether a NIfTI file's name says that it is a mask; asked of files in folders, not of those that are named themselves."""
    return _MASK.fullmatch(_stem(name)) is not None


def _stem(name: str) -> str:
    ending = next(ending for ending in NIFTI_ENDINGS if name.lower().endswith(ending))
    return name[: -len(ending)]


def _folder_name(folder: Path, root: Path) -> str:
    """The way from the folder that the user named, else that folder's own name."""
    inner = folder.relative_to(root).parts
    return _safe("-".join(inner) if inner else (folder if folder.name not in ("", "..") else folder.resolve()).name)


def _safe(name: str) -> str:
    """A name without anything that a file's name should not have; `scan` where nothing is left."""
    short = _UNSAFE.sub("_", name).lstrip("._-")[:LONGEST_NAME]
    return short.encode("utf-8", "ignore")[:LONGEST_BYTES].decode("utf-8", "ignore") or "scan"


def _refuse_doubles(found: list[ScanInput]) -> None:
    first: dict[str, ScanInput] = {}
    doubles = [(first[key], scan) for scan in found if first.setdefault(key := scan.name.casefold(), scan) is not scan]
    if doubles:
        one, other = doubles[0]
        raise DataError(
            "two scans have one name, and the results of one would replace those of the other",
            rule="D3",
            where=one.name,
            got=f"{one.path} and {other.path}" + (f", and {len(doubles) - 1} more" if len(doubles) > 1 else ""),
            next_step="rename one, or segment them into different folders",
        )


def _refused(what: str, path: Path, next_step: str) -> DataError:
    return DataError(what, rule="D1", where=str(path), next_step=next_step)
