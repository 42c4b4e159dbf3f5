"""Files between a folder and a store, whole ones only.

Beside the files of each folder lies a small record of what was sent or fetched. A file that is as it was then, on both sides,
is left alone. S3 tells whole seconds and clocks differ; so what had only just been written when it was fetched is fetched again.

The ledger, leases and locks are not the business of this module, and hidden files stay where they are.
"""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from results.errors import ResultsError, StoreError
from results.ledger import utc_now
from results.storage import write_atomic
from results.store.layout import FOLDER as LEDGER
from results.store.lease import FOLDER as LEASE
from results.store.names import checked
from results.store.objects import ObjectInfo, Store
from results.store.records import Known, Records, signature

NEVER = frozenset({LEDGER, LEASE, "ledger.jsonl", "lock"})
"""First parts of names that are never sent or fetched."""
_THREADS = 8
_SETTLED_S = 120.0
_LARGE_BYTES = 32 << 20
_large = threading.Lock()
"""A file is held in memory while it is sent or fetched: of the large ones one at a time."""
_TRIES = 4
_In = TypeVar("_In")
_Out = TypeVar("_Out")


@dataclass(frozen=True, slots=True)
class Transfer:
    """A file that is the same on both sides.

    Attributes:
        name: relative to the folder and to the store, with slashes.
        size: in bytes.
        sha256: of the bytes, as hexadecimal digits.
        moved: it was sent or fetched now; otherwise it was the same before.
    """

    name: str
    size: int
    sha256: str
    moved: bool


def push(folder: Path, store: Store, relative: Iterable[str] | None = None) -> tuple[Transfer, ...]:
    """Send files to the store. What is the same there already is left alone.

    Args:
        folder: the mirror of a sweep.
        store: of the sweep.
        relative: names of files, with slashes; all files when None, but for hidden ones and those of `NEVER`.

    Returns:
        Every file that was asked for, by name.

    Raises:
        ResultsError: a file is missing, is no regular file, or a link leads out of the folder.
        StoreError: not reachable, refused, or the store holds something else than what was sent.
    """
    names = sorted(_files(folder) if relative is None else set(relative))
    for name in names:
        _checked_file(folder, name, store.uri)
    records = Records(folder)
    done = _together(lambda name: _push_one(folder, store, name, records.get(name)), names)
    records.put({transfer.name: known for transfer, known in done})
    return tuple(transfer for transfer, _ in done)


def pull(
    store: Store,
    folder: Path,
    relative: Iterable[str] | None = None,
    *,
    prefix: str = "",
    sha256: Mapping[str, str] | None = None,
    now: Callable[[], datetime] = utc_now,
) -> tuple[Transfer, ...]:
    """Fetch files from the store. What is the same here already is left alone; nothing here is removed.

    Args:
        store: of the sweep.
        folder: the mirror; made if need be.
        relative: names of files; those that the store has not are left out. When None, everything below `prefix`.
        prefix: a folder in the store, such as `trials/u1`; everything when empty, but for hidden files and those of `NEVER`.
        sha256: what files must be, as far as that is known from elsewhere.
        now: this machine's clock.

    Returns:
        Every file that the store has of what was asked for, by name.

    Raises:
        StoreError: not reachable, refused, a name could lead out of the folder, a file is not what it must be, or an object has
            the name of another one's folder.
        ResultsError: a link leads out of the folder, or the disk refuses.
    """
    if relative is None:
        found = [info for info in store.list(prefix) if _ours(info.key)]
    else:
        names = [checked(name, store.uri) for name in sorted(set(relative))]
        found = [info for info in _together(store.info, names) if info is not None]
    for info in found:
        _inside(folder, checked(info.key, store.uri))
    records, known_sums = Records(folder), sha256 or {}

    def one(info: ObjectInfo) -> tuple[Transfer, Known] | None:
        return _pull_one(store, folder, info, records.get(info.key), known_sums.get(info.key), now)

    done = [outcome for outcome in _together(one, found) if outcome is not None]
    records.put({transfer.name: known for transfer, known in done})
    return tuple(transfer for transfer, _ in done)


def _push_one(folder: Path, store: Store, name: str, known: Known | None) -> tuple[Transfer, Known]:
    path, where = folder / name, f"{store.uri}/{name}"
    there = store.info(name)
    if (
        known
        and there
        and known.local == signature(path)
        and (known.size, known.remote) == (there.size, _moment(there))
    ):
        return Transfer(name, known.size, known.sha256, False), known
    with _room(path.stat().st_size):
        data, before = _read(path)
        store.put(name, data)
    written = store.info(name)
    if written is None or written.size != len(data):
        got = "nothing" if written is None else f"{written.size} bytes"
        what, step = "the store does not hold what was sent", "send it again; two processes may write the same file"
        raise StoreError(what, where=where, got=got, allowed=f"{len(data)} bytes", next_step=step)
    digest = hashlib.sha256(data).hexdigest()
    return Transfer(name, len(data), digest, True), Known(len(data), digest, before, _moment(written), False)


