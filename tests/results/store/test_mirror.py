"""Files between a mirror and a store."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from results.errors import ResultsError, StoreError
from results.store.mirror import pull, push
from results.store.objects import Store
from tests.results.store.memory import START, Bucket, Client

FILES = {
    "sweep.yaml": b"name: x\n",
    "trials/u1/final.json": b"{}",
    "trials/u1/log.txt": b"",
    "trials/u2/a b.bin": b"\0\xff",
}


def made(folder: Path, files: dict[str, bytes] = FILES) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if not path.name.startswith(".")}


def later() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


class TestMirror:
    """In a bucket and in a folder."""

    def test_there_and_back(self, store: Store, tmp_path: Path) -> None:
        source = made(tmp_path / "a")
        sent = push(source, store)
        assert {one.name: one.sha256 for one in sent} == {k: hashlib.sha256(v).hexdigest() for k, v in FILES.items()}
        assert all(one.moved for one in sent)
        assert {info.key for info in store.list()} == set(FILES)
        pull(store, tmp_path / "b")
        assert tree(tmp_path / "b") == FILES

    def test_what_is_the_same_stays_and_what_changed_moves(self, store: Store, tmp_path: Path) -> None:
        source = made(tmp_path / "a")
        push(source, store)
        pull(store, tmp_path / "b", now=later)
        assert not any(one.moved for one in push(source, store))
        before = (tmp_path / "b" / "sweep.yaml").stat().st_ino
        assert not any(one.moved for one in pull(store, tmp_path / "b", now=later))
        assert (tmp_path / "b" / "sweep.yaml").stat().st_ino == before
        (source / "sweep.yaml").write_bytes(b"name: y longer\n")
        (source / "trials/u2/a b.bin").unlink()
        assert [one.name for one in push(source, store) if one.moved] == ["sweep.yaml"]
        assert [one.name for one in pull(store, tmp_path / "b", now=later) if one.moved] == ["sweep.yaml"]
        assert (tmp_path / "b" / "sweep.yaml").read_bytes() == b"name: y longer\n"

    def test_what_was_changed_or_removed_here_is_fetched_again(self, store: Store, tmp_path: Path) -> None:
        push(made(tmp_path / "a"), store)
        pull(store, tmp_path / "b", now=later)
        (tmp_path / "b/sweep.yaml").write_bytes(b"changed!")
        (tmp_path / "b/trials/u1/final.json").unlink()
        pull(store, tmp_path / "b", now=later)
        assert tree(tmp_path / "b") == FILES

    def test_a_selection(self, store: Store, tmp_path: Path) -> None:
        source = made(tmp_path / "a")
        assert [one.name for one in push(source, store, ["sweep.yaml", "trials/u1/final.json"])] == [
            "sweep.yaml",
            "trials/u1/final.json",
        ]
        assert [one.name for one in pull(store, tmp_path / "b", ["sweep.yaml", "none"])] == ["sweep.yaml"]
        assert [one.name for one in pull(store, tmp_path / "c", prefix="trials/u1")] == ["trials/u1/final.json"]
        assert tree(tmp_path / "c") == {"trials/u1/final.json": b"{}"}
        assert pull(store, tmp_path / "d", prefix="none") == ()


def test_ledger_lease_lock_and_hidden_files_are_not_moved(tmp_path: Path) -> None:
    store = Client(Bucket()).store()
    others = {"ledger.jsonl": b"x", "lock": b"", ".hidden": b"", "trials/.x.tmp": b"", "trials/.d/x": b""}
    push(made(tmp_path / "a", {**FILES, **others}), store)
    assert {info.key for info in store.list()} == set(FILES)
    for key in ("ledger/000001-0000000001.jsonl", "lease/x.json", "ledger.jsonl", ".hidden"):
        store.put(key, b"x")
    pull(store, tmp_path / "b")
    assert tree(tmp_path / "b") == FILES


def test_a_change_within_the_same_second_is_not_missed(tmp_path: Path) -> None:
    """S3's clock shows whole seconds: what is fetched in the second in which it was written may change once more in it."""
    store = Client(Bucket()).store()
    store.put("latest.json", b"1")
    pull(store, tmp_path, now=lambda: START)
    store.put("latest.json", b"2")
    pull(store, tmp_path, now=lambda: START)
    assert (tmp_path / "latest.json").read_bytes() == b"2"


