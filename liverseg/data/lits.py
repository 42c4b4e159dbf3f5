"""Layout `lits`: `volume-N.nii` and `segmentation-N.nii`, as the LiTS challenge ships them, anywhere below the root."""

from __future__ import annotations

import re
from pathlib import Path

from liverseg.data.layouts import Found, Globs, Inventory, LayoutSpec
from liverseg.data.walk import files_below

_NAME = re.compile(r"(volume|segmentation)-(\d+)\.nii(?:\.gz)?")


def find(root: Path, globs: Globs | None = None) -> Inventory:
    """Images and masks below `root`, in one folder or spread over several. Leading zeros do not make another N."""
    tables: dict[str, list[Found]] = {"volume": [], "segmentation": []}
    for path in files_below(root):
        if match := _NAME.fullmatch(path.name):
            tables[match[1]].append(Found(f"volume-{int(match[2])}", path))
    return Inventory(tuple(tables["volume"]), tuple(tables["segmentation"]))


def recognises(root: Path) -> bool:
    """Whether there is a `volume-N.nii` somewhere below `root`."""
    return any(_NAME.fullmatch(path.name) for path in files_below(root))


LAYOUT = LayoutSpec("lits", "volume-N.nii[.gz] and segmentation-N.nii[.gz] anywhere below the folder", find, recognises)
