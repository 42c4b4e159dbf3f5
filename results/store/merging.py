"""Putting small segments together: rarely enough to cost little, often enough that a reader needs few requests.

A segment of `n` lines is of level `log(n)` to the base `FAN`. As soon as the ledger ends in `FAN` segments of one level or
below, they become one. So every line is written about once a level (three times in a ledger of 30,000 lines), and there are
at most about `FAN` segments of each level.

The new object comes first, then the old ones go. A process that dies in between leaves lines that are told twice, alike; the
next driver removes what is left over. Only objects whose every line lies in another one are ever removed, and what a name
stands for never changes; so it does no harm either when a driver that was replaced does this at the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import accumulate

from results.store.layout import Layout, Piece, Segment
from results.store.objects import Store
from results.store.reading import checked_text

FAN = 32
MOST_BYTES = 8 << 20
"""Of a segment: above, putting together costs more than another request."""
_LEVELS = 4
_THREADS = 8


@dataclass(frozen=True, slots=True)
class Part:
    """Lines that a segment tells, and where they lie in the copy: bytes `begin` up to `end`."""

    piece: Piece
    begin: int
    end: int

    @property
    def lines(self) -> int:
        """How many."""
        return self.piece.last - self.piece.first + 1


class Merger:
    """Knows in which segments the lines of an open ledger are.

    Args:
        store: of the sweep.
        parts: all lines, in order.
        spare: segments whose lines are in `parts` too.
        fan, most_bytes: see above.
    """

    def __init__(
        self,
        store: Store,
        parts: Iterable[Part],
        spare: Iterable[Segment] = (),
        *,
        fan: int = FAN,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._store = store
        self._parts = list(parts)
        self._spare = list(spare)
        self._fan, self._most_bytes = fan, most_bytes

    def add(self, segment: Segment, size: int) -> None:
        """The next segment, of `size` bytes."""
        begin = self._parts[-1].end if self._parts else 0
        self._parts.append(Part(Piece(segment, segment.first, segment.last), begin, begin + size))

    def tidy(self, run: int, read: Callable[[int, int], bytes]) -> None:
        """Put the last segments together if it is time to.

        Args:
            run: under which number.
            read: bytes of the copy, from one place up to another.

        Raises:
            StoreError: not reachable or refused: nothing is lost, try again some other time.
            LedgerError: the copy is damaged.
        """
        group = self._due()
        if group:
            merged = Segment(run, group[0].piece.first, group[-1].piece.last)
            data = read(group[0].begin, group[-1].end)
            checked_text(data, merged, "the copy of the ledger")
            self._store.put(merged.key, data)
            self._spare += [part.piece.segment for part in group if part.piece.segment != merged]
            whole = Part(Piece(merged, merged.first, merged.last), group[0].begin, group[-1].end)
            self._parts[-len(group) :] = [whole]
            self._remove()

    def _remove(self) -> None:
        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(self._store.delete, [segment.key for segment in self._spare]))
        self._spare.clear()

    def _due(self) -> list[Part]:
        """The last parts, if it is time to put them together; otherwise none."""
        for level in range(1, _LEVELS + 1):
            group = self._tail(self._fan**level)
            if len(group) >= self._fan:
                return group
        return []

    def _tail(self, lines: int) -> list[Part]:
        """The last parts as far back as each has fewer lines than `lines`, within the bytes allowed."""
        end = self._parts[-1].end if self._parts else 0
        group: list[Part] = []
        for part in reversed(self._parts):
            if part.lines >= lines or end - part.begin > self._most_bytes:
                break
            group.append(part)
        group.reverse()
        return group


def merger_of(store: Store, layout: Layout, data: bytes, *, fan: int = FAN) -> Merger:
    """The merger of a ledger that was just read: `data` is all that counts in `layout`."""
    pieces = layout.pieces(0)
    ends = list(accumulate((len(line) for line in data.splitlines(keepends=True)), initial=0))
    parts = [Part(piece, ends[piece.first - 1], ends[piece.last]) for piece in pieces]
    return Merger(store, parts, layout.spare(pieces), fan=fan)
