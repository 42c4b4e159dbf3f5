"""Signs of life of trials in a store: one small object a running attempt, so that one listing shows them all.

`heartbeats/<uid>.<attempt>` holds the worker's `worker.json` and is written anew while batches go by; the time that counts
is that of the store. A worker removes its own at its end, and the driver all of them at its own.
"""

from __future__ import annotations

from collections.abc import Iterable

BEAT_S = 4.0
"""Between two signs of life of a worker, at least: each is a write."""
LOOK_S = 2.0
"""Between two looks of a worker for a request to stop, and of the driver for signs of life."""
LAG_S = BEAT_S + 2 * LOOK_S
"""How old the newest sign of life may be that the driver knows of a worker that is well."""
PREFIX = "heartbeats"


def heartbeat_key(uid: str, attempt: int) -> str:
    """The object of an attempt."""
    return f"{PREFIX}/{uid}.{attempt}"


def newest_attempts(keys: Iterable[str]) -> dict[str, int]:
    """The newest attempt of each trial among keys below `PREFIX`; what is no such key is passed over."""
    found: dict[str, int] = {}
    for key in keys:
        uid, _, attempt = key.rpartition(".")
        if uid and attempt.isdecimal():
            found[uid] = max(found.get(uid, 0), int(attempt))
    return found
