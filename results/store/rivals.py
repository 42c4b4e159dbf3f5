"""Leases of others, and which of them live."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from results.errors import StoreError
from results.lock import Holder
from results.store.living import Identity, is_dead
from results.store.objects import ObjectInfo, Store

FOLDER = "lease"


@dataclass(frozen=True, slots=True)
class Rival:
    """Somebody else's lease.

    Attributes:
        key: of the object.
        holder: who wrote it, as far as that can be read.
        held: it was taken; otherwise its writer is still looking around.
        modified: by the clock of the store.
        dead: its process is known to have ended.
    """

    key: str
    holder: Holder | None
    held: bool
    modified: datetime
    dead: bool


def rivals(store: Store, own_key: str, stale_s: float) -> list[Rival]:
    """All other leases in the store; `dead` also those that are stale by the clock of the store, which our object tells."""
    found = [info for info in store.list(FOLDER, recursive=False) if info.key.endswith(".json")]
    now = next((info.modified for info in found if info.key == own_key), None)
    if now is None:
        raise StoreError("an object that was just written is not listed", where=f"{store.uri}/{own_key}")
    return [rival_of(store, info, now, stale_s) for info in found if info.key != own_key]


def rival_of(store: Store, info: ObjectInfo, now: datetime, stale_s: float) -> Rival:
    """What an object says of the lease that it is, at the time `now` of the store's clock. Nonsense counts while it is young."""
    stale = (now - info.modified).total_seconds() > stale_s
    try:
        record = json.loads(store.get(info.key))
        holder = Holder(int(record["pid"]), str(record["host"]), str(record["since"]))
        identity = Identity(str(record["place"]), int(record["pid"]), int(record["born"]))
        return Rival(info.key, holder, record["held"] is True, info.modified, stale or is_dead(identity))
    except FileNotFoundError:
        return Rival(info.key, None, False, info.modified, True)
    except (ValueError, KeyError, TypeError):
        return Rival(
            info.key, None, True, info.modified, stale
        )  # not ours to judge: it lives as long as it looks young
