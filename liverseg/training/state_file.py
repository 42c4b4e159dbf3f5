"""The small file that makes a folder a checkpoint: plain values, the digests of its array files, and one of itself.

`state.json` is one JSON object whose last member, `check`, is the SHA-256 of every byte before it: any change of the
file shows. Version 1 had no such member; it is still read, on trust. Imports neither NumPy nor Keras, so that a
process that trains nothing can verify the checkpoints of those that do.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from liverseg.errors import TrainingError

STATE = "state.json"
SCHEMA_VERSION = 2
_UNSEALED = 1
_SEAL = re.compile(rb',"check":"([0-9a-f]{64})"\}\n')
_SEAL_BYTES = len(b',"check":""}\n') + 64
_GROUP = re.compile(r"[a-z]+")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_DAMAGE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
)
"""What reading a file that is not what it should be can end in."""


@dataclass(frozen=True, slots=True)
class StateFile:
    """What `state.json` says.

    Attributes:
        values: plain values.
        groups: SHA-256 of every group's array file.
        digest: SHA-256 of `state.json`; it holds the others, so it stands for the whole checkpoint.
    """

    values: Mapping[str, Any]
    groups: Mapping[str, str]
    digest: str


def render_state(values: Mapping[str, Any], groups: Mapping[str, str]) -> bytes:
    """The content of `state.json`.

    Raises:
        ValueError: a value is not plain JSON.
    """
    state = {"schema_version": SCHEMA_VERSION, "sha256": dict(groups), "values": values}
    body = json.dumps(state, allow_nan=False, separators=(",", ":")).encode()[:-1]
    return body + b',"check":"%s"}\n' % _sha256(body).encode()


def parse_state(content: bytes) -> StateFile:
    """What `render_state` made, verified.

    Raises:
        ValueError: the content is damaged or of another version. For content of version 1, which vouches for nothing,
            also LookupError, TypeError, AttributeError or RecursionError.
    """
    seal = _SEAL.fullmatch(content[-_SEAL_BYTES:])
    if seal and _sha256(content[:-_SEAL_BYTES]).encode() != seal[1]:
        raise ValueError(f"{STATE} is damaged")
    state = json.loads(content)
    version, expected = state["schema_version"], SCHEMA_VERSION if seal else _UNSEALED
    if version != expected:
        raise ValueError(f"{STATE} is damaged, or of a version that is not known here ({version})")
    return StateFile(state["values"], dict(state["sha256"]), _sha256(content))


def array_file(folder: Path, group: str, digest: str) -> Path:
    """Where a group of arrays with this SHA-256 lies.

    Raises:
        ValueError: these are not a group's name and a digest.
    """
    if not (_GROUP.fullmatch(group) and _SHA256.fullmatch(digest)):
        raise ValueError(f"{group}: not a group of arrays")
    return folder / f"{group}-{digest[:16]}.npz"


def verify_checkpoint(folder: Path) -> StateFile:
    """Read a checkpoint's values and check each of its array files against its digest, in a stream.

    Raises:
        TrainingError: there is none, it is of another version, or a file is missing or damaged.
    """
    with usable(folder):
        state = parse_state((folder / STATE).read_bytes())
        for group, digest in state.groups.items():
            path = array_file(folder, group, digest)
            with path.open("rb") as stream:
                if hashlib.file_digest(stream, "sha256").hexdigest() != digest:
                    raise ValueError(f"{path.name} is damaged")
        return state


@contextmanager
def usable(folder: Path) -> Iterator[None]:
    """A block that reads a checkpoint; whatever shows that it is missing or damaged leaves it as one `TrainingError`."""
    try:
        yield
    except _DAMAGE as error:
        raise TrainingError(
            "this checkpoint cannot be used",
            where=str(folder),
            got=str(error) or type(error).__name__,
            next_step="go back to an older one, or start the training from the beginning",
        ) from error


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
