"""Which object tells which line of a stored ledger. Pure: from a listing of names to a plan of reading.

    ledger/000002-0000000011-4f9a0c1b.run                 run 2 begins: from line 11 on, nobody older is believed
    ledger/000002-0000000011.jsonl                        line 11, as run 2 wrote it
    ledger/000002-0000000001-0000000064.jsonl             lines 1 to 64, put together by run 2

A driver that opens the ledger is a *run*, numbered one more than any before. Line `n` of run `r` counts unless a younger run
began at or before `n`. So a driver that was replaced without knowing it can write what it likes: nobody reads it. Of the lines
that count, all copies are equal, since a run puts together only lines that counted when it began, and its own.

What a name promises never changes: there is one object for each range of lines and run, and it always holds these lines.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

FOLDER = "ledger"
_NAME = re.compile(FOLDER + r"/(\d{6,9})-(\d{10})(?:-(\d{10}))?\.jsonl", re.ASCII)
_CLAIM = re.compile(FOLDER + r"/(\d{6,9})-(\d{10})-([0-9a-f]{8})\.run", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Claim:
    """The beginning of a run.

    Attributes:
        run: its number, from 1.
        first: number of the first line that it may write.
        token: of the one who opened; two that open at once take the same number and tell each other apart by it.
    """

    run: int
    first: int
    token: str

    @property
    def key(self) -> str:
        """The name of the object."""
        return f"{FOLDER}/{self.run:06d}-{self.first:010d}-{self.token}.run"


@dataclass(frozen=True, slots=True)
class Segment:
    """An object that holds lines `first` to `last`, written by `run`."""

    run: int
    first: int
    last: int

    @property
    def key(self) -> str:
        """The name of the object."""
        end = "" if self.first == self.last else f"-{self.last:010d}"
        return f"{FOLDER}/{self.run:06d}-{self.first:010d}{end}.jsonl"


@dataclass(frozen=True, slots=True)
class Piece:
    """Lines `first` to `last`, to be taken from a segment, which may hold more on either side."""

    segment: Segment
    first: int
    last: int


@dataclass(frozen=True)
class Layout:
    """What a listing shows."""

    claims: tuple[Claim, ...]
    segments: tuple[Segment, ...]

    @cached_property
    def fences(self) -> dict[int, int]:
        """For each run the first line that it may write. A single line that a run wrote also says that it had begun."""
        found: dict[int, int] = {}
        begun = [(claim.run, claim.first) for claim in self.claims]
        written = [(one.run, one.first) for one in self.segments if one.first == one.last]
        for run, first in begun + written:
            found[run] = min(first, found.get(run, first))
        return found

    @property
    def runs(self) -> int:
        """The number of the youngest run; 0 when there is none."""
        return max([claim.run for claim in self.claims] + [one.run for one in self.segments], default=0)

    @property
    def exists(self) -> bool:
        """Whether a run ever began. It may not have written a line yet."""
        return bool(self.claims or self.segments)

    @cached_property
    def end(self) -> int:
        """Number of the last line that counts; 0 when none does."""
        return max((piece.last for piece in self._counting()), default=0)

    @cached_property
    def _limits(self) -> dict[int, int]:
        """For each run the last line for which it is believed."""
        limits, limit = {}, sys.maxsize
        for run in sorted({*self.fences, *(one.run for one in self.segments)}, reverse=True):
            limits[run] = limit
            limit = min(limit, self.fences.get(run, sys.maxsize) - 1)
        return limits

    def without(self, claim: Claim) -> Layout:
        """The same as if `claim` had not been made."""
        return Layout(tuple(one for one in self.claims if one != claim), self.segments)

    def pieces(self, after: int) -> tuple[Piece, ...]:
        """From which objects to take the lines after number `after`, in order and each once; up to the first that is nowhere.

        That is `end`, but for a listing that was made while lines were put together, or objects that were removed by hand.
        """
        waiting = sorted(self._counting(), key=lambda piece: (piece.first, piece.last), reverse=True)
        plan: list[Piece] = []
        while True:
            best: Piece | None = None
            while waiting and waiting[-1].first <= after + 1:
                piece = waiting.pop()
                if piece.last > after and (best is None or piece.last > best.last):
                    best = piece
            if best is None:
                return tuple(plan)
            plan.append(Piece(best.segment, after + 1, best.last))
            after = best.last

    def spare(self, pieces: Iterable[Piece]) -> tuple[Segment, ...]:
        """Segments all of whose lines are in `pieces` (which begin at line 1), but which these do not need."""
        plan = list(pieces)
        end = plan[-1].last if plan else 0
        needed = {piece.segment for piece in plan}
        return tuple(one.segment for one in self._counting() if one.segment not in needed and one.segment.last <= end)

    def _counting(self) -> Iterator[Piece]:
        """Of each segment the lines that count, if any."""
        limits = self._limits
        for segment in self.segments:
            last = min(segment.last, limits[segment.run])
            if segment.first <= last:
                yield Piece(segment, segment.first, last)


def layout_of(keys: Iterable[str]) -> Layout:
    """The layout that a listing of `FOLDER` shows. Objects with other names are not ours and are left out."""
    claims, segments = [], []
    for key in keys:
        if match := _CLAIM.fullmatch(key):
            claims.append(Claim(int(match[1]), int(match[2]), match[3]))
        elif match := _NAME.fullmatch(key):
            first = int(match[2])
            last = int(match[3]) if match[3] else first
            if 1 <= first <= last and bool(match[3]) == (last > first):
                segments.append(Segment(int(match[1]), first, last))
    return Layout(tuple(sorted(claims)), tuple(segments))
