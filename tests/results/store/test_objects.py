"""What every store promises; each kind is put to the same tests."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from results.errors import StoreError
from results.store.bucket import BucketBackend, s3_filesystem
from results.store.location import open_store
from results.store.objects import Store
from tests.s3_server import S3Server

HOSTILE = ("../x", "a/../../x", "/etc/passwd", "a//b", "a/./b", "", ".", "..", "a\\b", "a\nb", "a/", "x" * 1000)


class TestStore:
    """Conformance."""

    def test_what_was_put_is_got_and_listed(self, store: Store) -> None:
        store.put("a/b.json", b"one")
        store.put("c", b"")
        assert store.get("a/b.json") == b"one"
        assert store.get("c") == b""
        assert [(info.key, info.size) for info in store.list()] == [("a/b.json", 3), ("c", 0)]
        assert [info.key for info in store.list(recursive=False)] == ["c"]
        assert [info.key for info in store.list("a")] == ["a/b.json"]
        assert store.folders() == ["a"]

    def test_an_object_is_replaced_whole(self, store: Store) -> None:
        store.put("a", b"long" * 1000)
        store.put("a", b"short")
        assert store.get("a") == b"short"
        found = store.info("a")
        assert found is not None
        assert found.size == 5

    def test_readers_see_the_old_or_the_new(self, store: Store) -> None:
        """Of other sizes, too: some clients ask for the size first and for so many bytes second."""
        texts = {bytes([65 + i]) * 1000 * (i + 1) for i in range(6)}
        store.put("a", min(texts))
        with ThreadPoolExecutor(2) as pool:
            writing = [pool.submit(store.put, "a", text) for text in texts]
            seen = {store.get("a") for _ in range(12)}
            for done in writing:
                done.result()
        assert seen <= texts

    def test_twelve_megabytes_come_back(self, store: Store) -> None:
        data = bytes(range(256)) * (12 << 12)
        store.put("large", data)
        assert store.get("large") == data

    def test_what_is_absent(self, store: Store) -> None:
        with pytest.raises(FileNotFoundError):
            store.get("none")
        assert store.info("none") is None
        assert store.list("none") == []
        assert store.list() == []
        store.delete("none")
        store.delete_tree("none")

    def test_deleting(self, store: Store) -> None:
        for key in ("a/1", "a/b/2", "ab"):
            store.put(key, b"x")
        store.delete("a/1")
        assert [info.key for info in store.list()] == ["a/b/2", "ab"]
        store.delete_tree("a")
        assert [info.key for info in store.list()] == ["ab"]

    def test_a_child_is_the_same_place(self, store: Store) -> None:
        store.child("my sweep").child("trials/u1").put("x", b"1")
        assert store.get("my sweep/trials/u1/x") == b"1"
        assert store.folders() == ["my sweep"]
        assert open_store(store.child("my sweep").uri).get("trials/u1/x") == b"1"

    def test_it_travels_as_its_uri(self, store: Store) -> None:
        store.put("x", b"1")
        text = pickle.dumps(store.child("a"))
        assert b"testing" not in text
        twin = pickle.loads(pickle.dumps(store))
        assert twin == store
        assert twin.get("x") == b"1"

    @pytest.mark.parametrize("key", HOSTILE)
    def test_hostile_names_are_refused(self, store: Store, key: str) -> None:
        for action in (store.get, store.delete, store.child, store.info, lambda name: store.put(name, b"x")):
            with pytest.raises(StoreError, match="cannot be the name"):
                action(key)

    def test_times_are_those_of_the_store(self, store: Store) -> None:
        store.put("x", b"1")
        found = store.info("x")
        assert found is not None
        assert found.modified.tzinfo is UTC
        assert abs((datetime.now(UTC) - found.modified).total_seconds()) < 60


def test_an_object_that_is_replaced_while_it_is_read_is_read_again(s3_server: S3Server) -> None:
    """Between the request for the size and that for the bytes: by a longer one, a shorter one, and a longer one again."""
    store = open_store(s3_server.new_bucket())
    store.put("a", b"at first")
    texts = [b"longer than it was", b"short", b"the end, which is long"]

    class Replacing:
        """pyarrow's file system, with somebody who is quick."""

        def __init__(self, inner: Any) -> None:
            self._inner = inner

        def open_input_file(self, path: str) -> Any:
            return Replacing(self._inner.open_input_file(path))

        def read_at(self, size: int, offset: int) -> bytes:
            if texts:
                store.put("a", texts.pop(0))
            data: bytes = self._inner.read_at(size, offset)
            return data

        def __getattr__(self, name: str) -> Any:
            return getattr(self._inner, name)

        def __enter__(self) -> Replacing:
            return self

        def __exit__(self, *details: object) -> None:
            self._inner.close()

    bucket = store.uri.removeprefix("s3://")
    endpoint = s3_server.url.removeprefix("http://")
    backend = BucketBackend(Replacing(s3_filesystem("us-east-1", endpoint, "http")), bucket, store.uri)
    assert backend.get("a") == b"the end, which is long"
    assert not texts


def test_a_hostile_object_in_a_bucket_is_refused_when_listed(s3_server: S3Server) -> None:
    import boto3

    bucket = s3_server.new_bucket()
    client = boto3.client("s3", endpoint_url=s3_server.url)
    for key in ("run/../../evil", "odd//name"):
        client.put_object(Bucket=bucket.removeprefix("s3://"), Key=key, Body=b"x")
        with pytest.raises(StoreError, match="cannot be the name"):
            open_store(bucket).list()
        client.delete_object(Bucket=bucket.removeprefix("s3://"), Key=key)


def test_a_bucket_that_is_not_there(s3_server: S3Server) -> None:
    store = open_store("s3://no-such-bucket/runs")
    with pytest.raises(StoreError, match="the bucket does not exist"):
        store.list()
    with pytest.raises(StoreError, match="the bucket does not exist"):
        store.put("x", b"")


def test_links_are_neither_listed_nor_followed_out(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (outside / "secret").write_text("secret")
    (root / "link").symlink_to(outside)
    (root / "file").symlink_to(outside / "secret")
    store = open_store(root.as_uri())
    assert store.list() == []
    assert store.folders() == []
    for action in (store.get, store.info, lambda key: store.put(key, b"x")):
        with pytest.raises(StoreError, match="leads out"):
            action("link/secret")
    with pytest.raises(StoreError):
        store.get("file")
    assert (outside / "secret").read_text() == "secret"


def test_what_a_killed_writer_left_is_no_object(tmp_path: Path) -> None:
    store = open_store(tmp_path.as_uri())
    store.put("x", b"1")
    (tmp_path / ".x.abc.tmp").write_bytes(b"hal")
    assert [info.key for info in store.list()] == ["x"]
