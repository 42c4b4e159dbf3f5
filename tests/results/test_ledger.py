"""The ledger: what is written is read back, damage is found, and nothing is ever left half-written."""

from __future__ import annotations

import errno
import json
import math
import os
import resource
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from results.errors import LedgerError, ResultsError
from results.ledger import Ledger, read_events
from results.ledger_line import decode, encode
from tests.results.ledger_factory import Clock, realistic
from tests.results.test_ledger_line import payloads


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(payloads, max_size=6), names=st.sampled_from(["suggested", "metrics", "é"]))
def test_what_was_appended_is_read(tmp_path: Path, batches: list[dict[str, Any]], names: str) -> None:
    path = tmp_path / "ledger.jsonl"
    path.unlink(missing_ok=True)
    with Ledger.create(path) as ledger:
        appended = [ledger.append(names, **payload) for payload in batches]
    assert read_events(path) == appended
    assert [event.seq for event in appended] == list(range(1, len(batches) + 1))


def test_history_is_written_last_and_left_unparsed(tmp_path: Path) -> None:
    with Ledger.create(tmp_path / "l") as ledger:
        event = ledger.append("finished", history={"epoch": [1, 2], "loss": [0.5, math.nan]}, uid="t1")
    assert event.payload == {"uid": "t1"}
    assert json.loads(event.history) == {"epoch": [1, 2], "loss": [0.5, None]}


@pytest.mark.parametrize("payload", [{"x": object()}, {"x": {1: 2}}, {"crc": 1}, {"x": b"raw"}])
def test_what_json_cannot_hold_is_refused_before_anything_is_written(tmp_path: Path, payload: dict[str, Any]) -> None:
    path = tmp_path / "l"
    with Ledger.create(path) as ledger:
        ledger.append("sweep")
        before = path.read_bytes()
        with pytest.raises(LedgerError):
            ledger.append("finished", **payload)
        assert path.read_bytes() == before
        assert ledger.append("closed").seq == 2


def test_r05_every_truncation_keeps_the_complete_lines(tmp_path: Path) -> None:
    lines = realistic(1, cases=1, epochs=1).lines
    data = b"".join(lines)
    ends = np.cumsum([len(line) for line in lines])
    path, torn = tmp_path / "read", tmp_path / "opened"
    path.write_bytes(data)
    for size in range(len(data), -1, -1):
        os.truncate(path, size)
        complete = int((ends <= size).sum())
        assert len(read_events(path)) == complete
        assert path.stat().st_size == size
        if size % 97 == 0 or size in ends or size + 1 in ends:
            torn.write_bytes(data[:size])
            with Ledger.open(torn) as ledger:
                assert ledger.seq == complete
            assert torn.read_bytes() == b"".join(lines[:complete])


def test_r05_every_damaged_byte_is_found_and_its_line_named(tmp_path: Path) -> None:
    """Each byte in turn is changed, lost, or has another put before it; a lost last line end is a torn line, no damage."""
    lines = [
        encode(1, "t", "sweep", {"name": "s"}),
        encode(2, "t", "started", {"uid": "a"}),
        encode(3, "t", "closed", {}),
    ]
    data, path = b"".join(lines), tmp_path / "ledger.jsonl"
    for position in range(len(data)):
        before, byte, after = data[:position], data[position], data[position + 1 :]
        damages = [b"", *(bytes([other, byte]) for other in b"x\n"), *(bytes([byte ^ 1 << bit]) for bit in (0, 5))]
        damages += [bytes([other]) for other in b'\0\n\r "}0' if other != byte]
        for damage in damages:
            damaged = before + damage + after
            if damaged == data[:-1]:
                continue
            path.write_bytes(damaged)
            with pytest.raises(LedgerError) as caught:
                read_events(path)
            found = damaged.replace(b"\r", b"?").splitlines(keepends=True)
            first = next(i for i, line in enumerate(found) if i >= len(lines) or line != lines[i])
            assert caught.value.line == first + 1
    path.write_bytes(data[:-1])
    assert [event.name for event in read_events(path)] == ["sweep", "started"]


