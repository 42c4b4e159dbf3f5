"""What a place that keeps objects must be able to do, and what it tells about an object."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

Names = list[str]


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """An object of a store.

    Attributes:
        key: its name below the store that was asked.
        size: in bytes.
        modified: when it was last written, by the clock of the store. S3 tells whole seconds.
    """

    key: str
    size: int
    modified: datetime


class Backend(Protocol):
    """A bucket or a root folder. Paths are relative to it and already checked; the empty path is the whole.

    Every method raises `StoreError` where the place cannot be reached or refuses. What is absent is `FileNotFoundError` for
    `get`, None for `info`, and nothing at all for the others.
    """

    def put(self, path: str, data: bytes) -> None:
        """Write an object. Readers see what was there before or all of `data`, never a part."""

    def get(self, path: str) -> bytes:
        """The whole of an object."""

    def info(self, path: str) -> ObjectInfo | None:
        """Size and time of one object."""

    def list(self, path: str, recursive: bool) -> list[ObjectInfo]:
        """Objects below a folder, keys relative to the folder; those directly in it unless `recursive`."""

    def folders(self, path: str) -> Names:
        """Names of the folders directly below."""

    def delete(self, path: str) -> None:
        """Remove an object."""

    def delete_tree(self, path: str) -> None:
        """Remove every object below a folder."""
