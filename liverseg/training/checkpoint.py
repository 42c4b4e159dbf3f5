"""Checkpoints: a small JSON that names array files by content. It is replaced last: a folder always holds a whole one.

Layout of a checkpoint folder::

    state.json                    schema_version, the sha256 of each group's file, plain values, and a check of all that
    <group>-<16 hex>.npz          arrays, no pickle; the hex digits begin the file's sha256

Array files are never changed in place: a save writes new ones beside the old, then replaces `state.json`, then removes
what it no longer names. A crash at any moment leaves the old or the new checkpoint whole. One process at a time writes
in a folder; what a killed one left half written is removed by the next save.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from liverseg.training.array_file import Arrays, read_arrays, write_arrays
from liverseg.training.atomic import sync, write_bytes
from liverseg.training.state_file import STATE, array_file, parse_state, render_state, usable, verify_checkpoint

_PARTS = "*-" + "?" * 16 + ".npz"
_UNFINISHED = ".*.tmp"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a folder holds.

    Attributes:
        values: plain values.
        arrays: groups of named arrays.
    """

    values: Mapping[str, Any]
    arrays: Mapping[str, Arrays]


def save_checkpoint(folder: Path, checkpoint: Checkpoint, *, reuse: Mapping[str, str] | None = None) -> dict[str, str]:
    """Write a checkpoint, atomically.

    Args:
        folder: made when it is missing.
        checkpoint: what to write.
        reuse: groups whose files were written by an earlier save and have not changed since, with their digests;
            they are not written again if the folder still has them.

    Returns:
        Sha256 of every group's file, for `reuse`.

    Raises:
        OSError: the disk is full or cannot be written; the checkpoint before stays readable.
        ValueError: a value or an array is not plain.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kept = reuse or {}
    digests = {group: digest for group, digest in kept.items() if array_file(folder, group, digest).is_file()}
    for group, arrays in checkpoint.arrays.items():
        if group not in digests:
            digests[group] = _write_group(folder, group, arrays)
    sync(folder)
    write_bytes(folder / STATE, render_state(checkpoint.values, digests))
    named = {array_file(folder, group, digest) for group, digest in digests.items()}
    for path in {*folder.glob(_PARTS), *folder.glob(_UNFINISHED)} - named:
        path.unlink(missing_ok=True)
    return digests


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read a checkpoint and verify every file against its digest.

    Raises:
        TrainingError: there is none, it is of another version, or a file is missing or damaged.
    """
    state = verify_checkpoint(folder)
    with usable(folder):
        arrays = {group: read_arrays(array_file(folder, group, digest)) for group, digest in state.groups.items()}
        return Checkpoint(state.values, arrays)


def checkpoint_digest(folder: Path) -> str:
    """Sha256 of a checkpoint's `state.json`; that holds those of the array files, so it stands for the whole.

    Raises:
        TrainingError: there is no `state.json`, or it is damaged.
    """
    with usable(folder):
        return parse_state((folder / STATE).read_bytes()).digest


def _write_group(folder: Path, group: str, arrays: Arrays) -> str:
    """Write a group under a temporary name, then under its digest."""
    unnamed = folder / f".{group}.{os.getpid()}.tmp"
    try:
        digest = write_arrays(unnamed, arrays)
        unnamed.replace(array_file(folder, group, digest))
        return digest
    finally:
        unnamed.unlink(missing_ok=True)
