"""A store in memory whose faults are at our command: a process that dies, answers that are lost, requests that come late."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from results.errors import StoreError
from results.store.backend import ObjectInfo
from results.store.objects import Store

START = datetime(2026, 3, 1, tzinfo=UTC)


class Crash(BaseException):
    """The process ends here."""


@dataclass
class Bucket:
    """What is stored; several `Client`s may use it."""

    objects: dict[str, tuple[bytes, datetime]] = field(default_factory=dict)
    seconds: float = 0.0
    late: list[tuple[str, bytes]] = field(default_factory=list)
    mutex: threading.Lock = field(default_factory=threading.Lock)

    def write(self, path: str, data: bytes) -> None:
        self.objects[path] = (data, START + timedelta(seconds=int(self.seconds)))

    def deliver(self) -> None:
        """What was on its way arrives."""
        for path, data in self.late:
            self.write(path, data)
        self.late.clear()


@dataclass
class Client:
    """A process's view of a bucket.

    Attributes:
        steps: how many more requests are done; with the next one the process is dead. None: no end.
        losing: what becomes of PUTs whose name contains it: the answer is lost.
        lost: what such a PUT does: it is `stored`, `refused`, or stored `late`.
    """

    bucket: Bucket
    steps: int | None = None
    losing: str = ""
    lost: str = "stored"
    requests: int = 0

    def _step(self) -> None:
        self.requests += 1
        if self.steps is not None:
            if self.steps <= 0:
                raise Crash
            self.steps -= 1

    def put(self, path: str, data: bytes) -> None:
        with self.bucket.mutex:
            self._step()
            if not self.losing or self.losing not in path:
                self.bucket.write(path, data)
                return
            if self.lost == "stored":
                self.bucket.write(path, data)
            elif self.lost == "late":
                self.bucket.late.append((path, data))
            raise StoreError("no answer came", where=path)

    def get(self, path: str) -> bytes:
        with self.bucket.mutex:
            self._step()
            if path not in self.bucket.objects:
                raise FileNotFoundError(path)
            return self.bucket.objects[path][0]

    def info(self, path: str) -> ObjectInfo | None:
        with self.bucket.mutex:
            self._step()
            found = self.bucket.objects.get(path)
            return found and ObjectInfo(path, len(found[0]), found[1])

    def list(self, path: str, recursive: bool) -> list[ObjectInfo]:
        with self.bucket.mutex:
            self._step()
            head = f"{path}/" if path else ""
            keys = [key for key in self.bucket.objects if key.startswith(head)]
            found = {key.removeprefix(head): self.bucket.objects[key] for key in keys}
            return [ObjectInfo(k, len(d), t) for k, (d, t) in found.items() if recursive or "/" not in k]

    def folders(self, path: str) -> list[str]:
        return sorted({one.key.split("/")[0] for one in self.list(path, True) if "/" in one.key})

    def delete(self, path: str) -> None:
        with self.bucket.mutex:
            self._step()
            self.bucket.objects.pop(path, None)

    def delete_tree(self, path: str) -> None:
        for one in self.list(path, True):
            self.delete(f"{path}/{one.key}")

    def store(self) -> Store:
        return Store("memory://bucket", "", self, lambda uri: self.store())
