"""Following a ledger: whatever pieces it grows by, the events are those of the whole."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from results.errors import LedgerError
from results.follow import LedgerTail
from results.ledger import Ledger, parse_lines, read_events
from results.ledger_line import Event, encode
from tests.results.ledger_factory import realistic

LINES = realistic(6, cases=2, epochs=3).lines
WHOLE = b"".join(LINES)


def read_all(tail: LedgerTail, kept: list[Event]) -> list[Event]:
    batch = tail.read()
    return [*([] if batch.afresh else kept), *batch.events]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, len(WHOLE)), max_size=12))
def test_any_split_into_pieces_gives_the_events_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int]
) -> None:
    path = tmp_path_factory.mktemp("split") / "ledger.jsonl"
    path.touch()
    tail, found = LedgerTail(path), list[Event]()
    for begin, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(WHOLE)], strict=True):
        with path.open("ab") as stream:
            stream.write(WHOLE[begin:end])
        batch = tail.read()
        assert not batch.afresh
        found += batch.events
        assert tail.offset == WHOLE.rfind(b"\n", 0, end) + 1
    assert found == read_events(path) and len(found) == len(LINES)
    assert tail.read().events == ()


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_driver_that_cuts_a_torn_line_and_goes_on_is_followed(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Each driver dies inside a line; the next cuts that and writes others. Readers look at any moment."""
    path = tmp_path_factory.mktemp("torn") / "ledger.jsonl"
    path.write_bytes(LINES[0])
    tail, found = LedgerTail(path), list[Event]()
    for run in range(data.draw(st.integers(1, 4))):
        with Ledger.open(path) as ledger:
            for number in range(data.draw(st.integers(0, 3))):
                ledger.append("note", run=run, number=number)
                if data.draw(st.booleans()):
                    found = read_all(tail, found)
            torn = encode(ledger.seq + 1, "2026-01-31T09:00:00.000Z", "torn", {"run": run, "long": "x" * 50})
        with path.open("ab") as stream:
            stream.write(torn[: data.draw(st.integers(0, len(torn) - 1))])
        if data.draw(st.booleans()):
            found = read_all(tail, found)
    assert read_all(tail, found) == read_events(path)


def test_a_look_reads_only_what_is_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, sizes = tmp_path / "ledger.jsonl", list[int]()
    path.write_bytes(b"".join(LINES[:-1]))
    monkeypatch.setattr(
        "results.follow.parse_lines", lambda data, *rest: (sizes.append(len(data)), parse_lines(data, *rest))[1]
    )
    tail = LedgerTail(path)
    assert len(tail.read().events) == len(LINES) - 1
    tail.read()
    with path.open("ab") as stream:
        stream.write(LINES[-1])
    assert len(tail.read().events) == 1
    assert sizes == [sum(map(len, LINES[:-1])), len(LINES[-1])]


def test_a_line_that_the_disk_took_back_is_forgotten(tmp_path: Path) -> None:
    """A write that could not be synced is undone, and another event may take its place, even of the same length."""
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(b"".join(LINES[:3]))
    tail = LedgerTail(path)
    tail.read()
    os.truncate(path, len(LINES[0]) + len(LINES[1]))
    with Ledger.open(path) as ledger:
        ledger.append("note", text="in its place")
    batch = tail.read()
    assert batch.afresh and list(batch.events) == read_events(path)


def test_a_copy_in_the_place_of_the_ledger_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(WHOLE)
    tail = LedgerTail(path)
    tail.read()
    shutil.copy(path, tmp_path / "copy")
    (tmp_path / "copy").replace(path)
    batch = tail.read()
    assert batch.afresh and list(batch.events) == read_events(path)


def test_a_damaged_line_is_named_by_its_number_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(b"".join(LINES[:4]))
    tail = LedgerTail(path)
    tail.read()
    for damage in (LINES[4].replace(b'"seq":5', b'"seq":6'), LINES[5], LINES[4][:-1] + b" "):
        with path.open("r+b") as stream:
            stream.truncate(len(b"".join(LINES[:4])))
            stream.seek(0, 2)
            stream.write(damage)
        with pytest.raises(LedgerError, match="line 5"):
            tail.read()
    path.write_bytes(WHOLE)
    assert len(tail.read().events) == len(LINES) - 4, "once it is mended the reader goes on"


def test_a_ledger_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="cannot be read"):
        LedgerTail(tmp_path / "ledger.jsonl").read()
