"""The copy of a stored ledger in a mirror: `ledger.jsonl`, byte for byte what a sweep in a folder would have written.

Beside it lies a small record of how far it was read and which runs had begun by then. With it a look at the store costs one
listing and what is new; without it, or when the copy is not what the record says, everything is read again. The copy grows by
whole lines, and is replaced in one step when lines no longer count.
"""

from __future__ import annotations

import fcntl
import json
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from results.errors import LedgerError
from results.lock import is_locked
from results.storage import write_all, write_atomic
from results.store.layout import Layout
from results.store.objects import Store
from results.store.reading import find

SCHEMA_VERSION = 1
_MARK_BYTES = 64


@dataclass(frozen=True, slots=True)
class Copy:
    """What is known of a copy.

    Attributes:
        lines, size: how much of the file is known to count.
        fences: `Layout.fences` by then: a run that began since may have put its own lines in the place of some.
    """

    lines: int
    size: int
    fences: Mapping[int, int]

    def valid(self, layout: Layout) -> int:
        """How many lines still count when the store looks like `layout`."""
        new = [first for run, first in layout.fences.items() if self.fences.get(run, first + 1) > first]
        return max(0, min([self.lines, *(first - 1 for first in new)]))


NOTHING = Copy(0, 0, {})


def writer_lock(path: Path) -> Path:
    """The lock that a `StoredLedger` holds on its copy while it is open."""
    return path.with_name(f".{path.name}.writer")


def fetch_ledger(store: Store, path: Path) -> bool:
    """Make `path` like the ledger in the store. Whether it changed. The folder must exist.

    Does nothing while a driver in this file system writes the copy itself.

    Raises:
        LedgerError: there is no ledger, it is damaged (the copy is then as it was), or the copy cannot be written.
        StoreError: the store cannot be read; the copy is as it was.
    """
    with alone(path):
        if is_locked(writer_lock(path)):
            return False
        return refresh(store, path)[1]


def refresh(store: Store, path: Path) -> tuple[Layout, bool]:
    """As `fetch_ledger`, for who has made sure that nobody else writes; also what the store held."""
    kept = read_copy(path)
    found = find(store, kept.valid)
    text = found.text
    if kept is not NOTHING and found.after == kept.lines and not text.data:
        if kept.fences != found.layout.fences:
            note_copy(path, Copy(kept.lines, kept.size, found.layout.fences))
        return found.layout, False
    try:
        if kept is not NOTHING and found.after == kept.lines:
            size = kept.size + len(text.data)
            _grow(path, text.data)
        else:
            data = _head(path, found.after) + text.data
            size = len(data)
            write_atomic(path, data)
        note_copy(path, Copy(found.after + len(text.events), size, found.layout.fences))
    except OSError as error:
        what, step = "the copy of the ledger cannot be written", "make room on the disk"
        raise LedgerError(what, where=str(path), got=error.strerror, next_step=step) from error
    return found.layout, True


def read_copy(path: Path) -> Copy:
    """What is known of the copy at `path`; `NOTHING` when it is not what the record says."""
    try:
        record = json.loads(_record(path).read_bytes())
        fences = {int(run): int(first) for run, first in record["fences"].items()}
        kept = Copy(int(record["lines"]), int(record["size"]), fences)
        same = record["schema_version"] == SCHEMA_VERSION and record["mark"] == (_mark(path, kept.size) or None)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return NOTHING
    return kept if same else NOTHING


def note_copy(path: Path, copy: Copy) -> None:
    """Write down what is known of the copy. After the copy itself: too old a record only costs reading."""
    fences = {str(run): first for run, first in copy.fences.items()}
    record = {"schema_version": SCHEMA_VERSION, "lines": copy.lines, "size": copy.size, "fences": fences}
    text = json.dumps({**record, "mark": _mark(path, copy.size)})
    write_atomic(_record(path), text.encode() + b"\n")


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keep other processes on this machine from refreshing the same copy. Waits for who is at it: that is bounded in time."""
    lock = path.with_name(f".{path.name}.fetch")
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    except OSError as error:
        what = "the copy of the ledger cannot be locked"
        raise LedgerError(what, where=str(lock), got=error.strerror, next_step="check the folder") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _record(path: Path) -> Path:
    return path.with_name(f".{path.name}.copy")


def _mark(path: Path, size: int) -> str:
    """What tells that a file is still the one that was described: its size, and a sum over its last bytes."""
    with path.open("rb") as stream:
        if os.fstat(stream.fileno()).st_size != size:
            return ""
        stream.seek(max(0, size - _MARK_BYTES))
        return f"{zlib.crc32(stream.read()):08x}"


def _grow(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _head(path: Path, lines: int) -> bytes:
    """The first lines of a file."""
    if not lines:
        return b""
    return b"".join(path.read_bytes().splitlines(keepends=True)[:lines])
