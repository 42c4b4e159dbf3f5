"""Where a worker writes its trial's files, and how they come to where the driver finds them.

Of a sweep in a plain folder the worker writes into that folder, and there is nothing more to do: `Desk`. Of a sweep in a store
it writes into a scratch folder of its own on its own machine (`StoreDesk`), and `deliver` carries what has changed to the store
*before* the trial reports it. So whatever the driver is told of is in the store, and a machine that is lost takes nothing with
it that was told. Files go in an order in which each names only what is there already; `final.json` is the last of all.

The scratch folder lies below `$TMPDIR/liversweep-<user>/scratch`. It goes when the trial has delivered its end. What a killed
worker leaves there is carried home by a task of the driver (`carry_home`), or removed by a later worker of that machine.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from results.errors import ResultsError
from results.store.location import open_store
from results.store.mirror import pull, push
from results.store.objects import Store
from sweeps import trial_files
from sweeps.executor.scratch import OWNER, PATIENCE_S, locked, remove_left_behind, scratch_root, when_free
from sweeps.executor.setting import TrialSetting
from sweeps.stores.heartbeats import BEAT_S, LOOK_S, heartbeat_key
from sweeps.stores.private_folder import private_folder

LAST_WORD_S = 3.0
"""What a worker that must end at once gives the store."""
LOG_S = 30.0
"""Between two deliveries of a log that goes on."""
_TICK_S = 0.25
_BEAT_S = 0.5
# Later ones name what is in earlier ones. Everything else comes before the first.
_ORDER = (
    re.compile(rf"(?!{trial_files.STATES}/).*state\.json"),  # weights of the best epoch
    re.compile(re.escape(trial_files.LATEST)),
    re.compile(rf"{trial_files.STATES}/.*state\.json"),
    re.compile(rf"{re.escape(trial_files.FAILED)}|{re.escape(trial_files.UNSTARTED)}"),
    re.compile(re.escape(trial_files.FINAL)),
)
_KEPT = (trial_files.PARAMS, trial_files.LOG, trial_files.WORKER)
_HERE_ONLY = (trial_files.HEARTBEAT, OWNER)


class Desk:
    """The sweep's own folder, which driver and worker both see.

    Attributes:
        sweep: what is the sweep's folder for this worker.
    """

    def __init__(self, sweep: Path) -> None:
        self.sweep = sweep

    def begin(self, state: str | None) -> None:
        """Have the sweep's folder there, with the state to go on from; the trial's folder is there too.

        Args:
            state: below the sweep's folder; None to begin from nothing.
        """

    def facts(self) -> dict[str, Any]:
        """What `worker.json` says of the place."""
        return {}

    def deliver(self, beat: Callable[[], None] = lambda: None, *, whole: bool = True) -> None:
        """Have everything that was written where the driver finds it.

        Args:
            beat: called while it goes on.
            whole: also the log, which else follows now and then.
        """

    def last_word(self) -> None:
        """Deliver why the trial ends, in `LAST_WORD_S` at most: called while its process is being ended."""

    def clear(self) -> None:
        """Nothing more will be written. May be called twice."""


def desk_for(setting: TrialSetting, uid: str, attempt: int) -> Desk:
    """The desk of a trial's attempt. Nothing is touched before `begin`."""
    return StoreDesk(setting.store, uid, attempt) if setting.store else Desk(Path(setting.sweep_folder))


def say_unstarted(setting: TrialSetting, uid: str, record: Mapping[str, Any]) -> None:
    """Write `unstarted.json` where the driver finds it."""
    if not setting.store:
        trial_files.write_record(setting.trial_folder(uid), trial_files.UNSTARTED, record)
        return
    store = open_store(setting.store).child("trials").child(uid)
    store.put(trial_files.UNSTARTED, trial_files.record_bytes(record))


