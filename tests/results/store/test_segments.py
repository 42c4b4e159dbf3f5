"""The stored ledger: as a local one, in every kind of store."""

from __future__ import annotations

import json
import math
import pickle
from pathlib import Path

import pytest

from results.errors import LedgerError, LockedError, ResultsError, StoreError
from results.follow import LedgerTail
from results.ledger import Ledger, read_events
from results.store import segments
from results.store.copies import fetch_ledger
from results.store.layout import layout_of
from results.store.lease import Lease
from results.store.objects import Store
from results.store.segments import StoredLedger, holds_ledger, publish_ledger, read_stored_events
from tests.results.ledger_factory import Clock
from tests.results.store.memory import Bucket, Client

PAYLOADS = [
    {"n": n, "value": math.nan, "text": "\udc80é", "scores": {"a": [1.5]}, "history": {"e": [n]}} for n in range(5)
]


def keys(store: Store) -> list[str]:
    return [info.key for info in store.list("ledger")]


def numbers(store: Store) -> list[int]:
    return [event.payload["n"] for event in read_stored_events(store)]


class TestStoredLedger:
    """What holds in a bucket and in a folder."""

    def test_the_copy_is_what_a_local_ledger_would_be(self, store: Store, tmp_path: Path) -> None:
        with (
            Ledger.create(tmp_path / "local", clock=Clock()) as local,
            StoredLedger.create(store, tmp_path / "copy", clock=Clock()) as stored,
        ):
            assert isinstance(stored, Ledger)
            for payload in PAYLOADS:
                assert local.append("e", **payload) == stored.append("e", **payload)
            assert local.seq == stored.seq == 5
        assert (tmp_path / "local").read_bytes() == (tmp_path / "copy").read_bytes()
        assert fetch_ledger(store, tmp_path / "fetched")
        assert (tmp_path / "local").read_bytes() == (tmp_path / "fetched").read_bytes()
        assert read_stored_events(store) == read_events(tmp_path / "local")

    def test_going_on_elsewhere(self, store: Store, tmp_path: Path) -> None:
        with StoredLedger.create(store, tmp_path / "one") as ledger:
            ledger.append("e", n=1)
        for n in (2, 3):
            (tmp_path / str(n)).mkdir()
            with StoredLedger.open(store, tmp_path / str(n) / "ledger.jsonl") as ledger:
                assert ledger.seq == n - 1
                ledger.append("e", n=n)
        assert numbers(store) == [1, 2, 3]
        assert layout_of(keys(store)).runs == 3

    def test_an_event_is_in_the_store_when_append_returns(self, store: Store, tmp_path: Path) -> None:
        with StoredLedger.create(store, tmp_path / "copy") as ledger:
            for n in range(3):
                ledger.append("e", n=n)
                assert numbers(store) == list(range(n + 1))

    def test_there_is_one_ledger(self, store: Store, tmp_path: Path) -> None:
        assert not holds_ledger(store)
        with StoredLedger.create(store, tmp_path / "copy") as ledger:
            ledger.append("e")
        assert holds_ledger(store)
        with pytest.raises(ResultsError, match="a ledger already"):
            StoredLedger.create(store, tmp_path / "other")
        assert not (tmp_path / "other").exists()

    def test_a_driver_that_died_before_its_first_event_hinders_nobody(self, store: Store, tmp_path: Path) -> None:
        StoredLedger.create(store, tmp_path / "copy").close()
        with StoredLedger.create(store, tmp_path / "copy") as ledger:
            ledger.append("e", n=1)
        assert numbers(store) == [1]

    def test_where_there_is_no_ledger(self, store: Store, tmp_path: Path) -> None:
        for action in (
            read_stored_events,
            lambda s: fetch_ledger(s, tmp_path / "x"),
            lambda s: StoredLedger.open(s, tmp_path / "x"),
        ):
            with pytest.raises(LedgerError, match="no ledger here"):
                action(store)
        assert not (tmp_path / "x").exists()

    def test_an_older_run_is_not_believed(self, store: Store, tmp_path: Path) -> None:
        (tmp_path / "b").mkdir()
        old = StoredLedger.create(store, tmp_path / "a")
        old.append("e", n=1)
        new = StoredLedger.open(store, tmp_path / "b" / "copy")
        old.append("e", n=666)
        assert numbers(store) == [1]
        new.append("e", n=2)
        old.append("e", n=667)
        assert numbers(store) == [1, 2]
        old.close()
        new.close()
        assert fetch_ledger(store, tmp_path / "a")
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b" / "copy").read_bytes()

    @pytest.mark.parametrize("hurt", ["cut", "flipped", "emptied", "doubled", "other"])
    def test_a_damaged_object_is_named(self, store: Store, tmp_path: Path, hurt: str) -> None:
        with StoredLedger.create(store, tmp_path / "copy") as ledger:
            for n in range(3):
                ledger.append("e", n=n)
        key = next(key for key in keys(store) if "0000000002.jsonl" in key)
        data = store.get(key)
        other = store.get(key.replace("02.jsonl", "03.jsonl"))
        store.put(
            key,
            {
                "cut": data[:-5],
                "flipped": data.replace(b'"n":1', b'"n":7'),
                "emptied": b"",
                "doubled": data * 2,
                "other": other,
            }[hurt],
        )
        for action in (
            read_stored_events,
            lambda s: StoredLedger.open(s, tmp_path / "new"),
            lambda s: fetch_ledger(s, tmp_path / "new"),
        ):
            with pytest.raises(LedgerError) as caught:
                action(store)
            assert f"{store.uri}/{key}" in str(caught.value)
            assert "restore the object" in str(caught.value)
        assert not (tmp_path / "new").exists()

    def test_a_missing_object_is_no_end(self, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("results.store.reading._PAUSE_S", 0)
        with StoredLedger.create(store, tmp_path / "copy") as ledger:
            for n in range(3):
                ledger.append("e", n=n)
        store.delete(next(key for key in keys(store) if "0000000002.jsonl" in key))
        with pytest.raises(LedgerError, match="line 2: lines of the ledger are missing"):
            read_stored_events(store)

    def test_few_objects_remain(self, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        fan = 4
        monkeypatch.setattr(segments, "merger_of", lambda *a: _merger_of(*a, fan=fan))
        with StoredLedger.create(store, tmp_path / "copy") as ledger:
            for n in range(40):
                ledger.append("e", n=n)
                assert len(keys(store)) <= 3 * (fan + 1) + 1
        assert numbers(store) == list(range(40))
        fetch_ledger(store, tmp_path / "fetched")
        assert (tmp_path / "fetched").read_bytes() == (tmp_path / "copy").read_bytes()

    def test_publishing_a_local_ledger(self, store: Store, tmp_path: Path) -> None:
        with Ledger.create(tmp_path / "local") as local:
            for n in range(3):
                local.append("e", n=n)
        publish_ledger(store, tmp_path / "local")
        with StoredLedger.open(store, tmp_path / "local") as ledger:
            ledger.append("e", n=3)
        assert numbers(store) == [0, 1, 2, 3]
        with pytest.raises(ResultsError, match="a ledger already"):
            publish_ledger(store, tmp_path / "local")


_merger_of = segments.merger_of


def test_a_lost_lease_stops_the_driver(tmp_path: Path) -> None:
    store = Client(Bucket()).store()
    clock = [0.0]
    lease = Lease(store, clock=lambda: clock[0])
    with lease, StoredLedger.create(store, tmp_path / "copy", lease=lease) as ledger:
        ledger.append("e", n=1)
        clock[0] += 46
        for _ in range(2):
            with pytest.raises(LedgerError, match="no longer holds the sweep"):
                ledger.append("e", n=2)
        with pytest.raises(LockedError):
            StoredLedger.open(store, tmp_path / "other", lease=lease)
    assert numbers(store) == [1]


def test_the_same_copy_has_one_writer(tmp_path: Path) -> None:
    store = Client(Bucket()).store()
    with StoredLedger.create(store, tmp_path / "copy") as ledger:
        ledger.append("e", n=1)
        with pytest.raises(LockedError):
            StoredLedger.open(store, tmp_path / "copy")
        before = (tmp_path / "copy").stat().st_ino
        assert not fetch_ledger(store, tmp_path / "copy")
        assert (tmp_path / "copy").stat().st_ino == before


@pytest.mark.parametrize("lost", ["stored", "refused", "late"])
def test_an_answer_that_never_came_leaves_the_ledger_as_before(tmp_path: Path, lost: str) -> None:
    bucket = Bucket()
    client = Client(bucket, lost=lost)
    store = client.store()
    with StoredLedger.create(store, tmp_path / "copy") as ledger:
        ledger.append("e", n=1)
        client.losing = ".jsonl"
        with pytest.raises(LedgerError, match="could not be written"):
            ledger.append("e", n=666)
        assert numbers(store) == [1]
        assert ledger.seq == 1
        client.losing = ""
        ledger.append("e", n=2)
        bucket.deliver()
        assert numbers(store) == [1, 2]
    assert [event.payload["n"] for event in read_events(tmp_path / "copy")] == [1, 2]


@pytest.mark.parametrize("lost", ["stored", "refused", "late"])
def test_a_store_that_is_gone_for_a_while(tmp_path: Path, lost: str) -> None:
    """Not even the new run can begin: then nothing is written before one has."""
    bucket = Bucket()
    client = Client(bucket, lost=lost)
    store = client.store()
    with StoredLedger.create(store, tmp_path / "copy") as ledger:
        ledger.append("e", n=1)
        client.losing = "ledger"
        for _ in range(3):
            with pytest.raises(LedgerError, match="could not be written"):
                ledger.append("e", n=666)
            assert numbers(store) in ([1], [1, 666])
        client.losing = ""
        ledger.append("e", n=2)
        bucket.deliver()
        assert numbers(store) == [1, 2]
        ledger.append("e", n=3)
    assert numbers(store) == [1, 2, 3]


def test_a_copy_that_cannot_be_written_takes_the_event_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Client(Bucket()).store()
    with StoredLedger.create(store, tmp_path / "copy") as ledger:
        ledger.append("e", n=1)
        with monkeypatch.context() as patch:
            patch.setattr("results.ledger.os.write", lambda descriptor, data: 3)
            with pytest.raises(LedgerError, match="could not be written"):
                ledger.append("e", n=666)
        assert numbers(store) == [1]
        ledger.append("e", n=2)
    assert numbers(store) == [1, 2]


def test_following_costs_a_listing_and_what_is_new(tmp_path: Path) -> None:
    bucket = Bucket()
    reader = Client(bucket)
    (tmp_path / "r").mkdir()
    tail = LedgerTail(tmp_path / "r" / "ledger.jsonl")
    with StoredLedger.create(Client(bucket).store(), tmp_path / "copy") as ledger:
        for n in range(20):
            ledger.append("e", n=n)
            before = reader.requests
            assert fetch_ledger(reader.store(), tail.path)
            assert reader.requests - before == 2
            batch = tail.read()
            assert [event.payload["n"] for event in batch.events] == [n]
            assert not batch.afresh
        before = reader.requests
        assert not fetch_ledger(reader.store(), tail.path)
        assert reader.requests - before == 1


def test_a_copy_that_somebody_changed_is_read_again(tmp_path: Path) -> None:
    store = Client(Bucket()).store()
    with StoredLedger.create(store, tmp_path / "copy") as ledger:
        for n in range(5):
            ledger.append("e", n=n)
    right = (tmp_path / "copy").read_bytes()
    for wrong in (b"", right[:-7], right + b"{", b"x" * len(right)):
        (tmp_path / "copy").write_bytes(wrong)
        fetch_ledger(store, tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == right
    (tmp_path / ".copy.copy").write_text(json.dumps({"schema_version": 1, "lines": "x"}))
    fetch_ledger(store, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == right


def test_objects_of_other_names_are_left_alone(tmp_path: Path) -> None:
    store = Client(Bucket()).store()
    for key in ("ledger/notes.txt", "ledger/000001-0000000005-0000000002.jsonl", "ledger/000001-0000000000.jsonl"):
        store.put(key, b"nonsense")
    with pytest.raises(LedgerError, match="no ledger here"):
        read_stored_events(store)
    with StoredLedger.create(store, tmp_path / "copy") as ledger:
        ledger.append("e", n=1)
    assert numbers(store) == [1]


def test_errors_travel() -> None:
    error = StoreError("x", where="s3://b", got="y")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
