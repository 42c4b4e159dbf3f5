"""Beginning a run: from here on, what older runs write no longer counts."""

from __future__ import annotations

import json
import os
import random
import socket
import time
from collections.abc import Callable

from results.errors import LockedError
from results.ledger import utc_now
from results.store.layout import Claim, Layout
from results.store.objects import Store
from results.store.reading import look

SCHEMA_VERSION = 1
TRIES = 4
_PAUSE_S = 0.5


def begin_run(
    store: Store, token: str, lines: int, layout: Layout, check: Callable[[], None], *, retracting: bool = False
) -> Claim | None:
    """Try once to begin a run after `lines` lines. None when somebody else began or wrote at the same time: look again.

    The number comes from a listing made before the right to drive was checked. So one who is stopped in between and
    goes on much later takes a number that is no longer the youngest, and harms nobody.

    Args:
        store: of the sweep.
        token: 8 hexadecimal digits that tell this driver from others.
        lines: how many lines count, as the driver has read them from `layout`.
        layout: what the store showed.
        check: raises when this driver has no right to the sweep.
        retracting: what comes after `lines` is this driver's own, and is to count no longer.

    Raises:
        StoreError: the run may have begun or not; begin another one, never go on with this one.
        LockedError, ResultsError: from `check`.
    """
    claim = Claim(layout.runs + 1, lines + 1, token)
    check()
    store.put(claim.key, _signature())
    seen = look(store).without(claim)
    check()
    if seen.runs < claim.run and (retracting or seen.end <= lines):
        return claim
    store.delete(claim.key)
    return None


def pause(attempt: int) -> None:
    """Wait a little, each driver differently."""
    time.sleep(random.uniform(0.1, 1.0) * _PAUSE_S * (attempt + 1) / TRIES)


def contended(store: Store) -> LockedError:
    """What to raise after `TRIES` attempts in vain."""
    step = "wait until it ends, or stop it first"
    return LockedError("another driver is writing to this ledger", where=store.uri, next_step=step)


def _signature() -> bytes:
    """Who began the run; for people."""
    since = utc_now().isoformat(timespec="seconds").replace("+00:00", "Z")
    record = {"schema_version": SCHEMA_VERSION, "pid": os.getpid(), "host": socket.gethostname(), "since": since}
    return json.dumps(record).encode() + b"\n"