class StoreDesk(Desk):
    """A scratch folder on this machine for one attempt of a trial of a sweep in a store.

    Args:
        uri: of the sweep.
        uid: the trial.
        attempt: which attempt.
        sweep: a scratch folder that another process has left, to carry home what is in it.
    """

    def __init__(self, uri: str, uid: str, attempt: int, sweep: Path | None = None) -> None:
        super().__init__(sweep or scratch_root() / f"{uid}-{secrets.token_hex(6)}")
        self._uid, self._attempt = uid, attempt
        self.folder = self.sweep / "trials" / uid
        self._uri = uri
        self._opened: Store | None = None
        self._delivered: dict[str, tuple[int, ...] | None] = {}
        self._told_log = -LOG_S
        self._owner = -1
        self._closed = threading.Event()
        self._courier: threading.Thread | None = None

    @property
    def _store(self) -> Store:
        if self._opened is None:
            self._opened = open_store(self._uri)
        return self._opened

    @property
    def _trial(self) -> Store:
        return self._store.child("trials").child(self._uid)

    def begin(self, state: str | None) -> None:
        """See `Desk.begin`. What earlier attempts said of their end is removed from the store."""
        self._make()
        own = state is not None and Path(state).parts[:2] == ("trials", self._uid)
        for item in self._trial.list():
            if item.key in _KEPT or (own and item.key.startswith(f"{trial_files.STATES}/")):
                self._delivered[item.key] = None
            elif not own or item.key in (trial_files.FINAL, trial_files.FAILED, trial_files.UNSTARTED):
                self._trial.delete(item.key)
        wanted = [key for key in self._delivered if key == trial_files.LOG or key.startswith(f"{trial_files.STATES}/")]
        pull(self._trial, self.folder, wanted)
        if state is not None and not own:
            other = self._store.child(state)
            pull(other, self.sweep / state, [item.key for item in other.list()])
        self._delivered |= {name: seen for name, seen in self._found().items() if name in wanted}
        self._delivered = {name: seen for name, seen in self._delivered.items() if name not in _KEPT or seen}
        self._courier = threading.Thread(target=self._run, name="liversweep-courier", daemon=True)
        self._courier.start()

    def facts(self) -> dict[str, Any]:
        """Where what this worker may leave behind lies."""
        return {"scratch": str(self.sweep)}

    def deliver(self, beat: Callable[[], None] = lambda: None, *, whole: bool = True) -> None:
        """See `Desk.deliver`.

        Raises:
            ResultsError: the store did not take it.
        """
        found = self._found()
        changed = [name for name, seen in found.items() if self._delivered.get(name) != seen]
        if not whole and time.monotonic() - self._told_log < LOG_S:
            changed = [name for name in changed if name != trial_files.LOG]
        for rank in sorted({_rank(name) for name in changed}):
            group = [name for name in changed if _rank(name) == rank]
            self._push(group, beat)
            self._delivered |= {name: found[name] for name in group}
        if trial_files.LOG in changed:
            self._told_log = time.monotonic()
        for name in [name for name in self._delivered if name not in found]:
            self._trial.delete(name)
            self._delivered.pop(name)

    def _push(self, names: Sequence[str], beat: Callable[[], None]) -> None:
        """Send files. However long it takes it is no stall: the store gives up by itself when nothing moves."""
        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(push, self.folder, self._trial, names)
            while not wait([sending], timeout=_BEAT_S).done:
                beat()
            sending.result()

    def last_word(self) -> None:
        """See `Desk.last_word`. Takes no lock, since whoever holds one may hang."""
        words = threading.Thread(target=self._say, daemon=True)
        words.start()
        words.join(LAST_WORD_S)

    def clear(self) -> None:
        """Remove the scratch folder."""
        self._closed.set()
        if self._courier is not None:
            self._courier.join(PATIENCE_S)
            with suppress(OSError, ResultsError):
                self._store.delete(heartbeat_key(self._uid, self._attempt))
            self._courier = None
        if self._owner >= 0:
            shutil.rmtree(self.sweep, ignore_errors=True)
            os.close(self._owner)
            self._owner = -1

    def _make(self) -> None:
        """The folder, with its owner's lock before it has its name."""
        root = scratch_root()
        private_folder(root.parent)  # who could rename things in it could read ours
        private_folder(root)
        remove_left_behind(root)
        unnamed = root / f".{self.sweep.name}"
        unnamed.mkdir(mode=0o700)
        self._owner = locked(unnamed, os.O_CREAT)
        unnamed.rename(self.sweep)
        self.folder.mkdir(parents=True)

    def _found(self) -> dict[str, tuple[int, ...]]:
        """Every file of the trial as it is now; without those that are being written."""
        found: dict[str, tuple[int, ...]] = {}
        for path in self.folder.rglob("*"):
            name = path.relative_to(self.folder).as_posix()
            if path.name.startswith(".") or name in _HERE_ONLY:
                continue
            with suppress(FileNotFoundError):
                status = path.lstat()
                if path.is_file() and not path.is_symlink():
                    found[name] = (status.st_ino, status.st_size, status.st_mtime_ns)
        return found

    def _say(self) -> None:
        with suppress(OSError, ResultsError):
            push(self.folder, self._trial, [name for name in (trial_files.LOG,) if (self.folder / name).exists()])
            push(self.folder, self._trial, [trial_files.FAILED])

    def _run(self) -> None:
        """The courier: carries signs of life to the store, and the request to stop from there."""
        looked = beaten = -BEAT_S
        beat = 0
        while not self._closed.wait(_TICK_S):
            now = time.monotonic()
            with suppress(OSError, ResultsError, KeyError):
                if now - beaten >= BEAT_S and (last := self._beat()) != beat:
                    beaten, beat = now, last
                    os.utime(self.sweep / OWNER)
                    worker = (self.folder / trial_files.WORKER).read_bytes()
                    self._store.put(heartbeat_key(self._uid, self._attempt), worker)
                if now - looked >= LOOK_S:
                    looked = now
                    self._store.get(trial_files.STOP)
                    (self.sweep / trial_files.STOP).touch()

    def _beat(self) -> int:
        return (self.folder / trial_files.HEARTBEAT).stat().st_mtime_ns


