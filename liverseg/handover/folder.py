"""The folder of a handed-over model: written whole or not at all, and opened only when every byte is as it was written.

model.json                  the description, see `liverseg.handover.description`
weights/<trial>.npz         a network's arrays, no pickle
card.json, card.md          the model card
onnx/, saved_model/         the same networks in other formats, where asked for
checksums.json              SHA-256 of every file, and the model's id, which stands for all of them
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from liverseg.errors import ConfigError, DataError
from liverseg.handover.description import ModelDescription, read_description
from liverseg.training.array_file import Arrays, write_arrays
from liverseg.training.atomic import sync

SCHEMA_VERSION = 1
DESCRIPTION, CARD, CHECKSUMS = "model.json", "card.json", "checksums.json"
_ID_DIGITS = 12


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A model on disk, all of whose files were found as they were written.

    Attributes:
        path: absolute.
        id: `m-` and 12 hexadecimal digits that stand for all its files.
        description: what it is.
        card: the model card as plain values.
    """

    path: Path
    id: str
    description: ModelDescription
    card: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What it is called."""
        return self.description.name


def write_model(
    path: Path,
    description: ModelDescription,
    weights: Mapping[str, Arrays],
    card: Callable[[Path], None],
    more: Callable[[Path], None] = lambda folder: None,
) -> ModelFolder:
    """Write a model beside its place, and put it there in one step.

    Args:
        path: the folder to make.
        description: what it is.
        weights: the arrays of each member, by its trial.
        card: writes `card.json` and whatever else belongs to the model card into the folder it is given.
        more: writes further files into the folder.

    Raises:
        ConfigError: there is something in that place already.
        OSError: the disk is full or cannot be written; nothing is left behind.
    """
    path = path.expanduser().absolute()
    check_free(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        (aside / "weights").mkdir(parents=True)
        for member in description.members:
            write_arrays(aside / member.weights, weights[member.trial])
        (aside / DESCRIPTION).write_bytes(as_bytes(description.as_json()))
        card(aside)
        more(aside)
        (aside / CHECKSUMS).write_bytes(as_bytes(_sealed(_digests(aside))))
        _sync_all(aside)
        check_free(path)
        aside.rename(path)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    sync(path.parent)
    return open_model(path)


def open_model(path: Path) -> ModelFolder:
    """Read a model and check every file of it.

    Raises:
        DataError: rule M1 (a file is missing, changed or too much) or M2 (not a model's folder, or of another version).
    """
    path = path.expanduser().absolute()
    if not (path / CHECKSUMS).is_file():
        raise DataError(
            "not the folder of a model",
            rule="M2",
            where=str(path),
            got="no checksums.json" if path.is_dir() else "no such folder",
            next_step="make one with: liversweep export NAME -o MODEL",
        )
    told = _read(path / CHECKSUMS)
    found = _sealed(_digests(path))
    if told != found:
        raise _changed(path, told, found)
    try:
        description = read_description(_read(path / DESCRIPTION), str(path / DESCRIPTION))
    except ConfigError as error:
        raise DataError(
            error.what, rule="M2", where=error.where, got=error.got, allowed=error.allowed, next_step=error.next_step
        ) from error
    card = _read(path / CARD) if (path / CARD).is_file() else {}
    return ModelFolder(path, str(told["id"]), description, card)


def as_bytes(document: Any) -> bytes:
    """Readable JSON; NaN refused."""
    return json.dumps(document, indent=1, allow_nan=False).encode() + b"\n"


def check_outside(path: Path) -> None:
    """Refuse a place within a model's folder: a file more, and nobody could use the model again.

    Raises:
        ConfigError: the path, or a folder that it is in, is that of a model.
    """
    path = path.expanduser().absolute()
    for folder in (real := Path(os.path.realpath(path)), *real.parents):
        if (folder / CHECKSUMS).is_file() and (folder / DESCRIPTION).is_file():
            raise ConfigError(
                "nothing more goes into the folder of a model: its files are sealed",
                where=str(path),
                got=f"within the model {folder}",
                next_step="choose a folder beside it",
            )


def check_free(path: Path) -> None:
    """Refuse a place in which there is something, or that lies within another model.

    Raises:
        ConfigError: there is, or it does.
    """
    path = path.expanduser().absolute()
    if os.path.lexists(path):
        raise ConfigError(
            "there is something in the model's place already",
            where=str(path),
            next_step="choose another folder with -o, or move this one away",
        )
    check_outside(path)


def _read(path: Path) -> Any:
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(path, type(error).__name__) from error
    if not isinstance(document, dict):
        raise _damaged(path, "no object")
    return document


def _digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder but the checksums themselves, by path."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise DataError(
                "a model holds only files and folders",
                rule="M1",
                where=str(path),
                got="a link or a device",
                next_step="take it out, or copy the folder again",
            )
        if path.is_file() and name != CHECKSUMS:
            found[name] = _sha256(path)
    return found


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise _damaged(path, error.strerror) from error


def _sealed(files: Mapping[str, str]) -> dict[str, Any]:
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(files.items()))
    digest = hashlib.sha256(lines.encode()).hexdigest()
    return {"schema_version": SCHEMA_VERSION, "id": f"m-{digest[:_ID_DIGITS]}", "files": dict(sorted(files.items()))}


def _changed(path: Path, told: Mapping[str, Any], found: Mapping[str, Any]) -> DataError:
    if told.get("schema_version") != SCHEMA_VERSION:
        got = f"version {told.get('schema_version')}"
        next_step = "use the version of liversweep that wrote it"
        return DataError(
            "the model is of another version",
            rule="M2",
            where=str(path),
            got=got,
            allowed=f"version {SCHEMA_VERSION}",
            next_step=next_step,
        )
    then, now = told.get("files"), found["files"]
    if not isinstance(then, dict):
        return _damaged(path / CHECKSUMS, "no list of files")
    names = sorted(name for name in {*then, *now} if then.get(name) != now.get(name))
    said = [f"{name} {_how(name, then, now)}" for name in names[:3]] + (["…"] if len(names) > 3 else [])
    return DataError(
        "the model is not as it was exported",
        rule="M1",
        where=str(path),
        got=", ".join(said) or "another id in checksums.json",
        allowed="the files that checksums.json names, unchanged",
        next_step=_NO_MORE_THAN if names and not any(name in then for name in names) else _AGAIN,
    )


_AGAIN = "copy the folder again, or export it again"
_NO_MORE_THAN = "take out what is new: file managers leave such files behind"


def _how(name: str, then: Mapping[str, str], now: Mapping[str, str]) -> str:
    return "is missing" if name not in now else "is new" if name not in then else "was changed"


def _damaged(path: Path, got: object) -> DataError:
    return DataError("a file of the model is damaged", rule="M1", where=str(path), got=got, next_step=_AGAIN)


def _sync_all(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        sync(path)
