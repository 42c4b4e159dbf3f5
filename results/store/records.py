"""What is known of files that were sent or fetched: a small hidden file beside them, one a folder."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from results.storage import write_atomic

SCHEMA_VERSION = 1
NAME = ".mirror.json"


@dataclass(frozen=True, slots=True)
class Known:
    """How a file was on both sides when it was last the same.

    Attributes:
        size: in bytes.
        sha256: of the bytes, as hexadecimal digits.
        local: inode, size and time of change (ns) of the file here.
        remote: time of change of the object, by the store's clock.
        settled: a later change of the object cannot have the same time.
    """

    size: int
    sha256: str
    local: tuple[int, int, int]
    remote: str
    settled: bool


class Records:
    """The records below a folder. A lost one costs a transfer, nothing else."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[PurePosixPath, dict[str, Known]] = {}
        self._lock = threading.Lock()

    def get(self, name: str) -> Known | None:
        """What is known of a file; None when nothing is."""
        path = PurePosixPath(name)
        with self._lock:
            if path.parent not in self._read:
                self._read[path.parent] = _load(self._folder / path.parent / NAME)
            return self._read[path.parent].get(path.name)

    def put(self, news: Mapping[str, Known]) -> None:
        """Write down what is new; `OSError` where the disk refuses."""
        changed: dict[PurePosixPath, dict[str, Known]] = {}
        for name, known in news.items():
            if self.get(name) != known:
                changed.setdefault(PurePosixPath(name).parent, {})[PurePosixPath(name).name] = known
        for parent, files in changed.items():
            record = self._folder / parent / NAME
            entries = {name: asdict(known) for name, known in {**_load(record), **files}.items()}
            text = json.dumps({"schema_version": SCHEMA_VERSION, "files": entries})
            write_atomic(record, text.encode() + b"\n")


def signature(path: Path) -> tuple[int, int, int] | None:
    """What tells whether a file here was changed; None when there is none."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _load(path: Path) -> dict[str, Known]:
    """Nothing where the record is missing, of another version or nonsense."""
    try:
        record = json.loads(path.read_bytes())
        if record["schema_version"] != SCHEMA_VERSION:
            return {}
        return {str(name): _known(entry) for name, entry in record["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _known(entry: Mapping[str, object]) -> Known:
    size, local = entry["size"], entry["local"]
    if not isinstance(size, int) or not isinstance(local, list):
        raise TypeError("not a record")
    inode, length, changed = (int(part) for part in local)
    return Known(size, str(entry["sha256"]), (inode, length, changed), str(entry["remote"]), entry["settled"] is True)
