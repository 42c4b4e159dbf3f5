"""Checkpoints: a small JSON that names array files by content. It is replaced last: a folder always holds a whole one.

Layout of a checkpoint folder::

    state.json                    schema_version, plain values, and the sha256 of each group's file
    <group>-<16 hex>.npz          arrays, no pickle; the hex digits begin the file's sha256

Array files are never changed in place: a save writes new ones beside the old, then replaces `state.json`, then removes
what it no longer names. A crash at any moment leaves the old or the new checkpoint whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from liverseg.errors import TrainingError
from liverseg.training.atomic import atomic_path, write_text

SCHEMA_VERSION = 1
STATE = "state.json"
_PARTS = "*-" + "?" * 16 + ".npz"
_GROUP = re.compile(r"[a-z]+")
_SHA256 = re.compile(r"[0-9a-f]{64}")

Arrays = Mapping[str, npt.NDArray[Any]]


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
    """
    folder.mkdir(parents=True, exist_ok=True)
    digests = {group: digest for group, digest in (reuse or {}).items() if (folder / _name(group, digest)).is_file()}
    for group, arrays in checkpoint.arrays.items():
        if group not in digests:
            digests[group] = _write_arrays(folder, group, arrays)
    state = {"schema_version": SCHEMA_VERSION, "sha256": digests, "values": checkpoint.values}
    write_text(folder / STATE, json.dumps(state, allow_nan=False, indent=1))
    named = {_name(group, digest) for group, digest in digests.items()}
    for path in folder.glob(_PARTS):
        if path.name not in named:
            path.unlink(missing_ok=True)
    return digests


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read a checkpoint and verify every array file against its digest.

    Raises:
        TrainingError: there is none, it is of another version, or a file is missing or damaged.
    """
    try:
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
        if state["schema_version"] != SCHEMA_VERSION:
            raise ValueError(f"schema version {state['schema_version']}, expected {SCHEMA_VERSION}")
        arrays = {group: _read_arrays(folder, group, digest) for group, digest in state["sha256"].items()}
        return Checkpoint(state["values"], arrays)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            "this checkpoint cannot be used",
            where=str(folder),
            got=error,
            next_step="start the training from the beginning",
        ) from error


def checkpoint_digest(folder: Path) -> str:
    """Sha256 of a checkpoint's `state.json`; that holds those of the array files, so it stands for the whole."""
    return hashlib.sha256((folder / STATE).read_bytes()).hexdigest()


def _name(group: str, digest: str) -> str:
    if not (_GROUP.fullmatch(group) and _SHA256.fullmatch(digest)):
        raise ValueError(f"{group}: not a group of arrays")
    return f"{group}-{digest[:16]}.npz"


def _write_arrays(folder: Path, group: str, arrays: Arrays) -> str:
    """Write a group under a temporary name, then under its digest."""
    unnamed = folder / f".{group}.{os.getpid()}.npz"
    try:
        with unnamed.open("wb") as stream:
            np.savez(stream, allow_pickle=False, **dict(arrays))
        digest = _digest(unnamed)
        with atomic_path(folder / _name(group, digest)) as temporary:
            unnamed.replace(temporary)
        return digest
    finally:
        unnamed.unlink(missing_ok=True)


def _read_arrays(folder: Path, group: str, digest: str) -> Arrays:
    path = folder / _name(group, digest)
    if _digest(path) != digest:
        raise ValueError(f"{path.name} is damaged")
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
