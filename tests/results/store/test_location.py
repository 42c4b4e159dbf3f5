"""From URIs to stores. For Google's there is no server here: only that the URI is read and a client made."""

from __future__ import annotations

import pytest

from results.errors import StoreError
from results.store.location import is_uri, open_store


@pytest.mark.parametrize("text", ["s3://b/p", "gs://b/p", "file:///p", "S3://b", "az://b", "s3:/b", "file:x", "GS:b"])
def test_uris(text: str) -> None:
    assert is_uri(text)


@pytest.mark.parametrize("text", ["runs", "/tmp/runs", "./s3", "C:\\runs", "s3", "~/x", ""])
def test_paths(text: str) -> None:
    assert not is_uri(text)


@pytest.mark.parametrize(
    ("uri", "what"),
    [
        ("az://bucket/x", "not the URI of a store"),
        ("runs", "not the URI of a store"),
        ("s3:/bucket", "not the URI of a store"),
        ("s3://", "name of a bucket"),
        ("s3:///x", "name of a bucket"),
        ("s3://UPPER/x", "name of a bucket"),
        ("s3://bucket/../x", "prefix of a store"),
        ("s3://bucket/a//b", "prefix of a store"),
        ("s3://bucket/x?region=eu", "no options"),
        ("gs://bucket/x#y", "no options"),
        ("file://host/x", "URI of a folder"),
        ("file://relative", "URI of a folder"),
        ("file:///a/../b", "URI of a folder"),
    ],
)
def test_what_is_no_store_is_refused(uri: str, what: str) -> None:
    with pytest.raises(StoreError, match=what) as caught:
        open_store(uri)
    assert "allowed" in str(caught.value)


def test_credentials_in_a_uri_are_refused_and_not_shown() -> None:
    with pytest.raises(StoreError, match="must not hold credentials") as caught:
        open_store("s3://AKIAKEY:canary-secret@bucket/x")
    assert "canary" not in str(caught.value)
    assert "AKIAKEY" not in str(caught.value)


def test_credentials_in_an_endpoint_are_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://me:canary@127.0.0.1:1")
    with pytest.raises(StoreError, match="AWS_ENDPOINT_URL") as caught:
        open_store("s3://bucket/x")
    assert "canary" not in str(caught.value)


def test_google_uris_make_a_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nonexistent")
    store = open_store("gs://bucket/my runs/")
    assert store.uri == "gs://bucket/my runs"
    assert store.child("a").uri == "gs://bucket/my runs/a"


def test_a_folder_with_special_characters() -> None:
    store = open_store("file:///some%20where/r%C3%A9sultats")
    assert open_store(store.uri) == store