@pytest.mark.parametrize("key", ["../evil", "a/../../evil", "/evil", "a//b", "a\\b"])
def test_hostile_names_make_no_file(tmp_path: Path, key: str) -> None:
    bucket = Bucket()
    bucket.write("good", b"x")
    bucket.write(key, b"evil")
    with pytest.raises(StoreError, match="cannot be the name"):
        pull(Client(bucket).store(), tmp_path / "mirror")
    with pytest.raises(StoreError, match="cannot be the name"):
        pull(Client(bucket).store(), tmp_path / "mirror", [key])
    with pytest.raises(StoreError, match="cannot be the name"):
        push(tmp_path / "mirror", Client(bucket).store(), [key])
    assert not (tmp_path / "evil").exists()
    assert not (tmp_path / "mirror").exists()


def test_links_that_lead_out_are_refused(tmp_path: Path) -> None:
    store = Client(Bucket()).store()
    outside = made(tmp_path / "outside", {"secret": b"secret"})
    source = made(tmp_path / "a")
    (source / "file").symlink_to(outside / "secret")
    with pytest.raises(ResultsError, match="leads out"):
        push(source, store)
    (source / "file").unlink()
    (source / "folder").symlink_to(outside)
    with pytest.raises(ResultsError, match="leads out"):
        push(source, store, ["folder/secret"])
    store.put("folder/secret", b"changed")
    with pytest.raises(ResultsError, match="leads out"):
        pull(store, source)
    assert (outside / "secret").read_bytes() == b"secret"


def test_a_link_in_the_place_of_a_file_is_replaced_not_followed(tmp_path: Path) -> None:
    store = Client(Bucket()).store()
    outside = made(tmp_path / "outside", {"secret": b"secret"})
    mirror = made(tmp_path / "mirror", {})
    mirror.mkdir()
    (mirror / "x").symlink_to(outside / "secret")
    store.put("x", b"new")
    pull(store, mirror)
    assert (outside / "secret").read_bytes() == b"secret"
    assert (mirror / "x").read_bytes() == b"new"


def test_only_regular_files_are_sent(tmp_path: Path) -> None:
    made(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ResultsError, match="no regular file"):
        push(tmp_path, Client(Bucket()).store())
    with pytest.raises(ResultsError, match="cannot be read"):
        push(tmp_path, Client(Bucket()).store(), ["none"])


def test_a_file_that_is_not_what_was_recorded_is_refused(tmp_path: Path) -> None:
    bucket = Bucket()
    store = Client(bucket).store()
    store.put("model", b"weights")
    right = hashlib.sha256(b"weights").hexdigest()
    assert pull(store, tmp_path, ["model"], sha256={"model": right})[0].sha256 == right
    bucket.seconds = 1
    store.put("model", b"WEIGHTS")
    with pytest.raises(StoreError, match="not the one that was recorded"):
        pull(store, tmp_path, ["model"], sha256={"model": right})
    assert (tmp_path / "model").read_bytes() == b"weights"


def test_a_file_and_a_folder_of_one_name(tmp_path: Path) -> None:
    store = Client(Bucket()).store()
    store.put("a", b"x")
    store.put("a/b", b"x")
    with pytest.raises(ResultsError, match="cannot be written"):
        pull(store, tmp_path)


def test_a_store_that_keeps_something_else_is_noticed(tmp_path: Path) -> None:
    class Cutting(Client):
        def put(self, path: str, data: bytes) -> None:
            super().put(path, data[:-1])

    with pytest.raises(StoreError, match="does not hold what was sent"):
        push(made(tmp_path, {"x": b"12345"}), Cutting(Bucket()).store())


def test_nonsense_in_the_record_costs_a_transfer_only(tmp_path: Path) -> None:
    store = Client(Bucket()).store()
    push(made(tmp_path / "a"), store)
    for text in ("", "[]", '{"schema_version": 1, "files": {"sweep.yaml": 3}}', '{"schema_version": 9, "files": {}}'):
        (tmp_path / "a" / ".mirror.json").write_text(text)
        assert [one.name for one in push(tmp_path / "a", store) if one.moved] == ["sweep.yaml"]
