"""A chained record: whatever is changed in it shows, whatever an interruption leaves in it does not harm."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from results import chain, chain_lock
from results.chain import FIRST, Entry, append_entry, head_path, read_entries
from results.errors import LedgerError, LockedError, ResultsError

TIME = "2026-01-31T09:00:00.000Z"
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def record(folder: Path, count: int = 4) -> Path:
    path = folder / "record.jsonl"
    for number in range(count):
        append_entry(path, "noted", {"number": number}, time=TIME)
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """The bytes of a record of four lines, and of its head."""
    path = record(tmp_path_factory.mktemp("whole"))
    return path.read_bytes(), head_path(path).read_bytes()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("place") / "record.jsonl"


def refusal(path: Path, data: bytes, head: bytes) -> LedgerError:
    path.write_bytes(data)
    head_path(path).write_bytes(head)
    with pytest.raises(LedgerError) as caught:
        read_entries(path)
    return caught.value


def test_entries_come_back_in_order_and_chained(tmp_path: Path) -> None:
    path = tmp_path / "new" / "record.jsonl"
    first = append_entry(path, "exported", {"model": "m-1", "dice": float("nan"), "cases": ("a", "b")})
    second = append_entry(path, "validated", {}, time=TIME)
    assert read_entries(path) == (first, second)
    assert (first.seq, first.previous, first.payload) == (1, FIRST, {"model": "m-1", "dice": None, "cases": ["a", "b"]})
    assert second == Entry(2, TIME, "validated", {}, first.sha256, second.sha256)
    assert first.time.endswith("Z")
    assert json.loads(head_path(path).read_bytes()) == {"schema_version": 1, "seq": 2, "sha256": second.sha256}


def test_no_record_is_an_empty_one_and_reading_makes_no_file(tmp_path: Path) -> None:
    assert read_entries(tmp_path / "absent" / "record.jsonl") == ()
    assert list(tmp_path.iterdir()) == []


@given(payload=st.dictionaries(st.text().filter(lambda key: key not in chain.ENVELOPE), JSON, max_size=4))
def test_any_payload_comes_back(tmp_path_factory: pytest.TempPathFactory, payload: dict[str, object]) -> None:
    path = tmp_path_factory.mktemp("payload") / "record.jsonl"
    append_entry(path, "noted", payload, time=TIME)
    append_entry(path, "noted", {}, time=TIME)
    assert read_entries(path)[0].payload == json.loads(json.dumps(payload))


@given(data=st.data())
def test_any_changed_byte_shows(whole: tuple[bytes, bytes], place: Path, data: st.DataObject) -> None:
    lines, head = whole
    position = data.draw(st.integers(0, len(lines) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != lines[position]))
    error = refusal(place, lines[:position] + bytes([byte]) + lines[position + 1 :], head)
    assert error.line == 1 + lines[:position].count(b"\n")


@given(data=st.data())
def test_any_removed_stretch_of_bytes_shows(whole: tuple[bytes, bytes], place: Path, data: st.DataObject) -> None:
    lines, head = whole
    start = data.draw(st.integers(0, len(lines) - 1))
    stop = data.draw(st.integers(start + 1, len(lines)))
    error = refusal(place, lines[:start] + lines[stop:], head)
    assert error.line == 1 + lines[:start].count(b"\n")


@given(data=st.data())
def test_any_byte_put_in_or_doubled_before_the_last_line_end_shows(
    whole: tuple[bytes, bytes], place: Path, data: st.DataObject
) -> None:
    lines, head = whole
    position = data.draw(st.integers(0, len(lines) - 1))
    byte = data.draw(st.sampled_from([lines[position : position + 1], b"\n", b" ", b"{", b"\0"]))
    refusal(place, lines[:position] + byte + lines[position:], head)


@given(order=st.lists(st.integers(0, 3), max_size=6))
def test_lines_swapped_doubled_or_removed_show(whole: tuple[bytes, bytes], place: Path, order: list[int]) -> None:
    lines, head = whole
    if order == [0, 1, 2, 3]:
        return
    single = lines.splitlines(keepends=True)
    error = refusal(place, b"".join(single[number] for number in order), head)
    agreed = next((i for i, number in enumerate(order) if number != i), len(order))
    assert error.line == agreed + 1


@given(data=st.data())
def test_any_changed_byte_of_the_head_shows(whole: tuple[bytes, bytes], place: Path, data: st.DataObject) -> None:
    lines, head = whole
    position = data.draw(st.integers(0, len(head) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != head[position]))
    changed = head[:position] + bytes([byte]) + head[position + 1 :]
    refusal(place, lines, changed)


@pytest.mark.parametrize("head", [b"", b"{}\n"])
def test_a_head_that_is_missing_or_empty_shows(tmp_path: Path, head: bytes) -> None:
    path = record(tmp_path)
    refusal(path, path.read_bytes(), head)
    head_path(path).unlink()
    with pytest.raises(LedgerError, match="more lines than the record's head knows"):
        read_entries(path)


def test_a_missing_record_beside_its_head_shows(tmp_path: Path) -> None:
    path = record(tmp_path)
    path.unlink()
    with pytest.raises(LedgerError, match="its head knows 4 lines") as caught:
        read_entries(path)
    assert caught.value.line == 1


def test_a_line_computed_anew_shows_in_the_next_one(tmp_path: Path) -> None:
    other = record(tmp_path / "other")
    path = tmp_path / "record.jsonl"
    append_entry(path, "noted", {"number": -1}, time=TIME)
    forged = path.read_bytes() + b"".join(other.read_bytes().splitlines(keepends=True)[1:])
    error = refusal(path, forged, head_path(other).read_bytes())
    assert (error.line, "does not follow" in str(error)) == (2, True)


def test_nothing_is_appended_to_a_damaged_record(tmp_path: Path) -> None:
    path = record(tmp_path)
    damaged = path.read_bytes().replace(b'"number":2', b'"number":7')
    path.write_bytes(damaged)
    with pytest.raises(LedgerError, match="line 3"):
        append_entry(path, "noted", {})
    assert path.read_bytes() == damaged


def test_an_entry_cut_off_at_any_byte_is_ignored_and_replaced(tmp_path: Path) -> None:
    path = record(tmp_path, 2)
    lines, head = path.read_bytes(), head_path(path).read_bytes()
    append_entry(path, "noted", {"number": 2}, time=TIME)
    full, full_head = path.read_bytes(), head_path(path).read_bytes()
    for size in range(len(lines), len(full)):
        path.write_bytes(full[:size])
        head_path(path).write_bytes(head)
        assert len(read_entries(path)) == 2
        append_entry(path, "noted", {"number": 2}, time=TIME)
        assert (path.read_bytes(), head_path(path).read_bytes()) == (full, full_head)


@pytest.mark.parametrize("count", [1, 3])
def test_a_whole_line_that_its_head_does_not_know_yet_counts(tmp_path: Path, count: int) -> None:
    path = record(tmp_path, count - 1)
    head = head_path(path).read_bytes() if count > 1 else None
    append_entry(path, "noted", {"number": "last"}, time=TIME)
    head_path(path).unlink() if head is None else head_path(path).write_bytes(head)
    assert [entry.seq for entry in read_entries(path)] == list(range(1, count + 1))
    append_entry(path, "noted", {})
    assert len(read_entries(path)) == count + 1


def test_a_refused_write_leaves_the_record_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = record(tmp_path)
    before = path.read_bytes()

    def full(descriptor: int, data: bytes) -> None:
        os.write(descriptor, data[:20])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(chain, "write_all", full)
    with pytest.raises(LedgerError, match="No space left on device"):
        append_entry(path, "noted", {})
    assert path.read_bytes() == before
    assert len(read_entries(path)) == 4


def test_a_new_record_whose_folder_cannot_be_synced_stays_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(folder: Path) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(chain, "sync_folder", failing)
    with pytest.raises(LedgerError, match="an entry could not be written; got Input/output error"):
        append_entry(tmp_path / "record.jsonl", "noted", {})
    assert read_entries(tmp_path / "record.jsonl") == ()


def test_a_refused_head_leaves_the_record_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = record(tmp_path)
    before = path.read_bytes(), head_path(path).read_bytes()

    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(chain, "write_atomic", full)
    for _ in range(3):
        with pytest.raises(LedgerError, match=r"record\.head: an entry could not be written; got No space left"):
            append_entry(path, "noted", {})
        assert (path.read_bytes(), head_path(path).read_bytes()) == before


def test_a_head_that_only_its_folder_did_not_take_in_is_a_head(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, write = record(tmp_path), chain.write_atomic

    def unsynced(path: Path, data: bytes) -> None:
        write(path, data)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(chain, "write_atomic", unsynced)
    assert append_entry(path, "noted", {}).seq == 5
    assert len(read_entries(path)) == 5


@pytest.mark.parametrize("count", [0, 2])
def test_deaths_between_line_and_head_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """Each leaves one line more than the head knows, and never two."""
    path, write, calls = record(tmp_path, count), chain.write_atomic, []

    def dying(path: Path, data: bytes) -> None:
        calls.append(data)
        if b'"seq":%d,' % died not in data:
            return write(path, data)
        raise SystemExit

    monkeypatch.setattr(chain, "write_atomic", dying)
    for died in range(count + 1, count + 4):
        with pytest.raises(SystemExit):
            append_entry(path, "noted", {})
        assert [entry.seq for entry in read_entries(path)] == list(range(1, died + 1))
    assert len(calls) == 5


@pytest.mark.parametrize("payload", [{"seq": 3}, {"sha256": "0"}, {"what": object()}, {"what": {1: 2}}])
def test_a_payload_that_cannot_be_written_is_refused(tmp_path: Path, payload: dict[str, object]) -> None:
    with pytest.raises(LedgerError):
        append_entry(tmp_path / "record.jsonl", "noted", payload)
    assert not (tmp_path / "record.jsonl").exists()


def test_a_folder_that_cannot_be_made_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultsError, match="the folder cannot be made"):
        append_entry(tmp_path / "file" / "record.jsonl", "noted", {})
    with pytest.raises(ResultsError, match="cannot be read; got Not a directory"):
        read_entries(tmp_path / "file" / "record.jsonl")


def test_a_record_kept_locked_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = record(tmp_path)
    monkeypatch.setattr(chain_lock, "_PATIENCE_S", 0.0)
    with path.with_name(f".{path.name}.lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(LockedError, match="keeps the record locked"):
            append_entry(path, "noted", {})
        with pytest.raises(LockedError):
            read_entries(path)


WRITE = """
import sys
from pathlib import Path
from results.chain import append_entry
for number in range(20):
    append_entry(Path(sys.argv[1]), "noted", {"writer": sys.argv[2], "number": number})
"""


def test_a_reader_that_is_overtaken_by_the_first_writer_reads_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is looked at before the first entry is written, its head after: without a second look the end is missing."""
    path, contents, came = tmp_path / "record.jsonl", chain._contents, []

    def slow(looked_at: Path) -> bytes:
        found = contents(looked_at)
        if looked_at == path and not came:
            came.append(True)
            append_entry(path, "review", {"number": 1})
        return found

    monkeypatch.setattr(chain, "_contents", slow)
    assert [entry.payload for entry in read_entries(path)] == [{"number": 1}]


def test_two_writers_at_once_lose_no_entry(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    writers = [subprocess.Popen([sys.executable, "-c", WRITE, str(path), name]) for name in "ab"]
    while any(writer.poll() is None for writer in writers):
        read_entries(path)
    assert [writer.returncode for writer in writers] == [0, 0]
    entries = read_entries(path)
    assert sorted((entry.payload["writer"], entry.payload["number"]) for entry in entries) == sorted(
        (name, number) for name in "ab" for number in range(20)
    )
