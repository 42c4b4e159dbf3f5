"""Reading a stored ledger: what counts, from a listing and as few objects as possible, while a driver goes on writing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from results.errors import LedgerError
from results.ledger import parse_lines
from results.ledger_line import Event
from results.store.layout import FOLDER, Layout, Piece, Segment, layout_of
from results.store.objects import Store

_TRIES = 6
_PAUSE_S = 0.2
_THREADS = 8
_STEP = "restore the object from a copy, if the bucket keeps versions; nothing was changed"


@dataclass(frozen=True, slots=True)
class Text:
    """Lines of a ledger, each with its line end, and the events they tell."""

    data: bytes
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What a look at the store brought.

    Attributes:
        layout: what the store held.
        after: number of lines that were not asked for, since they are known and count.
        text: all others.
    """

    layout: Layout
    after: int
    text: Text


def look(store: Store) -> Layout:
    """What the store of a sweep shows of its ledger; empty when there is none. Raises `StoreError`."""
    return layout_of(info.key for info in store.list(FOLDER, recursive=False))


def read_stored_events(store: Store) -> list[Event]:
    """Every event that counts, in order.

    Raises:
        LedgerError: there is no ledger, or an object of it is damaged or missing; names the object.
        StoreError: the store cannot be read.
    """
    return list(find(store, lambda layout: 0).text.events)


def find(store: Store, known: Callable[[Layout], int]) -> Found:
    """The lines that count and are not known yet.

    Lines are put together while we look: what a listing showed may be gone when we ask for it, and stand elsewhere. Then we
    look again, a few times. A hole that stays is an error, never the end of the ledger.

    Args:
        store: of the sweep.
        known: how many of the first lines need not be read, when the store looks like this.

    Raises:
        LedgerError, StoreError: as `read_stored_events`.
    """
    texts: dict[Segment, Text] = {}
    for attempt in range(_TRIES):
        layout = look(store)
        after = known(layout)
        pieces = layout.pieces(after)
        reached = pieces[-1].last if pieces else after
        surely = attempt > 0  # what is not there at the second look either is not hidden by somebody's work
        if not layout.exists and surely:
            raise LedgerError("there is no ledger here", where=store.uri, next_step="check the name of the sweep")
        if layout.exists and reached >= layout.end and (after <= layout.end or surely):
            try:
                _collect(store, pieces, texts)
            except FileNotFoundError:
                continue
            return Found(layout, min(after, layout.end), _joined(pieces, texts))
        if surely:
            time.sleep(_PAUSE_S)
    what = "lines of the ledger are missing"
    raise LedgerError(what, line=reached + 1, where=f"{store.uri}/{FOLDER}", next_step=_STEP)


def _collect(store: Store, pieces: Iterable[Piece], texts: dict[Segment, Text]) -> None:
    """Read the segments that are wanted and not there yet."""
    wanted = [piece.segment for piece in pieces if piece.segment not in texts]
    if len(wanted) < 2:
        found = [read_segment(store, segment) for segment in wanted]
    else:
        with ThreadPoolExecutor(_THREADS) as pool:
            found = list(pool.map(lambda segment: read_segment(store, segment), wanted))
    texts.update(zip(wanted, found, strict=True))


def read_segment(store: Store, segment: Segment) -> Text:
    """A segment, made sure to be exactly what its name promises.

    Raises:
        FileNotFoundError: there is none.
        LedgerError: torn or damaged; names the object.
    """
    where = f"{store.uri}/{segment.key}"
    return checked_text(store.get(segment.key), segment, where)


def checked_text(data: bytes, segment: Segment, where: str) -> Text:
    """`data` as the lines of a segment; raises `LedgerError` where it is not exactly these."""
    try:
        events, size = parse_lines(data, where, segment.first - 1)
    except LedgerError as error:
        raise LedgerError(
            error.what, where=error.where, got=error.got, allowed=error.allowed, next_step=_STEP
        ) from error
    count = segment.last - segment.first + 1
    if size != len(data) or len(events) != count:
        got = f"{len(events)} whole lines and {len(data) - size} bytes"
        raise LedgerError("the object is torn", where=where, got=got, allowed=f"{count} lines", next_step=_STEP)
    return Text(data, tuple(events))


def _joined(pieces: Iterable[Piece], texts: dict[Segment, Text]) -> Text:
    data: list[bytes] = []
    events: list[Event] = []
    for piece in pieces:
        text, segment = texts[piece.segment], piece.segment
        begin, end = piece.first - segment.first, piece.last - segment.first + 1
        whole = begin == 0 and piece.last == segment.last
        data.append(text.data if whole else b"".join(text.data.splitlines(keepends=True)[begin:end]))
        events.extend(text.events[begin:end])
    return Text(b"".join(data), tuple(events))
