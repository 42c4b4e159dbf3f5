"""A network that refuses, loses answers, or is not there; a real client and a real server."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from results.errors import LedgerError, StoreError
from results.store.bucket import ATTEMPTS, harmless
from results.store.lease import Lease
from results.store.location import open_store
from results.store.objects import Store
from results.store.segments import StoredLedger, read_stored_events
from tests.results.store.faulty import Gate
from tests.s3_server import S3Server

_EVERY_ATTEMPT = 10 * ATTEMPTS


@pytest.fixture
def gate(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    with Gate(s3_server.port) as gate:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{gate.port}")
        yield gate


@pytest.fixture
def gated(s3_server: S3Server, gate: Gate) -> Store:
    return open_store(s3_server.new_bucket() + "/run")


def numbers(store: Store) -> list[int]:
    return [event.payload["n"] for event in read_stored_events(store)]


def test_a_refusal_leaves_the_ledger_as_before(gate: Gate, gated: Store, tmp_path: Path) -> None:
    with StoredLedger.create(gated, tmp_path / "copy") as ledger:
        ledger.append("e", n=1)
        gate.part, gate.refuse = "jsonl", _EVERY_ATTEMPT
        with pytest.raises(LedgerError, match="the store refuses") as caught:
            ledger.append("e", n=666)
        assert gated.uri in str(caught.value)
        assert "resume the sweep" in str(caught.value)
        gate.refuse = 0
        assert numbers(gated) == [1]
        ledger.append("e", n=2)
    assert numbers(gated) == [1, 2]
    assert b"666" not in (tmp_path / "copy").read_bytes()


def test_an_answer_that_was_lost_is_asked_for_again(gate: Gate, gated: Store, tmp_path: Path) -> None:
    """The same bytes under the same name: the event is there once."""
    with StoredLedger.create(gated, tmp_path / "copy") as ledger:
        gate.part, gate.lose = "jsonl", 1
        ledger.append("e", n=1)
        assert gate.seen > 1
        ledger.append("e", n=2)
    assert numbers(gated) == [1, 2]


def test_an_event_whose_every_answer_was_lost_never_counts(gate: Gate, gated: Store, tmp_path: Path) -> None:
    with StoredLedger.create(gated, tmp_path / "copy") as ledger:
        ledger.append("e", n=1)
        gate.part, gate.lose = "0000000002.jsonl", _EVERY_ATTEMPT
        with pytest.raises(LedgerError, match="could not be written"):
            ledger.append("e", n=666)
        gate.lose = 0
        assert any(info.key.endswith("000001-0000000002.jsonl") for info in gated.list("ledger"))  # it was stored
        assert numbers(gated) == [1]
        ledger.append("e", n=2)
    assert numbers(gated) == [1, 2]


def test_a_large_object_of_which_a_part_was_refused_does_not_appear(gate: Gate, gated: Store) -> None:
    data = bytes(26 << 20)
    gate.part, gate.refuse = "partNumber=2", _EVERY_ATTEMPT
    with pytest.raises(StoreError):
        gated.put("large", data)
    assert gate.seen
    assert gated.info("large") is None
    gate.refuse = 0
    gated.put("large", data)
    assert gated.get("large") == data


def test_an_unreachable_store_is_one_clear_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{nobody.getsockname()[1]}")
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "canary-key")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-secret")
        store = open_store("s3://bucket/runs")
        for action in (
            lambda: store.list(),
            lambda: store.get("x"),
            lambda: store.put("x", b""),
            lambda: Lease(store).acquire(),
            lambda: StoredLedger.open(store, tmp_path / "copy"),
        ):
            with pytest.raises(StoreError, match="cannot be reached") as caught:
                action()
            assert "s3://bucket" in str(caught.value)
            assert "check the network" in str(caught.value)
            assert "canary" not in str(caught.value)


def test_what_others_say_is_shown_without_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "canary-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "canary-token")
    text = harmless("no such key canary-key,\n signed canary-secret; canary-token " + "x" * 1000)
    assert "canary" not in text
    assert "\n" not in text
    assert len(text) <= 300
