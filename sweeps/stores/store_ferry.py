"""The ferry of a sweep in a store: what a process of any machine needs comes into its mirror, what it made goes back.

Where mirrors lie: `<cache>/mirrors/<16 hex of the URI's SHA-256>/read/<name>` for whoever looks at a sweep and `…/drive/<name>`
for its driver, in folders of the user alone. A mirror holds nothing that the store has not, but `private/cases.json`, Ray
Tune's disposable files and the lock of this machine; so it may be deleted whenever no process works on it. It is never believed:
files are fetched again unless they are the same. So two processes, or two machines with one home, may share one.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

from results.errors import ResultsError
from results.lock import Holder, SweepLock
from results.storage import write_atomic
from results.store.lease import Lease, holder, is_leased
from results.store.location import open_store
from results.store.mirror import pull, push
from results.store.objects import Store
from results.store.segments import StoredLedger, fetch_ledger, holds_ledger, publish_ledger
from results.sweep_folder import LEDGER
from sweeps import trial_files
from sweeps.errors import UsageError
from sweeps.stores.ferry import LOCK, STOP, Ferry, OpenLedger, below, put_in_place
from sweeps.stores.heartbeats import LAG_S, LOOK_S, PREFIX, heartbeat_key, newest_attempts
from sweeps.stores.private_folder import private_folder

DOCUMENTS = ("sweep.yaml", "resolved.json", "env.json")
READ, DRIVE = "read", "drive"
_TICK_S = 0.2
_FEW = 3
PATIENCE_S = 5.0
"""How long a driver that ends waits for an answer of the store about signs of life."""


class StoreFerry(Ferry):
    """See `sweeps.stores.ferry.Ferry`.

    Args:
        uri: of the sweep.
    """

    pause_s = 1.0
    lag_s = LAG_S

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._opened: Store | None = None
        self._lease: Lease | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return StoreFerry, (self.uri,)

    @property
    def store(self) -> Store:
        """The sweep's part of the store."""
        if self._opened is None:
            self._opened = open_store(self.uri)
        return self._opened

    @contextmanager
    def lock(self, path: Path) -> Iterator[None]:
        """The lock of this machine, which answers at once, then the lease in the store, for all machines."""
        path.mkdir(parents=True, exist_ok=True)
        with SweepLock(path / LOCK), Lease(self.store) as self._lease:
            try:
                yield
            finally:
                self._lease = None

    def driven(self, path: Path) -> bool:
        """See `Ferry.driven`."""
        return is_leased(self.store)

    def driver(self, path: Path) -> Holder | None:
        """See `Ferry.driver`."""
        return holder(self.store)

    def open_ledger(self, path: Path) -> AbstractContextManager[OpenLedger]:
        """See `Ferry.open_ledger`."""
        return StoredLedger.open(self.store, path / LEDGER, lease=self._lease)

    def launch(self, aside: Path, path: Path) -> None:
        """See `Ferry.launch`. The ledger's first object goes last: until it is there, nobody sees a sweep."""
        with Lease(self.store):
            if self.exists():
                what, step = "a sweep of this name was made in the meantime", "choose another --name"
                raise UsageError(what, where=self.uri, next_step=step)
            push(aside, self.store, [name for name in DOCUMENTS if (aside / name).exists()])
            publish_ledger(self.store, aside / LEDGER)
        put_in_place(aside, path)

    def exists(self) -> bool:
        """Whether the store holds this sweep."""
        return holds_ledger(self.store)

    def to_drive(self, path: Path) -> Path:
        """The driver's mirror."""
        home = path.parent.parent / DRIVE
        folder = private_folder(home) / path.name
        folder.mkdir(exist_ok=True)
        return folder

    def refresh(self, path: Path) -> None:
        """See `Ferry.refresh`."""
        path.mkdir(parents=True, exist_ok=True)
        fetch_ledger(self.store, path / LEDGER)

    def fetch(self, path: Path, *names: str) -> None:
        """See `Ferry.fetch`."""
        files, folders = below(names)
        found = pull(self.store, path, files) if files else ()
        gone = set(files).difference(item.name for item in found)
        for folder in folders:
            here = {item.relative_to(path).as_posix() for item in (path / folder).rglob("*") if _is_plain(item)}
            gone |= here.difference(item.name for item in pull(self.store, path, prefix=folder.rstrip("/")))
        for name in gone:
            (path / name).unlink(missing_ok=True)

    def send(self, path: Path, *names: str) -> None:
        """See `Ferry.send`."""
        files, folders = below(names)
        inside = [item for folder in folders for item in (path / folder).rglob("*") if _is_plain(item)]
        there = [path / name for name in files if (path / name).is_file()]
        push(path, self.store, [item.relative_to(path).as_posix() for item in (*there, *inside)])

    def forget(self, path: Path, *names: str) -> None:
        """See `Ferry.forget`."""
        for name in names:
            if not PurePosixPath(name).suffix:  # no file of a sweep is without one
                self.store.delete_tree(name)
            elif not PurePosixPath(name).name.startswith("."):  # such are never sent
                self.store.delete(name)

    def kept(self, path: Path, names: Sequence[Sequence[str]]) -> list[bool]:
        """See `Ferry.kept`."""
        if not names:
            return []
        several = len(names) > _FEW
        parents = ["trials"] if several else list(dict.fromkeys(_parent(name) for group in names for name in group))
        keys = {item.key for parent in parents for item in self.store.list(parent)}
        known = keys | {parent.as_posix() for key in keys for parent in PurePosixPath(key).parents}
        return [any(name in known for name in group) for group in names]

    def ask_to_stop(self, path: Path) -> None:
        """See `Ferry.ask_to_stop`."""
        self.store.put(STOP, b"")

    def stop_asked(self, path: Path) -> bool:
        """See `Ferry.stop_asked`."""
        return self.store.info(STOP) is not None

    def withdraw_stop(self, path: Path) -> None:
        """See `Ferry.withdraw_stop`. A store that does not answer keeps nobody from leaving: the next driver tries again."""
        super().withdraw_stop(path)
        with suppress(ResultsError):
            self.store.delete(STOP)

    @contextmanager
    def lookout(self, path: Path) -> Iterator[Callable[[], bool]]:
        """See `Ferry.lookout`."""
        with Lookout(self.store, path) as lookout:
            try:
                yield lambda: lookout.sees
            finally:
                self.silent = not lookout.sees

    def look_at(self, path: Path, uids: Sequence[str]) -> None:
        """For whoever watches: the ledger, signs of life, and how far running trials are."""
        self.refresh(path)
        if uids:
            Lookout(self.store, path).look_once()
            for uid in uids:
                self.fetch(path, f"trials/{uid}/{trial_files.LATEST}")


