"""What carries a sweep's files between this machine and the place where they are kept for good.

A sweep lies either in a plain folder (also one that all machines share), which every process reads and writes as it is, or
in a store (`s3://`, `gs://`, `file://`). Of a store every process works on a *mirror*: a folder of this machine that has
the layout of any sweep's folder, and in which nothing is believed that was not fetched. `Ferry` is the kind for plain
folders: all that it fetches is there, and all that it sends has arrived. `sweeps.stores.store_ferry.StoreFerry` is the other kind.
Whoever reads what another process wrote calls `fetch` first; whoever writes what another process reads calls `send` after.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Protocol

from results.ledger import Ledger
from results.ledger_line import Event
from results.lock import Holder, SweepLock, holder, is_locked
from results.storage import sync_folder
from results.sweep_folder import LEDGER
from sweeps.errors import SweepError, UsageError

LOCK, STOP = "lock", "stop"


class OpenLedger(Protocol):
    """A ledger open for appending: `results.ledger.Ledger`, or the one of a store."""

    path: Path

    def append(self, event: str, /, **payload: Any) -> Event:
        """See `results.ledger.Ledger.append`."""


class Ferry:
    """The kind for plain folders: nothing has to be carried.

    `path` is always the sweep's folder, and names are relative to it, with `/`; a name that ends in `/` means all below.
    """

    uri = ""
    """Where the sweep is kept; empty for a plain folder."""
    pause_s = 0.0
    """Between two questions to the place, at least."""
    silent = False
    """Whether the store did not answer when the last `lookout` ended."""
    lag_s = 0.0
    """How old what is seen of a running trial may be, in seconds, on top of what it is in a plain folder."""

    def where(self, path: Path) -> str:
        """What the place is called in messages."""
        return self.uri or str(path)

    def lock(self, path: Path) -> AbstractContextManager[Any]:
        """The exclusive right to drive the sweep; entering raises `LockedError`, which says who has it."""
        return SweepLock(path / LOCK)

    def driven(self, path: Path) -> bool:
        """Whether a driver is at work, here or elsewhere."""
        return is_locked(path / LOCK)

    def driver(self, path: Path) -> Holder | None:
        """Who that is, as far as it is known."""
        return holder(path / LOCK)

    def open_ledger(self, path: Path) -> AbstractContextManager[OpenLedger]:
        """The ledger, to append to; raises `LedgerError`."""
        return Ledger.open(path / LEDGER)

    def launch(self, aside: Path, path: Path) -> None:
        """Put a new sweep in place, whole or not at all.

        Args:
            aside: its folder under another name, beside `path`; nothing is there under that name afterwards.
            path: its folder.

        Raises:
            UsageError: another sweep took the name in the meantime.
        """
        put_in_place(aside, path)

    def to_drive(self, path: Path) -> Path:
        """Where a driver works on the sweep: for a plain folder in it."""
        return path

    def refresh(self, path: Path) -> None:
        """Bring the ledger up to date."""

    def fetch(self, path: Path, *names: str) -> None:
        """Make files here what they are in the store: those that are gone there are removed here."""

    def look_at(self, path: Path, uids: Sequence[str]) -> None:
        """For whoever watches: the ledger, and what running trials tell."""

    def send(self, path: Path, *names: str) -> None:
        """Make files in the store what they are here; those that are not here are left alone."""

    def forget(self, path: Path, *names: str) -> None:
        """Remove files, or folders with all that is in them, from the store; those here are the caller's."""

    def kept(self, path: Path, names: Sequence[Sequence[str]]) -> list[bool]:
        """For each group of names, of files or of folders, whether any of them is there."""
        return [any(os.path.lexists(path / name) for name in group) for group in names]

    def ask_to_stop(self, path: Path) -> None:
        """Ask all trials to save their state and end; raises `SweepError` where that cannot be written."""
        try:
            (path / STOP).touch()
        except OSError as error:
            raise SweepError("the driver cannot be told to stop", where=str(path / STOP), got=error.strerror) from error

    def stop_asked(self, path: Path) -> bool:
        """Whether somebody has asked for a stop."""
        return (path / STOP).exists()

    def withdraw_stop(self, path: Path) -> None:
        """Whoever asked for a stop meant those who are gone."""
        (path / STOP).unlink(missing_ok=True)

    def lookout(self, path: Path) -> AbstractContextManager[Callable[[], bool]]:
        """For a driver's run: keeps heartbeats and the request to stop up to date. Yields whether trials can be seen now."""
        return nullcontext(lambda: True)


AT_HOME = Ferry()


def put_in_place(aside: Path, path: Path) -> None:
    """Rename a finished folder; raises `UsageError` when the name is taken."""
    try:
        aside.rename(path)
    except OSError as error:
        raise UsageError(
            "a sweep of this name was made in the meantime", where=str(path), next_step="choose another --name"
        ) from error
    sync_folder(path.parent)


def below(names: Iterable[str]) -> tuple[list[str], list[str]]:
    """Names of files, and names of folders (with their `/`)."""
    items = list(names)
    return [name for name in items if not name.endswith("/")], [name for name in items if name.endswith("/")]