def carry_home(uri: str, worker: dict[str, Any], uid: str) -> bool:
    """On a worker's machine, after its death: deliver what it had written and not delivered, and remove its scratch folder.

    Returns:
        Whether there was something. Nothing is done while its process lives, or when another attempt has begun since.
    """
    place = Path(str(worker.get("scratch")))
    if place.parent != scratch_root() or place.is_symlink() or not place.is_dir():
        return False
    with when_free(place) as free:
        if not free or trial_files.read_record(place / "trials" / uid, trial_files.WORKER) != worker:
            return False
        StoreDesk(uri, uid, int(worker["attempt"]), place).deliver()
        shutil.rmtree(place, ignore_errors=True)
    return True


@contextmanager
def records_of(trial: Path, uri: str) -> Iterator[Path]:
    """A trial's folder with its records, to read and to write `failed.json`; for a sweep in a store on whatever machine.

    Args:
        trial: the folder, of a sweep in a plain folder; of one in a store its name is that of the trial.
        uri: of the sweep; empty for one in a plain folder.
    """
    if not uri:
        yield trial
        return
    store = open_store(uri).child("trials").child(trial.name)
    with tempfile.TemporaryDirectory(prefix="liversweep-") as place:
        folder = Path(place)
        names = (trial_files.WORKER, trial_files.FINAL, trial_files.FAILED)
        there = {item.key for item in store.list(recursive=False)}
        for name in there.intersection(names):
            (folder / name).write_bytes(store.get(name))
        yield folder
        if trial_files.FAILED not in there and (folder / trial_files.FAILED).exists():
            store.put(trial_files.FAILED, (folder / trial_files.FAILED).read_bytes())


def _rank(name: str) -> int:
    return next((rank for rank, pattern in enumerate(_ORDER, start=1) if pattern.fullmatch(name)), 0)
