"""Layout `msd`: a task of the Medical Segmentation Decathlon, for example Task03_Liver.

`dataset.json` lists the pairs under `training`; they lie in `imagesTr` and `labelsTr`. MSD Task03_Liver is the LiTS
training data under other names.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from liverseg.data.layouts import Found, Globs, Inventory, LayoutSpec
from liverseg.data.manifest import bad_manifest, check_labels, inside, peek_manifest, read_manifest, stem_of


def find(root: Path, globs: Globs | None = None) -> Inventory:
    """The pairs that `dataset.json` lists.

    Raises:
        DataError: rule D1 (manifest) or D5 (labels).
    """
    manifest = read_manifest(root)
    entries = manifest.get("training")
    if not isinstance(entries, list) or not all(
        isinstance(entry, dict) and {"image", "label"} <= entry.keys() for entry in entries
    ):
        raise bad_manifest(
            root,
            "manifest lists no training pairs",
            got=type(entries).__name__,
            allowed='"training": [{"image": ..., "label": ...}, ...]',
        )
    labels = manifest.get("labels")
    if not isinstance(labels, Mapping) or not all(str(key).isdecimal() for key in labels):
        raise bad_manifest(
            root, "manifest names no labels", got=labels, allowed='{"0": "background", "1": "liver", ...}'
        )
    check_labels(root, {int(key): str(name) for key, name in labels.items()})
    images = [inside(root, entry["image"]) for entry in entries]
    masks = [inside(root, entry["label"]) for entry in entries]
    keys = [stem_of(image) for image in images]
    return Inventory(tuple(map(Found, keys, images)), tuple(map(Found, keys, masks)))


def recognises(root: Path) -> bool:
    """Whether `dataset.json` has a list `training`."""
    return isinstance(peek_manifest(root).get("training"), list)


LAYOUT = LayoutSpec(
    "msd", "dataset.json with imagesTr/ and labelsTr/, as in the Medical Segmentation Decathlon", find, recognises
)
