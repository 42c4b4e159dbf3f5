"""Reading a `dataset.json`, the table of contents that MSD and nnU-Net data sets carry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from liverseg.errors import DataError

NAME = "dataset.json"
MAX_BYTES = 64 * 2**20
_TUMOUR_WORDS = ("tumor", "tumour", "cancer", "lesion", "metasta", "hcc")


def bad_manifest(root: Path, what: str, *, got: object = None, allowed: object = None, rule: str = "D1") -> DataError:
    """The error for a `dataset.json` that cannot be used."""
    return DataError(
        what,
        rule=rule,
        where=str(root / NAME),
        got=got,
        allowed=allowed,
        next_step="correct dataset.json, or use the layout `pairs`",
    )


def read_manifest(root: Path) -> dict[str, Any]:
    """The object in `root/dataset.json`.

    Raises:
        DataError: rule D1: missing, larger than 64 MiB, not JSON, or not an object.
    """
    path = root / NAME
    try:
        if path.stat().st_size > MAX_BYTES:
            raise bad_manifest(root, "manifest is too large", got=path.stat().st_size, allowed=f"{MAX_BYTES} bytes")
        manifest = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise bad_manifest(root, "no manifest", got=error.strerror, allowed="a readable dataset.json") from error
    except (ValueError, RecursionError) as error:
        raise bad_manifest(root, "manifest is not JSON", got=error) from error
    if not isinstance(manifest, dict):
        raise bad_manifest(root, "manifest is not an object", got=type(manifest).__name__, allowed="{...}")
    return manifest


def peek_manifest(root: Path) -> dict[str, Any]:
    """As `read_manifest`, but an empty dict where that raises: for telling layouts apart."""
    try:
        return read_manifest(root)
    except DataError:
        return {}


def check_labels(root: Path, names: dict[int, str]) -> None:
    """Refuse a data set whose label 1 is not called liver, or whose label 2 is not called a tumour.

    Raises:
        DataError: rule D5. A pancreas with tumours has the same numbers and would pass every other check.
    """
    right = "liver" in names.get(1, "").lower()
    if 2 in names:
        right = right and any(word in names[2].lower() for word in _TUMOUR_WORDS)
    if not right:
        got = ", ".join(f"{value} {name}" for value, name in sorted(names.items())) or "no labels"
        raise bad_manifest(root, "labels are not liver and tumour", got=got, allowed="1 liver, 2 tumour", rule="D5")


def inside(root: Path, entry: object) -> Path:
    """The path that a manifest names, which must lie below `root` by its name (links are the owner's business).

    Raises:
        DataError: rule D1: not text, absolute, or climbing out with `..`.
    """
    if (
        not isinstance(entry, str)
        or not entry
        or Path(entry).is_absolute()
        or ".." in Path(entry).parts
        or "\0" in entry
    ):
        raise bad_manifest(
            root, "manifest names a file outside the data set", got=repr(entry), allowed="a path below the folder"
        )
    return root / entry


def stem_of(path: Path | str) -> str:
    """File name without `.nii` or `.nii.gz`."""
    return Path(path).name.removesuffix(".gz").removesuffix(".nii")