class Lookout:
    """A thread that keeps the mirror's heartbeats and stop file up to date; see `sweeps.stores.heartbeats`.

    Args:
        store: of the sweep.
        path: the mirror.
    """

    def __init__(self, store: Store, path: Path) -> None:
        self._store, self._path = store, path
        self._told_stop = False
        self._workers: dict[str, int] = {}
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="liversweep-lookout", daemon=True)
        self.sees = True
        """Whether the last look succeeded: what cannot be seen is held against nobody."""

    def __enter__(self) -> Lookout:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._thread.join(PATIENCE_S)
        if self.sees:
            with suppress(ResultsError):
                self._store.delete_tree(PREFIX)

    def look_once(self) -> None:
        """Signs of life; raises `ResultsError`, `OSError`."""
        items = {item.key.removeprefix(f"{PREFIX}/"): item for item in self._store.list(PREFIX)}
        for uid, attempt in newest_attempts(items).items():
            folder = self._path / "trials" / uid
            folder.mkdir(parents=True, exist_ok=True)
            if self._workers.get(uid) != attempt:
                write_atomic(folder / trial_files.WORKER, self._store.get(heartbeat_key(uid, attempt)))
                self._workers[uid] = attempt
            modified = items[f"{uid}.{attempt}"].modified.timestamp()
            (folder / trial_files.HEARTBEAT).touch()
            os.utime(folder / trial_files.HEARTBEAT, (modified, modified))

    def _run(self) -> None:
        looked = -LOOK_S
        while not self._closed.wait(_TICK_S):
            try:
                if not self._told_stop and (self._path / STOP).exists():
                    self._store.put(STOP, b"")
                    self._told_stop = True
                if time.monotonic() - looked >= LOOK_S:
                    looked = time.monotonic()
                    self._look_for_stop()
                    self.look_once()
                self.sees = True
            except (ResultsError, OSError):
                self.sees = False

    def _look_for_stop(self) -> None:
        if not self._told_stop and self._store.info(STOP) is not None:
            self._told_stop = True
            (self._path / STOP).touch()


def _is_plain(path: Path) -> bool:
    """A file that is no mirror's own and is not being written."""
    return path.is_file() and not path.name.startswith(".")


def _parent(name: str) -> str:
    return name.rpartition("/")[0]
