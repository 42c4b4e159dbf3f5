"""Real processes that are killed in the middle of appends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from results.ledger import read_events
from results.store.lease import Lease
from results.store.location import open_store
from results.store.objects import Store
from results.store.segments import StoredLedger, read_stored_events

APPEND = """
import sys
from pathlib import Path
from results.store.lease import Lease
from results.store.location import open_store
from results.store.segments import StoredLedger
store, path = open_store(sys.argv[1]), Path(sys.argv[2])
with Lease(store) as lease, StoredLedger.open(store, path, lease=lease) as ledger:
    while True:
        print(ledger.append("e", n=ledger.seq + 1).seq, flush=True)
"""


@pytest.mark.crash
def test_nothing_that_append_returned_is_lost(store: Store, tmp_path: Path) -> None:
    """Each driver is killed without warning; the next takes over at once, from another mirror, and goes on."""
    with StoredLedger.create(store, tmp_path / "first") as ledger:
        ledger.append("e", n=1)
    told = 1
    for after in (3, 36):
        child = subprocess.Popen(
            [sys.executable, "-c", APPEND, store.uri, str(tmp_path / f"copy-{after}")],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        for _ in range(after):
            told = int(child.stdout.readline())
        child.kill()
        rest, _ = child.communicate()
        told = max([told, *(int(line) for line in rest.split("\n")[:-1])])
        found = [event.payload["n"] for event in read_stored_events(store)]
        assert found == list(range(1, len(found) + 1))
        assert told <= len(found) <= told + 1
    with Lease(store) as lease, StoredLedger.open(store, tmp_path / "last", lease=lease) as ledger:
        ledger.append("e", n=ledger.seq + 1)
        assert [event.payload["n"] for event in read_events(tmp_path / "last")] == list(range(1, ledger.seq + 1))
    assert open_store(store.uri).list("lease") == []