def _pull_one(
    store: Store,
    folder: Path,
    info: ObjectInfo,
    known: Known | None,
    sha256: str | None,
    now: Callable[[], datetime],
) -> tuple[Transfer, Known] | None:
    path, where = folder / info.key, f"{store.uri}/{info.key}"
    here = signature(path)
    unchanged = (
        known and known.settled and known.local == here and (known.size, known.remote) == (info.size, _moment(info))
    )
    if known and unchanged and sha256 in (None, known.sha256):
        return Transfer(info.key, known.size, known.sha256, False), known
    begun = now()
    with _room(info.size):
        found = _whole(store, info)
        if found is None:
            return None
        data, info = found
        digest = hashlib.sha256(data).hexdigest()
        if sha256 not in (None, digest):
            what, step = "the file is not the one that was recorded", "restore the object from a copy"
            raise StoreError(what, where=where, got=f"sha256 {digest}", allowed=f"sha256 {sha256}", next_step=step)
        same = known is not None and known.local == here and known.sha256 == digest
        local = here if same and here is not None else _write(path, data)
    settled = (begun - info.modified).total_seconds() > _SETTLED_S
    return Transfer(info.key, len(data), digest, not same), Known(len(data), digest, local, _moment(info), settled)


def _whole(store: Store, info: ObjectInfo) -> tuple[bytes, ObjectInfo] | None:
    """An object and what it was when it was read: it may be replaced meanwhile. None when it is gone."""
    for _ in range(_TRIES):
        try:
            data = store.get(info.key)
        except FileNotFoundError:
            return None
        if len(data) == info.size:
            return data, info
        newer = store.info(info.key)
        if newer is None:
            return None
        info = newer
    what, step = "the object has another size than the store says", "try again; somebody may keep writing it"
    where = f"{store.uri}/{info.key}"
    raise StoreError(what, where=where, got=f"{len(data)} bytes", allowed=f"{info.size} bytes", next_step=step)


def _files(folder: Path) -> Iterator[str]:
    """Names of the files that are ours to send. Folders that are links are not entered."""
    for parent, folders, names in os.walk(folder):
        below = Path(parent).relative_to(folder)
        folders[:] = [name for name in folders if _ours((below / name).as_posix())]
        yield from (key for key in ((below / name).as_posix() for name in names) if _ours(key))


def _ours(name: str) -> bool:
    parts = name.split("/")
    return parts[0] not in NEVER and not any(part.startswith(".") for part in parts)


def _checked_file(folder: Path, name: str, where: str) -> None:
    path = _inside(folder, checked(name, where))
    target = Path(os.path.realpath(path))
    if not target.is_relative_to(os.path.realpath(folder)):
        raise _leads_out(path)
    try:
        regular = stat.S_ISREG(target.stat().st_mode)
    except OSError as error:
        raise ResultsError("the file cannot be read", where=str(path), got=error.strerror) from error
    if not regular:
        raise ResultsError("this is no regular file", where=str(path), next_step="remove it")


def _inside(folder: Path, name: str) -> Path:
    """The file's path, its folder made sure to lie in ours, wherever links lead."""
    path = folder / name
    if not Path(os.path.realpath(path.parent)).is_relative_to(os.path.realpath(folder)):
        raise _leads_out(path)
    return path


def _leads_out(path: Path) -> ResultsError:
    step = "put what it points to in its place"
    return ResultsError("a link leads out of the sweep's folder", where=str(path), next_step=step)


def _read(path: Path) -> tuple[bytes, tuple[int, int, int]]:
    """The bytes of a file, and its signature before they were read."""
    try:
        with path.open("rb") as stream:
            status = os.fstat(stream.fileno())
            return stream.read(), (status.st_ino, status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise ResultsError("the file cannot be read", where=str(path), got=error.strerror) from error


def _write(path: Path, data: bytes) -> tuple[int, int, int]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, data)
        status = os.lstat(path)
    except OSError as error:
        what, step = "the file cannot be written", "make room on the disk; a file and a folder must not have one name"
        raise ResultsError(what, where=str(path), got=error.strerror, next_step=step) from error
    return status.st_ino, status.st_size, status.st_mtime_ns


def _moment(info: ObjectInfo) -> str:
    return info.modified.isoformat()


@contextmanager
def _room(size_bytes: int) -> Iterator[None]:
    """Memory for one file."""
    if size_bytes <= _LARGE_BYTES:
        yield
        return
    with _large:
        yield


def _together(work: Callable[[_In], _Out], items: Sequence[_In]) -> list[_Out]:
    """`work` on every item, several at a time; the first error is raised when all have ended."""
    if len(items) < 2:
        return [work(item) for item in items]
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(work, items))
