r"""A record to which entries can only be added: each line carries the checksum of the line before.

    {"v":1,"seq":2,"time":"2026-01-31T09:00:00.000Z","event":"review", …payload…,"previous":"…","sha256":"…"}\n

- `sha256` is SHA-256 of the line's bytes without its last member (and without the line end): up to and including the
  value of `previous`, and the closing brace. Nothing is parsed and written again to check it.
- `previous` is the `sha256` of the line before, 64 zeros in the first line. So a line that is changed, removed,
  repeated or moved shows, wherever it is.
- `<name>.head` beside the file holds number and checksum of the last line, so that lines cut off at the end show.

The head is written after the line. A process that dies between the two leaves one whole line more than the head knows:
that line counts, and the next writer brings the head up to it before it adds another. One that dies inside the write
leaves a beginning of a line without an end: readers ignore it, and the next entry takes its place. More than that no
interruption explains, and it is refused.

What this does not show: a record whose lines and head were all computed anew, or all replaced by an older copy. Whoever
must be sure of that keeps the head's checksum elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from results.chain_lock import lock_path, locked
from results.errors import LedgerError, ResultsError
from results.ledger_line import plain
from results.storage import sync_folder, write_all, write_atomic

VERSION = 1
FIRST = "0" * 64
"""`previous` of the first line."""

ENVELOPE = frozenset({"v", "seq", "time", "event", "previous", "sha256"})
_SHA_KEY = b',"sha256":"'
_TAIL = len(_SHA_KEY) + 64 + len(b'"}')
_HEAD = re.compile(rb'\{"schema_version":1,"seq":([1-9][0-9]*),"sha256":"([0-9a-f]{64})"\}\n')
_REPAIR = "restore the file and its .head from a copy; nothing was changed"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the record.

    Attributes:
        seq: its number, from 1.
        time: UTC, ISO 8601 with a `Z`.
        event: what happened, such as `review`.
        payload: the facts, as JSON types; `None` where a number was NaN or infinite.
        previous: checksum of the line before.
        sha256: its own.
    """

    seq: int
    time: str
    event: str
    payload: Mapping[str, Any]
    previous: str
    sha256: str


def head_path(path: Path) -> Path:
    """The file beside a record that holds number and checksum of its last line: `record.head` of `record.jsonl`."""
    return path.with_suffix(".head")


def append_entry(
    path: Path,
    event: str,
    payload: Mapping[str, Any],
    *,
    time: str | None = None,
    mode: int = 0o644,
    before: Callable[[], None] = lambda: None,
) -> Entry:
    """Add one entry and return it once it and the head are safely on disk. Waits for other writers.

    Args:
        path: the record; it and its folder are made where there is none.
        event: what happened.
        payload: the facts, in JSON types; NaN and infinity are written as `null`.
        time: UTC, ISO 8601 with a `Z`; None: now.
        mode: permissions of the record where it is made.
        before: called once the record is found whole and before the entry is written, while no other process can write;
            what it raises keeps the entry out.

    Raises:
        LedgerError: the record is damaged (names the line), the payload uses a reserved name or holds what JSON cannot,
            or the disk refuses; the record is then as it was.
        LockedError: another process has kept the record locked for ten seconds.
    """
    _check_payload(event, payload)
    _make_folder(path.parent)
    with locked(path):
        entries, size = _read(path)
        last = entries[-1] if entries else None
        seq, previous = (last.seq + 1, last.sha256) if last else (1, FIRST)
        line, entry = _encode(seq, time or _now(), event, payload, previous)
        if last and (error := _head_refused(path, last)):
            raise _unwritten(head_path(path), error)
        before()
        _write(path, line, size, mode)
        if error := _head_refused(path, entry):
            _take_back(path, size)
            raise _unwritten(head_path(path), error)
    return entry


def read_entries(path: Path) -> tuple[Entry, ...]:
    """Every entry, in order, each line and the head checked. Empty where there is no record. Changes nothing.

    Raises:
        LedgerError: with the number of the first line that does not fit (`line`), or the head does not.
        LockedError: another process has kept the record locked for ten seconds.
    """
    while True:
        with locked(path, shared=True) as held:
            try:
                entries = tuple(_read(path)[0])
            except LedgerError:
                if held or not lock_path(path).exists():
                    raise
            else:
                if held or not lock_path(path).exists():
                    return entries
        # The first writer came while we read without a lock: its lock is there now.


