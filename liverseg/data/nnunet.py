"""Layout `nnunet`: a raw data set of nnU-Net v2 with one channel.

Images are `imagesTr/CASE_0000.nii.gz`, masks `labelsTr/CASE.nii.gz`; `dataset.json` says the file ending and the
labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from liverseg.data.layouts import Found, Globs, Inventory, LayoutSpec
from liverseg.data.manifest import bad_manifest, check_labels, inside, peek_manifest, read_manifest

_CHANNEL = "_0000"


def find(root: Path, globs: Globs | None = None) -> Inventory:
    """Images and masks of the training part.

    Raises:
        DataError: rule D1 (manifest, several channels, foreign file ending) or D5 (labels).
    """
    manifest = read_manifest(root)
    ending = _ending(root, manifest)
    _check_channels(root, manifest)
    check_labels(root, _labels(root, manifest))
    if isinstance(listed := manifest.get("dataset"), Mapping):
        return _listed(root, listed)
    images = tuple(Found(stem, path) for stem, path in _files(root / "imagesTr", _CHANNEL + ending))
    masks = tuple(Found(stem, path) for stem, path in _files(root / "labelsTr", ending))
    return Inventory(images, masks)


def _ending(root: Path, manifest: Mapping[str, Any]) -> str:
    ending = manifest.get("file_ending")
    if ending not in (".nii", ".nii.gz"):
        raise bad_manifest(root, "file ending not readable", got=ending, allowed=".nii.gz, .nii")
    return str(ending)


def _check_channels(root: Path, manifest: Mapping[str, Any]) -> None:
    channels = manifest.get("channel_names", manifest.get("modality"))
    if not isinstance(channels, Mapping) or len(channels) != 1:
        raise bad_manifest(root, "not a data set of one channel", got=channels, allowed='"channel_names": {"0": "CT"}')
    name = str(next(iter(channels.values())))
    if name.lower() != "ct":
        raise bad_manifest(root, "channel is not CT", got=name, allowed="CT")


def _labels(root: Path, manifest: Mapping[str, Any]) -> dict[int, str]:
    labels = manifest.get("labels")
    if not isinstance(labels, Mapping) or not all(type(value) is int for value in labels.values()):
        raise bad_manifest(
            root, "manifest names no plain labels", got=labels, allowed='{"background": 0, "liver": 1, "tumour": 2}'
        )
    return {value: str(name) for name, value in labels.items()}


def _files(folder: Path, ending: str) -> Iterator[tuple[str, Path]]:
    if folder.is_dir():
        for path in sorted(folder.iterdir()):
            if path.name.endswith(ending) and not path.name.startswith("."):
                yield path.name.removesuffix(ending), path


def _listed(root: Path, listed: Mapping[str, Any]) -> Inventory:
    images, masks = [], []
    for key, entry in listed.items():
        files = entry.get("images") if isinstance(entry, Mapping) else None
        if not isinstance(files, list) or len(files) != 1 or "label" not in entry:
            raise bad_manifest(root, "manifest entry is not one image and one label", got=f"{key}: {entry}")
        images.append(Found(str(key), inside(root, files[0])))
        masks.append(Found(str(key), inside(root, entry["label"])))
    return Inventory(tuple(images), tuple(masks))


def recognises(root: Path) -> bool:
    """Whether `dataset.json` has a `file_ending`, which only nnU-Net v2 writes."""
    return "file_ending" in peek_manifest(root)


LAYOUT = LayoutSpec(
    "nnunet", "nnU-Net v2 raw: dataset.json, imagesTr/CASE_0000.nii.gz, labelsTr/CASE.nii.gz", find, recognises
)