def test_an_opened_ledger_goes_on_where_the_torn_line_began(tmp_path: Path) -> None:
    path = tmp_path / "l"
    with Ledger.create(path, clock=Clock()) as ledger:
        ledger.append("sweep", a=1)
    with path.open("ab") as file:
        file.write(encode(2, "t", "started", {"uid": "t1"})[:-9])
    with Ledger.open(path, clock=Clock()) as ledger:
        ledger.append("closed")
    assert [(event.seq, event.name) for event in read_events(path)] == [(1, "sweep"), (2, "closed")]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_flipped_bit_is_found_and_its_line_named(tmp_path: Path, data: st.DataObject) -> None:
    lines = realistic(2, cases=2, epochs=2).lines
    content = bytearray(b"".join(lines))
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path / "l"
    path.write_bytes(content)
    number = int(np.searchsorted(np.cumsum([len(line) for line in lines]), position, side="right")) + 1
    with pytest.raises(LedgerError) as caught:
        read_events(path)
    assert caught.value.line == number
    assert f"line {number}" in str(caught.value)
    with pytest.raises(LedgerError):
        Ledger.open(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("change", ["drop", "repeat", "swap"])
def test_a_missing_repeated_or_moved_line_is_named(tmp_path: Path, change: str) -> None:
    lines = list(realistic(2, cases=2, epochs=2).lines)
    if change == "drop":
        del lines[2]
    elif change == "repeat":
        lines.insert(2, lines[1])
    else:
        lines[2], lines[3] = lines[3], lines[2]
    path = tmp_path / "l"
    path.write_bytes(b"".join(lines))
    with pytest.raises(LedgerError, match="missing or repeated") as caught:
        read_events(path)
    assert caught.value.line == 3


def sealed(body: bytes) -> bytes:
    """A line with a right checksum, whatever it says."""
    return b'%s,"crc":"%08x"}\n' % (body[:-1], zlib.crc32(body))


@pytest.mark.parametrize(
    "body",
    [
        b"[1]",
        b'{"v":1,"seq":1,"time":"t"}',
        b'{"v":2,"seq":1,"time":"t","event":"e"}',
        b'{"v":1,"seq":"1","time":"t","event":"e"}',
        b'{"v":1,"seq":1,"time":"t","event":"e","x":' + b"[" * 100_000 + b"}",
        b'{"v":1,"seq":1,"time":"t","event":"\xff"}',
        b'{"v":1},{"v":1}',
    ],
)
def test_a_sealed_line_that_is_no_event_is_named(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "l"
    path.write_bytes(sealed(body))
    with pytest.raises(LedgerError) as caught:
        read_events(path)
    assert caught.value.line == 1


def test_an_empty_line_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "l"
    path.write_bytes(realistic(1).lines[0] + b"\n")
    with pytest.raises(LedgerError, match="line 2"):
        read_events(path)


def test_a_full_disk_leaves_the_ledger_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "l"
    with Ledger.create(path) as ledger:
        ledger.append("sweep", text="x" * 100)
        before = path.read_bytes()
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 50, hard))
        try:
            with pytest.raises(LedgerError, match="could not be written"):
                ledger.append("finished", text="y" * 200)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert path.read_bytes() == before
        ledger.append("finished", text="y" * 200)
    assert [event.name for event in read_events(path)] == ["sweep", "finished"]


def test_a_failing_fsync_undoes_the_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "l"
    with Ledger.create(path) as ledger:
        ledger.append("sweep")
        before = path.read_bytes()
        calls = []
        real = os.fsync

        def fail_once(descriptor: int) -> None:
            calls.append(descriptor)
            if len(calls) == 1:
                raise OSError(errno.EIO, "Input/output error")
            real(descriptor)

        monkeypatch.setattr(os, "fsync", fail_once)
        with pytest.raises(LedgerError, match="Input/output error"):
            ledger.append("closed")
        assert path.read_bytes() == before


def test_a_ledger_that_could_not_be_undone_refuses_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Ledger.create(tmp_path / "l") as ledger:

        def fail(*_: Any) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fail)
            patch.setattr(os, "ftruncate", fail)
            with pytest.raises(LedgerError, match="No space left"):
                ledger.append("sweep")
        with pytest.raises(LedgerError, match="could not be undone"):
            ledger.append("sweep")


def test_a_second_writer_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "l"
    with Ledger.create(path) as first, Ledger.open(path) as second:
        first.append("sweep")
        with pytest.raises(LedgerError, match="someone else"):
            second.append("closed")
    assert len(read_events(path)) == 1


def recorded(name: str, calls: list[str], function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, its calls noted."""

    def wrapper(*args: Any) -> Any:
        calls.append(name)
        return function(*args)

    return wrapper


def test_one_write_and_one_fsync_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    with Ledger.create(tmp_path / "l") as ledger:
        monkeypatch.setattr(os, "write", recorded("write", calls, os.write))
        monkeypatch.setattr(os, "fsync", recorded("fsync", calls, os.fsync))
        ledger.append("sweep", text="x" * 100_000)
        monkeypatch.undo()
    assert calls == ["write", "fsync"]


def test_create_refuses_an_existing_ledger_and_missing_ones_are_named(tmp_path: Path) -> None:
    Ledger.create(tmp_path / "l").close()
    with pytest.raises(ResultsError, match="resume"):
        Ledger.create(tmp_path / "l")
    with pytest.raises(LedgerError, match="cannot be read"):
        read_events(tmp_path / "none")


def test_the_fast_way_and_the_careful_way_agree(tmp_path: Path) -> None:
    lines = realistic(12, cases=2, epochs=2).lines
    path = tmp_path / "l"
    path.write_bytes(b"".join(lines))
    assert read_events(path) == [decode(line[:-1], i + 1, "x") for i, line in enumerate(lines)]


def test_a_nested_member_called_history_is_not_taken_for_the_history(tmp_path: Path) -> None:
    with Ledger.create(tmp_path / "l") as ledger:
        ledger.append("suggested", parameters={"a": 1, "history": 2}, seed=3)
        ledger.append("finished", history={"a": [1], "history": [2]}, parameters={"a": 1, "history": [3]})
        ledger.append("finished", metrics={"a": 1, "history": 2})
    first, second, third = read_events(tmp_path / "l")
    assert first.payload == {"parameters": {"a": 1, "history": 2}, "seed": 3}
    assert second.payload == {"parameters": {"a": 1, "history": [3]}}
    assert json.loads(second.history) == {"a": [1], "history": [2]}
    assert third.payload == {"metrics": {"a": 1, "history": 2}}
    assert third.history == b""
