"""The folder of one sweep: where everything of it lies, and the only place that makes its paths."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from results.lock import Holder
from results.overlays import Prediction, ScanSlices
from results.pictures import Pictures
from results.store.location import is_uri
from results.sweep_folder import CASE, LEDGER, SweepListing, list_sweeps, sweep_folders
from results.sweep_folder import SweepFolder as ResultFolder
from sweeps import trial_files
from sweeps.errors import UsageError
from sweeps.stores.ferry import AT_HOME, Ferry, OpenLedger

if TYPE_CHECKING:
    from sweeps.stores.stored_runs import StoredRuns

    Runs: TypeAlias = Path | StoredRuns

NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
DEFAULT_ROOT = Path("runs")


@dataclass(frozen=True, slots=True)
class SweepFolder(ResultFolder):
    """Paths below `runs/<name>/`: those that reports read, and those that only the driver uses.

    Attributes:
        ferry: what brings files here from where the sweep is kept, and back; see `sweeps.stores.ferry`.
    """

    ferry: Ferry = field(default=AT_HOME, compare=False, repr=False)

    @property
    def name(self) -> str:
        """The sweep's name."""
        return self.path.name

    @property
    def stop(self) -> Path:
        """While this file exists, trials save their state and end, and no further one is started."""
        return self.path / "stop"

    @property
    def tune(self) -> Path:
        """Ray Tune's own state: disposable."""
        return self.path / "tune"

    @property
    def case_map(self) -> Path:
        """Pseudonym to file name, readable by the owner only and never part of a report."""
        return self.path / "private" / "cases.json"

    def file(self, name: str) -> Path:
        """A file directly in the sweep's folder, for example `resolved.json`."""
        return self.path / name

    @property
    def where(self) -> str:
        """What the place of the sweep is called in messages: its folder, or its URI."""
        return self.ferry.where(self.path)

    @property
    def home(self) -> str:
        """Where the sweeps are kept of which this is one: a folder's absolute path, or the URI of a store."""
        return self.ferry.uri.rpartition("/")[0] if self.ferry.uri else str(self.path.absolute().parent)

    @property
    def call(self) -> str:
        """What commands of a next step call the sweep: its name, and where it is if that is a store."""
        return f"{self.name} --runs {self.home}" if self.ferry.uri else self.name

    def driving(self) -> AbstractContextManager[Any]:
        """The exclusive right to drive the sweep; raises `LockedError` on entering, which says who has it."""
        return self.ferry.lock(self.path)

    def is_driven(self) -> bool:
        """Whether a driver is at work on it, on whatever machine."""
        return self.ferry.driven(self.path)

    def driver(self) -> Holder | None:
        """Who that is, as far as it is known."""
        return self.ferry.driver(self.path)

    def open_ledger(self) -> AbstractContextManager[OpenLedger]:
        """The ledger, to append to; for whoever is `driving`."""
        return self.ferry.open_ledger(self.path)

    def to_drive(self) -> SweepFolder:
        """The same sweep with its ledger as of now, where a driver works on it and no reader of this machine interferes."""
        return replace(self, path=self.ferry.to_drive(self.path))

    def refresh(self) -> None:
        """Bring the ledger up to date."""
        self.ferry.refresh(self.path)

    def fetch(self, *names: str) -> None:
        """Before reading what others wrote: see `Ferry.fetch`."""
        self.ferry.fetch(self.path, *names)

    def send(self, *names: str) -> None:
        """After writing what others read: see `Ferry.send`."""
        self.ferry.send(self.path, *names)

    def remove(self, *names: str) -> None:
        """Remove files here and in the store."""
        there = [name for name in names if os.path.lexists(self.path / name)]
        for name in there:
            (self.path / name).unlink(missing_ok=True)
        self.ferry.forget(self.path, *there)

    def forget(self, *names: str) -> None:
        """See `Ferry.forget`."""
        self.ferry.forget(self.path, *names)

    def kept(self, names: Sequence[Sequence[str]]) -> list[bool]:
        """See `Ferry.kept`."""
        return self.ferry.kept(self.path, names)

    def fetch_records(self, uid: str) -> None:
        """Bring what a trial says of itself up to date."""
        self.fetch(*(f"trials/{uid}/{name}" for name in trial_files.RECORDS))

    def fetch_states(self, *uids: str) -> None:
        """Bring the resumable states of trials up to date."""
        self.fetch(*(f"trials/{uid}/{trial_files.STATES}/" for uid in uids))

    def lookout(self) -> AbstractContextManager[Callable[[], bool]]:
        """For a driver's run: see `Ferry.lookout`."""
        return self.ferry.lookout(self.path)

    def ask_to_stop(self) -> None:
        """Ask driver and trials, wherever they are, to stop; raises `SweepError`."""
        self.ferry.ask_to_stop(self.path)

    def withdraw_stop(self) -> None:
        """Nobody is asked to stop any more."""
        self.ferry.withdraw_stop(self.path)

    def pictures(self, uid: str) -> Pictures | None:
        """See `results.sweep_folder.SweepFolder.pictures`."""
        self.fetch(f"trials/{uid}/pictures.npz")
        return ResultFolder.pictures(self, uid)

    def scan(self, case: str) -> ScanSlices | None:
        """See `results.sweep_folder.SweepFolder.scan`."""
        if CASE.fullmatch(case):
            self.fetch(f"overlays/{case}.npz")
        return ResultFolder.scan(self, case)

    def predictions(self, uid: str, cases: Collection[str]) -> dict[str, Prediction]:
        """See `results.sweep_folder.SweepFolder.predictions`."""
        self.fetch(f"trials/{uid}/{trial_files.OVERLAYS}")
        return ResultFolder.predictions(self, uid, cases)

    @classmethod
    def named(cls, name: str, root: Runs) -> SweepFolder:
        """The folder of a sweep that is to be made.

        Raises:
            UsageError: the name could leave `root`, or the folder exists.
        """
        check_name(name)
        if not isinstance(root, Path):
            return root.named(name)
        folder = cls(root / name)
        if folder.path.exists() or folder.path.is_symlink():
            raise UsageError(
                f"{folder.path}: a sweep of this name exists; choose another name with --name NAME, let one be found with "
                f"--new-name, or look at it with: liversweep show {name}"
            )
        return folder

    @classmethod
    def exists(cls, name: str, root: Runs) -> bool:
        """Whether a sweep of this name was begun.

        Raises:
            UsageError: the name could leave `root`.
        """
        check_name(name)
        return cls(root / name).ledger.is_file() if isinstance(root, Path) else root.holds(name)

    @classmethod
    def existing(cls, name_or_path: str, root: Runs) -> SweepFolder:
        """The folder of a sweep that was run, by its name below `root`, or by its path or URI.

        Raises:
            UsageError: there is none, or it holds no ledger.
        """
        if is_uri(name_or_path):
            from sweeps.stores.stored_runs import StoredRuns

            parent, _, name = name_or_path.rstrip("/").rpartition("/")
            return StoredRuns.of(parent).existing(name)
        path = Path(name_or_path)
        if not isinstance(root, Path) and NAME.fullmatch(name_or_path):
            return root.existing(name_or_path)
        if (path / LEDGER).is_file():
            # `.` and `..` have no name to call the sweep by.
            return cls(path if path.name not in ("", "..") else path.resolve())
        if not isinstance(root, Path):
            return root.existing(name_or_path)
        folder = cls(root / name_or_path)
        if not NAME.fullmatch(name_or_path) or not folder.ledger.is_file():
            known = [path.name for path in sweep_folders(root)] if root.is_dir() else []
            raise UsageError(
                f"no sweep {name_or_path!r} in {root}; got {name_or_path!r}, known: {', '.join(known) or 'none yet'}; "
                "list them with: liversweep list"
            )
        if not folder.path.resolve().is_relative_to(root.resolve()):
            raise UsageError(
                "the sweep is a link that leads out of the folder of the sweeps",
                where=str(folder.path),
                got=folder.path.resolve(),
                next_step="open it by its own path",
            )
        return folder

    @classmethod
    def newest(cls, root: Runs) -> SweepFolder:
        """The sweep whose ledger was written last.

        Raises:
            UsageError: there is no sweep in `root`.
        """
        if not isinstance(root, Path):
            return root.newest()
        folders = sweep_folders(root) if root.is_dir() else []
        if not folders:
            raise UsageError(f"no sweep in {root} yet; start one with: liversweep run quickstart")
        return cls(max(folders, key=lambda path: (path / LEDGER).stat().st_mtime_ns))


def check_name(name: str) -> str:
    """The name, if it may be a folder's.

    Raises:
        UsageError: it may not.
    """
    if not NAME.fullmatch(name):
        raise UsageError(
            f"name: a sweep's name becomes a folder; got {name!r}, allowed: a letter or digit, then up to 63 letters, "
            "digits, '.', '_' or '-'"
        )
    return name


def free_name(name: str, root: Runs) -> str:
    """`name`, or the first of `name-2`, `name-3`, … that has no folder yet."""
    taken = (lambda name: (root / name).exists()) if isinstance(root, Path) else root.holds
    if not taken(check_name(name)):
        return name
    number = 2
    while taken(f"{name}-{number}"):
        number += 1
    return f"{name}-{number}"


def listings(root: Runs) -> tuple[SweepListing, ...]:
    """A line about every sweep, newest first, see `results.sweep_folder.list_sweeps`."""
    return list_sweeps(root) if isinstance(root, Path) else root.listings()
