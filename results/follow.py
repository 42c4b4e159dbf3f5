"""Reading a ledger while somebody else writes it: each look reads what is new, and nothing twice.

A reader keeps the place of the last complete line. It never keeps a part of a line: an unfinished one is read again when
there is more of it, or something else in its place, since a driver that goes on after a crash cuts it off.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from results.errors import LedgerError
from results.ledger import parse_lines
from results.ledger_line import Event

_MARK_BYTES = 24


@dataclass(frozen=True, slots=True)
class Batch:
    """What a look found.

    Attributes:
        events: new ones, in order.
        afresh: what was read before is no longer what the file says: forget it, `events` begins at the first line. A driver
            takes back a line that its disk refused to keep; and a ledger may be replaced by a copy.
    """

    events: tuple[Event, ...] = ()
    afresh: bool = False


class LedgerTail:
    """The growing end of a ledger.

    Args:
        path: of the ledger. It is only read, and only when its size or time of change says that there is something new.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int, int] | None = None
        self._afresh = False
        self._offset = self._lines = 0
        self._mark = b""

    @property
    def offset(self) -> int:
        """Bytes of the complete lines that were read."""
        return self._offset

    def read(self) -> Batch:
        """What came since the last look. All looks together give what `results.ledger.read_events` gives of the whole file.

        Raises:
            LedgerError: as `read_events`; the next look then tries the same lines again.
        """
        try:
            seen = _signature(self.path.stat())
            if seen == self._seen:
                return Batch()
            with self.path.open("rb") as stream:
                if self._changed(seen, stream.fileno()):
                    self._forget()
                    self._afresh = True
                stream.seek(self._offset)
                data = stream.read()
        except OSError as error:
            raise LedgerError("the ledger cannot be read", where=str(self.path), got=error.strerror) from error
        events, size = parse_lines(data, str(self.path), self._lines)
        if size:
            self._mark = (self._mark + data[max(0, size - _MARK_BYTES) : size])[-_MARK_BYTES:]
            self._offset += size
            self._lines += len(events)
        self._seen, afresh, self._afresh = seen, self._afresh, False
        return Batch(tuple(events), afresh)

    def _changed(self, seen: tuple[int, int, int], descriptor: int) -> bool:
        """Whether the lines that were read are no longer there, as far as the file's identity and the last line's sum tell."""
        if not self._offset:
            return False
        same_file = self._seen is None or self._seen[0] == seen[0]
        mark = os.pread(descriptor, len(self._mark), self._offset - len(self._mark))
        return not same_file or mark != self._mark

    def _forget(self) -> None:
        self._offset = self._lines = 0
        self._mark = b""


def _signature(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_size, status.st_mtime_ns