def _check_payload(event: str, payload: Mapping[str, Any]) -> None:
    reserved = ENVELOPE.intersection(payload)
    if reserved:
        raise LedgerError("a payload uses a reserved name", where=event, got=", ".join(sorted(reserved)))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _encode(seq: int, time: str, event: str, payload: Mapping[str, Any], previous: str) -> tuple[bytes, Entry]:
    facts = plain(payload, event)
    record = {"v": VERSION, "seq": seq, "time": time, "event": event, **facts, "previous": previous}
    text = json.dumps(record, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode("ascii")
    sha256 = hashlib.sha256(text).hexdigest()
    line = b'%s%s%s"}\n' % (text[:-1], _SHA_KEY, sha256.encode())
    return line, Entry(seq, time, event, facts, previous, sha256)


def _head(entry: Entry) -> bytes:
    return b'{"schema_version":1,"seq":%d,"sha256":"%s"}\n' % (entry.seq, entry.sha256.encode())


def _head_refused(path: Path, entry: Entry) -> OSError | None:
    """Make the head know `entry`, the last line; returns what kept it from that. Nothing is written when it does already."""
    place, head = head_path(path), _head(entry)
    if _contents(place) == head:
        return None
    try:
        write_atomic(place, head)
    except OSError as error:
        # It is in its place all the same when only its folder could not be synced.
        return None if _contents(place) == head else error
    return None


def _write(path: Path, line: bytes, size: int, mode: int) -> None:
    """Put `line` behind the first `size` bytes, in place of the beginning of a line that may stand there."""
    existed = path.exists()
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
    except OSError as error:
        raise _unwritten(path, error) from error
    try:
        os.ftruncate(descriptor, size)
        os.lseek(descriptor, size, os.SEEK_SET)
        write_all(descriptor, line)
        os.fsync(descriptor)
        if not existed:
            sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):  # what stands behind the last whole line is the beginning of one that never was
            os.ftruncate(descriptor, size)
        raise _unwritten(path, error) from error
    finally:
        os.close(descriptor)


def _take_back(path: Path, size: int) -> None:
    """Cut off the line that was just added. Where the disk does not even allow that, the next writer brings the head up."""
    with suppress(OSError), path.open("r+b") as file:
        file.truncate(size)
        os.fsync(file.fileno())


def _unwritten(path: Path, error: OSError) -> LedgerError:
    step = "check the folder and the room on the disk, then try again"
    return LedgerError("an entry could not be written", where=str(path), got=error.strerror, next_step=step)


def _read(path: Path) -> tuple[list[Entry], int]:
    """The entries, and the number of bytes of their lines."""
    data, head = _contents(path), _contents(head_path(path))
    lines = data.split(b"\n")
    tail = lines.pop()
    entries: list[Entry] = []
    for line in lines:
        entries.append(_decode(line, entries[-1] if entries else None, path))
    _check_head(head, entries, path)
    _check_tail(tail, len(lines) + 1, path)
    return entries, len(data) - len(tail)


def _contents(path: Path) -> bytes:
    """The bytes of a file; none where there is no such file."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise LedgerError("the record cannot be read", where=str(path), got=error.strerror) from error


def _decode(line: bytes, last: Entry | None, path: Path) -> Entry:
    number = last.seq + 1 if last else 1
    body = line[:-_TAIL] + b"}"
    sha256 = hashlib.sha256(body).hexdigest()
    if line[-_TAIL:] != b'%s%s"}' % (_SHA_KEY, sha256.encode()):
        raise _damaged("the line was changed: its checksum does not match", number, path)
    try:
        record = json.loads(body)
        version, seq = record.pop("v"), record.pop("seq")
        entry = Entry(seq, record.pop("time"), record.pop("event"), record, record.pop("previous"), sha256)
    except (ValueError, RecursionError, KeyError, AttributeError, TypeError):
        raise _damaged("the line is not an entry", number, path) from None
    if version != VERSION:
        raise LedgerError(
            "the line is of another version",
            line=number,
            where=str(path),
            allowed=VERSION,
            next_step="update liversweep",
        )
    if seq != number:
        raise _damaged(f"the line says that it is number {seq}: lines were removed, repeated or moved", number, path)
    if entry.previous != (last.sha256 if last else FIRST):
        raise _damaged("the line does not follow from the one before it", number, path)
    return entry


def _check_head(head: bytes, entries: list[Entry], path: Path) -> None:
    """The head knows the last line, or (after an interruption) the last but one."""
    match = _HEAD.fullmatch(head)
    if head and not match:
        raise LedgerError("the head of the record was changed", where=str(head_path(path)), next_step=_REPAIR)
    known, sha256 = (int(match[1]), match[2].decode()) if match else (0, FIRST)
    if len(entries) < known:
        raise _damaged(f"the end of the record is missing: its head knows {known} lines", len(entries) + 1, path)
    if len(entries) > known + 1:
        raise _damaged(f"more lines than the record's head knows ({known})", known + 1, path)
    if known and entries[known - 1].sha256 != sha256:
        raise _damaged("the line is not the one that the record's head knows", known, path)


def _check_tail(tail: bytes, number: int, path: Path) -> None:
    """Bytes after the last line end must be the beginning of the next line."""
    start = b'{"v":%d,"seq":%d,"time":"' % (VERSION, number)
    if tail[: len(start)] != start[: len(tail)]:
        raise _damaged("the line has no end, and no interrupted write explains it", number, path)


def _damaged(what: str, number: int, path: Path) -> LedgerError:
    return LedgerError(what, line=number, where=str(path), next_step=_REPAIR)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResultsError("the folder cannot be made", where=str(folder), got=error.strerror) from error
