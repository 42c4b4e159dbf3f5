"""Whether all machines write to the same place, and see each other's files there at once and whole.

The driver leaves a note, every machine answers with one of its own, put there by the same atomic step as everything that a
sweep writes, and then everybody looks for everybody's. Nothing stays behind.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from cluster.doctor.everywhere import Node, ask_all, ask_each

DRIVER = "driver"
WAIT_S = 5.0
"""How long a note may take to be seen: network file systems look again only every few seconds."""
_PREFIX = ".liversweep-"
_PAUSE_S = 0.1


@dataclass(frozen=True, slots=True)
class MeetingFacts:
    """What one machine could do there.

    Attributes:
        wrote: its note was written, then replaced in one step.
        seen: labels (and `driver`) whose notes it could read.
        error: why it could not write.
    """

    wrote: bool = False
    seen: frozenset[str] = frozenset()
    error: str = ""


class Place(Protocol):
    """Where notes are left."""

    def put(self, key: str, data: bytes) -> None:
        """Write or replace, whole."""

    def get(self, key: str) -> bytes:
        """Read; raises FileNotFoundError."""

    def delete(self, key: str) -> None:
        """Remove; absent: nothing."""


@dataclass(frozen=True, slots=True)
class FolderPlace:
    """A folder, perhaps a shared one."""

    path: Path

    def put(self, key: str, data: bytes) -> None:
        """Temporary file, fsync, rename."""
        from results.storage import write_atomic

        write_atomic(self.path / key, data)

    def get(self, key: str) -> bytes:
        """The file's bytes."""
        return (self.path / key).read_bytes()

    def delete(self, key: str) -> None:
        """Remove the file."""
        (self.path / key).unlink(missing_ok=True)


def meet(nodes: Sequence[Node], root: str) -> dict[str, MeetingFacts]:
    """Let all machines meet at `root`: an absolute path, or the URI of a store. Facts by label, `driver` included."""
    nonce = secrets.token_hex(8)
    labels = [DRIVER, *(node.label for node in nodes)]
    made = _make(root)
    written = {DRIVER: leave_note(root, nonce, DRIVER)}
    for answer in ask_each([(node, (root, nonce, node.label)) for node in nodes], leave_note):
        written[answer.node.label] = answer.error if answer.value is None else answer.value
    there = [label for label in labels if not written[label]]
    seen = {DRIVER: look_around(root, nonce, there)}
    seen |= {answer.node.label: answer.value or () for answer in ask_all(nodes, look_around, root, nonce, there)}
    _tidy(root, nonce, labels, made)
    return {label: MeetingFacts(not written[label], frozenset(seen[label]), written[label]) for label in labels}


def leave_note(root: str, nonce: str, label: str) -> str:
    """Worker side: write a note, then replace it; why that failed, or nothing."""
    from results.errors import ResultsError

    try:
        place = place_of(root)
        place.put(_key(nonce, label), b"first")
        place.put(_key(nonce, label), _text(nonce, label))
    except OSError as error:
        return f"{root}: {error.strerror or error}"
    except ResultsError as error:
        return str(error)
    return ""


def look_around(root: str, nonce: str, labels: Sequence[str], wait_s: float = WAIT_S) -> tuple[str, ...]:
    """Worker side: whose notes can be read here, whole, before the wait is over."""
    end, missing = time.monotonic() + wait_s, list(labels)
    while True:
        missing = [label for label in missing if not _reads(root, nonce, label)]
        if not missing or time.monotonic() >= end:
            return tuple(label for label in labels if label not in missing)
        time.sleep(_PAUSE_S)


def place_of(root: str) -> Place:
    """A folder, or a store by its URI.

    Raises:
        ResultsError: the store cannot be opened.
    """
    if "://" not in root:
        return FolderPlace(Path(root))
    from results.store.location import open_store

    store: Any = open_store(root)
    place: Place = store
    return place


def _reads(root: str, nonce: str, label: str) -> bool:
    from results.errors import ResultsError

    try:
        return place_of(root).get(_key(nonce, label)) == _text(nonce, label)
    except (OSError, ResultsError):
        return False


def _make(root: str) -> list[Path]:
    """Make the folder as a sweep would; what was made, innermost first."""
    if "://" in root:
        return []
    path = Path(root)
    new = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError:
        return []
    return new


def _tidy(root: str, nonce: str, labels: Sequence[str], made: Sequence[Path]) -> None:
    from results.errors import ResultsError

    try:
        for label in labels:
            place_of(root).delete(_key(nonce, label))
        for folder in made:
            folder.rmdir()
    except (OSError, ResultsError):
        return  # whatever kept us from tidying up has been found already


def _key(nonce: str, label: str) -> str:
    return f"{_PREFIX}{nonce}-{label}"


def _text(nonce: str, label: str) -> bytes:
    return f"{nonce} {label}\n".encode()
