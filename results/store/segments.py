"""A ledger in a store: every event is an object of its own first, and a line of the local copy second.

**Atomic, without appending.** An append is one PUT of a new object that holds one line. It is there whole or not at all; so
there is no torn line, and an event counts from the moment at which the store has it. `append` returns after that.

**An answer that never came.** A PUT is repeated with the same bytes under the same name, which is harmless. If it stays
without an answer, the line may be there, may not, or may come later. Then a new run begins at this very line: from there on
the old run is not believed, so the line never counts, whenever it comes; `append` raises and the ledger is as before. If the
store cannot be reached for that either, nothing more is written until a run could begin; should the process end before, the
next driver finds the line or does not, as after a crash in the middle of a write.

**Two drivers.** `results.store.lease` keeps them apart. If one was replaced without knowing it, it writes under an older run.

**Few objects.** Now and then the last ones are put together: the new object first, then the old ones are removed. Whoever
lists in between sees lines twice and takes them once; whoever lists before finds an object gone and lists again.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from results.errors import LedgerError, LockedError, ResultsError, StoreError
from results.ledger import Clock, Ledger, read_events, utc_now
from results.lock import SweepLock
from results.storage import write_atomic
from results.store.copies import Copy, alone, fetch_ledger, note_copy, refresh, writer_lock
from results.store.layout import Claim, Layout, Segment
from results.store.lease import Lease
from results.store.merging import Merger, merger_of
from results.store.objects import Store
from results.store.reading import look, read_stored_events
from results.store.runs import TRIES, begin_run, contended, pause

__all__ = ["StoredLedger", "fetch_ledger", "holds_ledger", "publish_ledger", "read_stored_events"]

_RESUME = "resume the sweep once the store can be written"


def holds_ledger(store: Store) -> bool:
    """Whether there is a ledger with at least one event. Raises `StoreError`."""
    return bool(look(store).segments)


def publish_ledger(store: Store, path: Path) -> None:
    """Put a finished or new local ledger into a store that has none: all lines in one object, so all or none.

    Raises:
        ResultsError: the store has a ledger already.
        LedgerError: the local one is empty or damaged.
        StoreError: the store refuses.
    """
    layout = look(store)
    _refuse_existing(store, layout)
    events = read_events(path)
    if not events:
        raise LedgerError("the ledger is empty", where=str(path))
    lines = path.read_bytes().splitlines(keepends=True)[: len(events)]
    claim = begin_run(store, secrets.token_hex(4), 0, layout, lambda: None)
    if claim is None:
        raise contended(store)
    store.put(Segment(claim.run, 1, len(events)).key, b"".join(lines))


@dataclass(frozen=True, slots=True)
class _Begun:
    """A run of this process: what it needs to go on."""

    store: Store
    lease: Lease | None
    claim: Claim
    layout: Layout
    writer: SweepLock


class StoredLedger(Ledger):
    """A ledger in a store, open for appending; `path` is its copy. Use `create` or `open`, and close it.

    Everything else is as in `results.ledger.Ledger`; so is the copy, byte for byte. `append` raises `LedgerError` also when this
    driver no longer holds the sweep.
    """

    def __init__(self, path: Path, begun: _Begun, merger: Merger, clock: Clock) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
        super().__init__(path, descriptor, begun.layout.end, os.fstat(descriptor).st_size, clock)
        self._store, self._lease, self._writer = begun.store, begun.lease, begun.writer
        self._claim, self._claims, self._merger = begun.claim, [*begun.layout.claims, begun.claim], merger
        self._segments = begun.layout.segments
        self._doubtful = self._fenced = False

    @classmethod
    def create(  # type: ignore[override]
        cls, store: Store, path: Path, *, lease: Lease | None = None, clock: Clock = utc_now
    ) -> StoredLedger:
        """A new, empty ledger in a store that has none. The folder of the copy must exist.

        Args:
            store: of the sweep.
            path: of the copy.
            lease: held by this driver; without one, the caller makes sure that there is one driver.
            clock: for the events' times.

        Raises:
            ResultsError: the store has a ledger already, or a copy of one lies at `path`.
            LockedError: another driver is at work.
            StoreError: the store refuses.
            LedgerError: the copy cannot be made.
        """
        _refuse_existing(store, look(store))
        if path.exists() and path.stat().st_size:
            step = "remove it: the store has no such ledger"
            raise ResultsError("a copy of another ledger lies here", where=str(path), next_step=step)
        return cls._begin(store, path, lease, clock, _first_look)

    @classmethod
    def open(  # type: ignore[override]
        cls, store: Store, path: Path, *, lease: Lease | None = None, clock: Clock = utc_now
    ) -> StoredLedger:
        """An existing ledger; the copy is brought up to date first. Arguments as `create`.

        Raises:
            LedgerError: there is none, or an object of it is damaged or missing; nothing was changed.
            LockedError: another driver is at work.
            StoreError: the store refuses.
        """
        return cls._begin(store, path, lease, clock, _refreshed)

    @classmethod
    def _begin(
        cls, store: Store, path: Path, lease: Lease | None, clock: Clock, read: Callable[[Store, Path], Layout]
    ) -> StoredLedger:
        writer = SweepLock(writer_lock(path))
        writer.acquire()
        try:
            token = secrets.token_hex(4)
            for attempt in range(TRIES):
                with alone(path):
                    layout = read(store, path)
                claim = begin_run(store, token, layout.end, layout, lease.check if lease else _allowed)
                if claim is not None:
                    merger = merger_of(store, layout, path.read_bytes())
                    return cls(path, _Begun(store, lease, claim, layout, writer), merger, clock)
                pause(attempt)
            raise contended(store)
        except BaseException:
            writer.release()
            raise

    @property
    def store(self) -> Store:
        """Where the truth is."""
        return self._store

    def _check(self) -> None:
        super()._check()
        if self._fenced:
            raise self._lost()
        self._check_lease()
        if self._doubtful:
            try:
                self._begin_anew()
            except StoreError as error:
                raise self._refused(error) from error

    def _write(self, line: bytes) -> None:
        with suppress(StoreError):  # nothing is lost, and the next `append` tries again
            self._merger.tidy(self._claim.run, self._read)
        segment = Segment(self._claim.run, self._seq + 1, self._seq + 1)
        try:
            self._store.put(segment.key, line)
            self._check_lease()
            super()._write(line)
        except (StoreError, LedgerError) as error:
            self._retract()
            raise self._refused(error) from error
        self._merger.add(segment, len(line))

    def _retract(self) -> None:
        """Make sure that the line which is or may be in the store never counts; if that cannot be, note that it is to be done."""
        self._doubtful = True
        try:
            self._begin_anew()
        except ResultsError:
            return  # the next `append` begins with it

    def _begin_anew(self) -> None:
        """Begin another run after the last good line. A doubtful line of ours after it stops counting.

        Raises:
            StoreError: the store cannot be reached, or refuses.
            LedgerError: another driver has begun a run meanwhile, or the lease was lost.
        """
        for attempt in range(TRIES):
            self._check_lease()
            layout = look(self._store)
            if any(one.run > self._claim.run and one.token != self._claim.token for one in layout.claims):
                self._fenced = True
                raise self._lost()
            claim = begin_run(self._store, self._claim.token, self._seq, layout, self._check_lease, retracting=True)
            if claim is not None:
                self._claim, self._doubtful = claim, False
                self._claims.append(claim)
                return
            pause(attempt)
        raise self._lost()

    def _check_lease(self) -> None:
        if self._lease is None:
            return
        try:
            self._lease.check()
        except LockedError as error:
            self._fenced = True
            raise self._lost() from error

    def _lost(self) -> LedgerError:
        what = "this driver no longer holds the sweep, so its events do not count"
        step = "resume the sweep, unless another driver has gone on with it"
        return LedgerError(what, where=self._store.uri, next_step=step)

    def _refused(self, error: ResultsError) -> ResultsError:
        if self._fenced:
            return self._lost()
        where = error.where or self._store.uri
        return LedgerError(
            "an event could not be written", where=where, got=f"{error.what} ({error.got})", next_step=_RESUME
        )

    def _read(self, begin: int, end: int) -> bytes:
        data = os.pread(self._descriptor, end - begin, begin)
        while len(data) < end - begin:
            more = os.pread(self._descriptor, end - begin - len(data), begin + len(data))
            if not more:
                break
            data += more
        return data

    def close(self) -> None:
        """Close the copy and let others refresh it. A second call does nothing."""
        if self._descriptor >= 0:
            super().close()
            fences = Layout(tuple(self._claims), self._segments).fences
            with suppress(OSError):  # the copy is then read again
                note_copy(self.path, Copy(self._seq, self._size, fences))
            self._writer.release()


def _refreshed(store: Store, path: Path) -> Layout:
    return refresh(store, path)[0]


def _first_look(store: Store, path: Path) -> Layout:
    """For a ledger that is only made: nobody may have written a line."""
    layout = look(store)
    _refuse_existing(store, layout)
    try:
        write_atomic(path, b"")
    except OSError as error:
        what = "the copy of the ledger cannot be made"
        raise LedgerError(what, where=str(path), got=error.strerror, next_step="check the folder") from error
    return layout


def _refuse_existing(store: Store, layout: Layout) -> None:
    if layout.segments:
        raise ResultsError("the sweep has a ledger already", where=store.uri, next_step="resume it")


def _allowed() -> None:
    """Without a lease, whoever opens the ledger may write it."""
