"""One driver a sweep, where no kernel can hold a lock for us: a lease, which is an object that its holder keeps renewing.

**Taking it.** Each who wants it first writes an object of its own, then lists. Of two, the one who listed later sees the other,
since each had written before it listed and a listing shows what was written. Whoever sees a living rival withdraws. So never
two take it; it may happen that none does, and then each tries again a little later, not at the same time.

**Keeping it.** A thread writes the object again every quarter of a minute. A lease is dead when it was not written for a
minute by the clock of the store, which alone is asked: our own object, just written, tells that clock's time. A holder
whose renewals failed for three quarters of a minute by its own clock (which also counts while a machine sleeps) stops
trusting its lease before anyone else may.

**After it.** Who was stopped between looking at its clock and writing may still write something. The ledger's runs make that
harmless: see `results.store.layout`.

A process that died on this very machine is known to be dead at once: nobody need wait for a minute to go on after a crash.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType

from results.errors import LockedError, ResultsError, StoreError
from results.ledger import utc_now
from results.lock import Holder
from results.store.living import own_identity
from results.store.objects import Store
from results.store.rivals import FOLDER, Rival, rival_of, rivals

__all__ = ["FOLDER", "Lease", "LeaseTimes", "awake_seconds", "holder", "is_leased"]

SCHEMA_VERSION = 1
_TRIES = 3
_CLOCK = "clock-"


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """How long things may take, in seconds.

    Attributes:
        beat_s: between two renewals.
        lost_s: without a renewal, by the holder's clock, after which it no longer trusts its lease.
        stale_s: without a renewal, by the store's clock, after which others take it for dead. S3 tells whole seconds, so it
            must exceed `lost_s` by more than two.
        pause_s: at most, before two who saw each other try again.
    """

    beat_s: float = 15.0
    lost_s: float = 45.0
    stale_s: float = 60.0
    pause_s: float = 1.5


def awake_seconds() -> float:
    """Seconds on a clock that nobody sets and that goes on while the machine sleeps, where the system has one."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Lease:
    """The exclusive right to drive the sweep in a store, as a context manager like `results.lock.SweepLock`.

    Args:
        store: of the sweep.
        on_lost: called once, from the renewing thread, when the lease is found lost.
        times: how long things may take.
        clock: seconds, for the holder's own part.
        wall_clock: what is written as the time since when the lease is held; for people.
    """

    def __init__(
        self,
        store: Store,
        *,
        on_lost: Callable[[], None] | None = None,
        times: LeaseTimes | None = None,
        clock: Callable[[], float] = awake_seconds,
        wall_clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._store = store
        self._on_lost = on_lost
        self._times = times or LeaseTimes()
        self._clock = clock
        self._wall_clock = wall_clock
        self._key = f"{FOLDER}/{secrets.token_hex(8)}.json"
        self._renewed = 0.0
        self._state = "free"
        self._signed = ""
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def acquire(self) -> None:
        """Take the lease or refuse, in a few requests.

        Raises:
            LockedError: another driver holds it; says who.
            StoreError: the store cannot be reached, or refuses.
        """
        if self._state == "held":
            raise ResultsError("this driver holds the lease already", where=self._store.uri)
        for attempt in range(1, _TRIES + 1):
            rivals = self._claim()
            if not rivals:
                self._begin()
                return
            if attempt == _TRIES or any(rival.held for rival in rivals):
                raise self._refusal(rivals)
            time.sleep(random.uniform(0.1, 1.0) * attempt * self._times.pause_s / _TRIES)

    def _claim(self) -> list[Rival]:
        """Write, then list. Living rivals, before whom we have withdrawn; none when the lease is ours."""
        begun = self._clock()
        self._put(held=False, since=self._since())
        try:
            others = rivals(self._store, self._key, self._times.stale_s)
            living = [rival for rival in others if not rival.dead]
            if not living:
                self._put(held=True, since=self._since())
                if self._clock() - begun > self._times.lost_s:
                    raise StoreError("the store answers too slowly to hold a lease in it", where=self._store.uri)
                self._renewed = begun
                for rival in others:
                    self._store.delete(rival.key)
                return []
        except BaseException:
            self._withdraw()
            raise
        self._store.delete(self._key)
        return living

    def _begin(self) -> None:
        self._state = "held"
        self._end.clear()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self._thread.start()

    def _refusal(self, living: list[Rival]) -> LockedError:
        named = next((rival.holder for rival in living if rival.holder), None)
        step = f"wait until it ends, or stop it first; if its machine is gone, try again in {self._times.stale_s:.0f} s"
        return LockedError("another driver is at work on this sweep", where=self._store.uri, got=named, next_step=step)

    def check(self) -> None:
        """Make sure that the lease is still ours. No request: a look at the clock.

        Raises:
            LockedError: it was lost, given back or never taken.
        """
        if self._state == "held" and self._clock() - self._renewed <= self._times.lost_s:
            return
        if self._state == "held":
            self._state = "lost"
        what = (
            "this driver no longer holds the sweep" if self._state == "lost" else "this driver does not hold the sweep"
        )
        step = "resume the sweep, unless another driver has gone on with it"
        raise LockedError(what, where=self._store.uri, next_step=step)

    @property
    def held(self) -> bool:
        """Whether `check` would pass."""
        return self._state == "held" and self._clock() - self._renewed <= self._times.lost_s

    def renew(self) -> None:
        """Write the lease again. The thread does so by itself; raises `LockedError` when it is lost, `StoreError` otherwise."""
        self.check()
        begun = self._clock()
        if self._overtaken():
            self._state = "lost"
        self.check()
        self._put(held=True, since=self._signed)
        self.check()  # an answer that came too late: somebody may have taken it meanwhile
        self._renewed = begun

    def _overtaken(self) -> bool:
        """Whether our object is gone, which only somebody who took us for dead does."""
        return self._store.info(self._key) is None

    def _keep(self) -> None:
        pause = self._times.beat_s
        while not self._end.wait(pause):
            try:
                self.renew()
                pause = self._times.beat_s
            except LockedError:
                break
            except ResultsError:
                pause = min(1.0, self._times.beat_s)  # not reachable for now: there are some seconds left to try
        if self._state == "lost":
            self._withdraw()
            if self._on_lost is not None:
                self._on_lost()

    def release(self) -> None:
        """Give the lease back. Does nothing when it is not held."""
        if self._thread is not None:
            self._end.set()
            if self._thread is not threading.current_thread():
                self._thread.join()
            self._thread = None
        if self._state == "held":
            self._withdraw()
        self._state = "free"

    def _withdraw(self) -> None:
        """Remove our object. Where that fails it dies by itself, so nothing is said."""
        try:
            self._store.delete(self._key)
        except StoreError:
            return

    def _since(self) -> str:
        self._signed = self._wall_clock().isoformat(timespec="seconds").replace("+00:00", "Z")
        return self._signed

    def _put(self, *, held: bool, since: str) -> None:
        who = own_identity()
        record = {
            "schema_version": SCHEMA_VERSION,
            "held": held,
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "since": since,
            "place": who.place,
            "born": who.born,
        }
        self._store.put(self._key, json.dumps(record).encode() + b"\n")

    def __enter__(self) -> Lease:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def is_leased(store: Store, *, times: LeaseTimes | None = None) -> bool:
    """Whether a driver holds the lease now."""
    return holder(store, times=times) is not None


def holder(store: Store, *, times: LeaseTimes | None = None) -> Holder | None:
    """Who holds the lease now; None when nobody does.

    Where there is a lease at all, a small object is written and removed, to learn the time by the store's clock. Whoever may
    only read takes the clock of this machine instead; then a clock that is wrong by a minute gives a wrong answer.

    Raises:
        StoreError: the store cannot be read.
    """
    if not any(info.key.endswith(".json") for info in store.list(FOLDER, recursive=False)):
        return None
    now, stale_s = _store_now(store), (times or LeaseTimes()).stale_s
    found = [info for info in store.list(FOLDER, recursive=False) if info.key.endswith(".json")]
    living = [
        rival for rival in (rival_of(store, info, now, stale_s) for info in found) if rival.held and not rival.dead
    ]
    unknown = Holder(0, "an unknown machine", "an unknown time")
    return (living[0].holder or unknown) if living else None


def _store_now(store: Store) -> datetime:
    key = f"{FOLDER}/{_CLOCK}{secrets.token_hex(8)}"
    try:
        store.put(key, b"\n")
        info = store.info(key)
        store.delete(key)
    except StoreError:
        return utc_now()
    return info.modified if info is not None else utc_now()
