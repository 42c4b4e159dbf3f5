r"""One line of a ledger: an event as JSON that carries its own number and checksum.

    {"v":1,"seq":3,"time":"2026-01-31T09:00:00.000Z","event":"started", …payload…,"crc":"0f1e2d3c"}\n

- `seq` counts from 1, so it is the number of the line.
- `crc` is CRC-32 of the line without its `crc` member (and without the line end). Being last, it is checked over the
  bytes as they lie there: nothing is parsed and written again.
- The text is ASCII; not-a-number and infinity are written as `null`, lone surrogates as U+FFFD.
- `scores` and `history`, the bulkiest members of a payload, are written last, in this order. A reader can then leave them
  unparsed until they are asked for. A space, which stands nowhere else between two members, is before their names: no
  member further in and no text can be taken for them. Older versions wrote `history` without it.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from typing import Any, NamedTuple

from results.errors import LedgerError

VERSION = 1
ENVELOPE = frozenset({"v", "seq", "time", "event", "crc"})
_CRC_KEY = b',"crc":"'
_TAIL = len(_CRC_KEY) + 8 + len(b'"}')
_SURROGATE = re.compile("[\ud800-\udfff]")
_SCORES_KEY, _HISTORY_KEY, _OLD_HISTORY_KEY = b', "scores":', b', "history":', b',"history":'


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a sweep.

    Attributes:
        seq: number of its line, from 1.
        time: UTC, ISO 8601 with a `Z`.
        name: what happened, such as `finished`.
        payload: the facts, as JSON types; `None` where a number was NaN. Without `scores` and `history`.
        history: the payload's `history` as JSON text, still unparsed; empty when there is none.
        scores: its `scores` likewise.
    """

    seq: int
    time: str
    name: str
    payload: Mapping[str, Any]
    history: bytes = b""
    scores: bytes = b""


def encode(seq: int, time: str, name: str, payload: Mapping[str, Any]) -> bytes:
    """The bytes of one line, line end included; see `encode_event`."""
    return encode_event(seq, time, name, payload)[0]


def encode_event(seq: int, time: str, name: str, payload: Mapping[str, Any]) -> tuple[bytes, Event]:
    """The bytes of one line, line end included, and the event as whoever reads the line will find it.

    Raises:
        LedgerError: the payload uses a reserved name or holds something that JSON cannot.
    """
    reserved = ENVELOPE.intersection(payload)
    if reserved:
        raise LedgerError("a payload uses a reserved name", where=name, got=", ".join(sorted(reserved)))
    facts = {key: plain(value, name) for key, value in payload.items()}
    last = {key: _json(facts.pop(key)) for key in ("scores", "history") if key in facts}
    head = _json({"v": VERSION, "seq": seq, "time": time, "event": name, **facts})
    body = head[:-1] + b"".join([b', "%s":%s' % (key.encode(), text) for key, text in last.items()])
    line = b'%s%s%08x"}\n' % (body, _CRC_KEY, zlib.crc32(b"}", zlib.crc32(body)))
    return line, Event(seq, time, name, facts, last.get("history", b""), last.get("scores", b""))


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode("ascii")


def plain(value: Any, where: str) -> Any:
    """`value` in JSON types: NaN and infinity become None, tuples lists, NumPy values numbers and lists."""
    if value is None or type(value) in (bool, int):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {_key(key, where): plain(item, where) for key, item in value.items()}
    if isinstance(value, (Sequence, set, frozenset)) and not isinstance(value, (bytes, bytearray)):
        return [plain(item, where) for item in (sorted(value) if isinstance(value, (set, frozenset)) else value)]
    if isinstance(value, PathLike):
        return fspath(value)
    if hasattr(value, "tolist"):
        return plain(value.tolist(), where)
    raise LedgerError("a payload holds something that JSON cannot", where=where, got=f"{type(value).__name__}")


def _text(value: str) -> str:
    """Plain text, also of string enumerations; halves of surrogate pairs, which no encoding can carry, replaced."""
    text = str.__str__(value)
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def _key(key: object, where: str) -> str:
    if isinstance(key, str):
        return _text(key)
    raise LedgerError("a payload has a key that is not text", where=where, got=repr(key), allowed="text keys")


class Parts(NamedTuple):
    """A line without its checksum and end: `head` is JSON without the closing brace, the others are JSON or empty."""

    head: bytes
    scores: bytes = b""
    history: bytes = b""


def split_line(line: bytes) -> Parts | None:
    """The parts of a line without its end; None on a wrong checksum."""
    body = line[:-_TAIL]
    crc = b"%08x" % zlib.crc32(b"}", zlib.crc32(body))
    if line[-_TAIL:] != b'%s%s"}' % (_CRC_KEY, crc):
        return None
    head, history = _cut(body, _HISTORY_KEY)
    head, scores = _cut(head, _SCORES_KEY)
    if not history:
        head, history = _cut(head, _OLD_HISTORY_KEY)
    return Parts(head, scores, history)


def _cut(text: bytes, key: bytes) -> tuple[bytes, bytes]:
    place = text.rfind(key)
    return (text, b"") if place < 0 else (text[:place], text[place + len(key) :])


def is_overlong(tail: bytes) -> bool:
    """Whether bytes without a line end are more than the beginning of a line: no interrupted write explains them."""
    return tail[-_TAIL - 1 : -11] == _CRC_KEY and tail[-3:-1] == b'"}'


def decode(line: bytes, number: int, where: str) -> Event:
    """The event of one line (without its line end), each part checked and named.

    Raises:
        LedgerError: with the line's number.
    """
    parts = split_line(line)
    if parts is None:
        what = "the line is damaged: its checksum does not match"
        raise LedgerError(what, line=number, where=where, next_step=REPAIR)
    try:
        record = json.loads(parts.head + b"}")
    except (ValueError, RecursionError):
        # A member further in is called `history`.
        parts = Parts(line[:-_TAIL])
        record = _whole(line, number, where)
    return event_of(record, parts, number, where)


def _whole(line: bytes, number: int, where: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        raise LedgerError("the line is not JSON", line=number, where=where, next_step=REPAIR) from None


def event_of(record: Any, parts: Parts, number: int, where: str) -> Event:
    """The event of a parsed line whose checksum was right.

    Raises:
        LedgerError: not an object, of another version, out of sequence, or without a time or name.
    """
    if not isinstance(record, dict):
        raise LedgerError("the line is not an object", line=number, where=where, next_step=REPAIR)
    if record.pop("v", None) != VERSION:
        raise LedgerError(
            "the line is of another version", line=number, where=where, allowed=VERSION, next_step="update liversweep"
        )
    seq = record.pop("seq", None)
    if seq != number:
        what = "a line is missing or repeated before this one"
        raise LedgerError(what, line=number, where=where, got=f"number {seq}", allowed=number, next_step=REPAIR)
    time, name = record.pop("time", None), record.pop("event", None)
    if not isinstance(time, str) or not isinstance(name, str):
        raise LedgerError("the line has no time or event", line=number, where=where, next_step=REPAIR)
    record.pop("crc", None)
    return Event(number, time, name, record, _last(record, "history", parts), _last(record, "scores", parts))


def _last(record: dict[str, Any], name: str, parts: Parts) -> bytes:
    """One of the last members as JSON text, also where the line had to be parsed as a whole."""
    if name in record:
        return json.dumps(record.pop(name), separators=(",", ":")).encode()
    text: bytes = getattr(parts, name)
    return text


REPAIR = "restore the file from a copy; nothing was changed"
