"""The append-only ledger of a sweep: the one truth from which tables, reports and a resume are made.

Only the driver writes (it holds the sweep's lock); anyone may read at any time. One event is one line, one `write`
and one `fsync`: when `append` returns, the event survives a power cut; when it raises, the file is as it was before.
A process that dies inside a write leaves at most an unfinished last line, which readers ignore and the next `open`
cuts.
"""

from __future__ import annotations

import errno
import json
import os
import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from results.collector import paused_collector
from results.errors import LedgerError, ResultsError
from results.ledger_line import REPAIR, Event, decode, encode_event, event_of, is_overlong, split_line
from results.storage import sync_folder

Clock = Callable[[], datetime]
_HALF_CHARACTER = re.compile(rb"\\u[dD][89a-fA-F]")


def utc_now() -> datetime:
    """The present, in UTC."""
    return datetime.now(UTC)


def read_events(path: Path) -> list[Event]:
    """Every complete event of a ledger, in order. Never changes the file; an unfinished last line is left out.

    Raises:
        LedgerError: the file is missing, or a line is damaged, out of sequence or not an event (names the line).
    """
    return parse_lines(_contents(path), str(path))[0]


class Ledger:
    """A ledger open for appending. Use `create` or `open`, and close it (or use it as a context manager)."""

    def __init__(self, path: Path, descriptor: int, seq: int, size: int, clock: Clock) -> None:
        self.path = path
        self._descriptor = descriptor
        self._seq = seq
        self._size = size
        self._clock = clock
        self._mutex = threading.Lock()
        self._broken = False

    @classmethod
    def create(cls, path: Path, *, clock: Clock = utc_now) -> Ledger:
        """A new, empty ledger. The folder must exist.

        Raises:
            ResultsError: there is one already.
            LedgerError: the file cannot be made.
        """
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
        try:
            descriptor = os.open(path, flags, 0o644)
        except FileExistsError:
            raise ResultsError("the sweep has a ledger already", where=str(path), next_step="resume it") from None
        except OSError as error:
            raise LedgerError("the ledger cannot be made", where=str(path), got=error.strerror) from error
        sync_folder(path.parent)
        return cls(path, descriptor, 0, 0, clock)

    @classmethod
    def open(cls, path: Path, *, clock: Clock = utc_now) -> Ledger:
        """An existing ledger, its unfinished last line (if any) cut off for good.

        Raises:
            LedgerError: as `read_events`; the file is then left untouched.
        """
        data = _contents(path)
        events, size = parse_lines(data, str(path))
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
        if size < len(data):
            os.ftruncate(descriptor, size)
            os.fsync(descriptor)
        return cls(path, descriptor, len(events), size, clock)

    @property
    def seq(self) -> int:
        """Number of events so far."""
        return self._seq

    def append(self, event: str, /, **payload: Any) -> Event:
        """Add one event and return it once it is safely on disk.

        Raises:
            LedgerError: the payload cannot be written as JSON, the disk refuses (the file is then as before, and a
            later
                `append` may try again), or someone else wrote to the file.
        """
        with self._mutex:
            self._check()
            line, noted = encode_event(self._seq + 1, _stamp(self._clock()), event, payload)
            self._write(line)
            self._seq += 1
            self._size += len(line)
            return noted

    def _check(self) -> None:
        if self._broken:
            what = "an earlier write failed and could not be undone"
            raise LedgerError(what, where=str(self.path), next_step="make room on the disk and resume the sweep")
        size = os.fstat(self._descriptor).st_size
        if size != self._size:
            what = "someone else changed the ledger"
            raise LedgerError(what, where=str(self.path), got=f"{size} bytes", allowed=f"{self._size} bytes")

    def _write(self, line: bytes) -> None:
        try:
            written = os.write(self._descriptor, line)
            if written != len(line):
                raise OSError(errno.ENOSPC, f"no room: only {written} of {len(line)} bytes were written")
            os.fsync(self._descriptor)
        except OSError as error:
            self._undo()
            reason = error.strerror or str(error)
            step = "make room on the disk and resume the sweep"
            what = "an event could not be written"
            raise LedgerError(what, where=str(self.path), got=reason, next_step=step) from error

    def _undo(self) -> None:
        try:
            os.ftruncate(self._descriptor, self._size)
            os.fsync(self._descriptor)
        except OSError:
            self._broken = True

    def close(self) -> None:
        """Close the file. A second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            self._broken = True

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _contents(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        step = "check the name of the sweep" if isinstance(error, FileNotFoundError) else None
        raise LedgerError("the ledger cannot be read", where=str(path), got=error.strerror, next_step=step) from error


def parse_lines(data: bytes, where: str, before: int = 0) -> tuple[list[Event], int]:
    """Events of the complete lines, and the number of bytes that these take.

    Args:
        data: a ledger, or the rest of one from the beginning of a line.
        where: what error messages call it.
        before: how many lines come before `data`.

    Raises:
        LedgerError: as `read_events`.
    """
    lines = data.split(b"\n")
    tail = lines.pop()
    if is_overlong(tail):
        number = before + len(lines) + 1
        raise LedgerError("the line is damaged: no line end", line=number, where=where, next_step=REPAIR)
    with paused_collector():
        events = _parse_together(lines, where, before)
        if events is None:
            events = [decode(line, number, where) for number, line in enumerate(lines, before + 1)]
    if _HALF_CHARACTER.search(data):
        _check_text(events, where)
    return events, len(data) - len(tail)


def _check_text(events: list[Event], where: str) -> None:
    """Refuse halves of surrogate pairs, which no encoding can carry and our own writer never lets through."""
    for event in events:
        try:
            json.dumps((event.name, event.time, event.payload), ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            what = "the line holds half a character"
            raise LedgerError(what, line=event.seq, where=where, next_step=REPAIR) from None


def _parse_together(lines: list[bytes], where: str, before: int) -> list[Event] | None:
    """All events by one call of the JSON parser, which is faster; None when any line needs a closer look."""
    parts = [split_line(line) for line in lines]
    whole = [part for part in parts if part is not None]
    if len(whole) < len(parts):
        return None
    try:
        records = json.loads(b"[%s]" % b",".join([b"%s}" % part.head for part in whole]))
    except (ValueError, RecursionError):
        return None
    if len(records) != len(lines):
        return None
    return [event_of(record, whole[i], before + i + 1, where) for i, record in enumerate(records)]
