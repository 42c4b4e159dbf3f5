"""Stores of every kind, empty; one S3-compatible server for all of these tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from results.store.location import open_store
from results.store.objects import Store
from tests.s3_server import S3Server, serving


@pytest.fixture(scope="package")
def s3_server() -> Iterator[S3Server]:
    with serving() as server:
        yield server


@pytest.fixture
def s3_store(s3_server: S3Server) -> Store:
    return open_store(s3_server.new_bucket() + "/some/prefix")


@pytest.fixture(params=["s3", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty store, once in a bucket and once in a folder."""
    if request.param == "file":
        return open_store((tmp_path / "a store").as_uri())
    found: Store = request.getfixturevalue("s3_store")
    return found
