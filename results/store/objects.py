"""A store: whole objects below a prefix, in a bucket or in a folder.

Nothing is ever appended to and nothing is changed in place: an object is written whole or not at all. On S3 and GCS this is
what a PUT is. A large object is sent in parts and appears when the last request, which names the parts, was accepted; until
then there is nothing, also when the writer dies. On `file://` it is a temporary file, fsync, rename, fsync of the folder.
Both kinds show an object to everyone's listing as soon as the writer has its answer (S3 since December 2020, GCS always).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from results.store.backend import Backend, Names, ObjectInfo
from results.store.names import checked

__all__ = ["ObjectInfo", "Store"]


@dataclass(frozen=True, slots=True)
class Store:
    """A prefix in a bucket or a folder. Made by `results.store.location.open_store`; its parts by `child`.

    Two stores are equal when their URIs are. A store travels to other processes as its URI alone: credentials stay behind,
    and the other process uses its own.

    Attributes:
        uri: how a person names it, without credentials.
    """

    uri: str
    _prefix: str = field(compare=False, repr=False)
    _backend: Backend = field(compare=False, repr=False)
    _reopen: Callable[[str], Store] = field(compare=False, repr=False)

    def child(self, name: str) -> Store:
        """The store below `name` (one name, or several joined by slashes). Nothing is made."""
        checked(name, self.uri)
        shown = quote(name) if self.uri.startswith("file:") else name
        return Store(f"{self.uri.rstrip('/')}/{shown}", self._path(name), self._backend, self._reopen)

    def put(self, key: str, data: bytes) -> None:
        """Write an object whole. Readers see the old or the new, never a part. Repeating it changes nothing.

        Raises:
            StoreError: not reachable, refused, no room, or no name for an object. After an answer that never came the object
                may be there or not; it may even come later.
        """
        self._backend.put(self._path(checked(key, self.uri)), data)

    def get(self, key: str) -> bytes:
        """The bytes of an object.

        Raises:
            FileNotFoundError: there is none.
            StoreError: not reachable or refused.
        """
        return self._backend.get(self._path(checked(key, self.uri)))

    def info(self, key: str) -> ObjectInfo | None:
        """Size and time of one object; None when there is none. Raises `StoreError` as `get`."""
        found = self._backend.info(self._path(checked(key, self.uri)))
        return found and ObjectInfo(key, found.size, found.modified)

    def list(self, prefix: str = "", recursive: bool = True) -> list[ObjectInfo]:
        """Objects below the folder `prefix` (all when empty), by name; keys begin with `prefix`. A missing folder is empty.

        Raises:
            StoreError: not reachable, refused, or an object has a name that could lead out of a folder.
        """
        path = self._path(checked(prefix, self.uri)) if prefix else self._prefix
        head = f"{prefix}/" if prefix else ""
        found = [ObjectInfo(head + one.key, one.size, one.modified) for one in self._backend.list(path, recursive)]
        for one in found:
            checked(one.key, self.uri)
        return sorted(found, key=lambda one: one.key)

    def folders(self) -> Names:
        """Names directly below that have something below them, sorted. One whose last object was just deleted may stay."""
        return sorted(self._backend.folders(self._prefix))

    def delete(self, key: str) -> None:
        """Remove an object; an absent one is no error."""
        self._backend.delete(self._path(checked(key, self.uri)))

    def delete_tree(self, prefix: str) -> None:
        """Remove everything below the folder `prefix`; an absent one is no error."""
        self._backend.delete_tree(self._path(checked(prefix, self.uri)))

    def _path(self, key: str) -> str:
        return f"{self._prefix}/{key}" if self._prefix else key

    def __reduce__(self) -> tuple[Any, ...]:
        return self._reopen, (self.uri,)
