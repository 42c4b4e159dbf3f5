"""Where a sweep's results lie on disk, and which sweeps there are."""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from results.errors import ResultsError
from results.fold import fold
from results.ledger import read_events
from results.lock import is_locked
from results.overlays import Prediction, ScanSlices, read_predictions, read_scan
from results.pictures import Pictures, read_pictures
from results.ranking import best_trial
from results.records import Sweep

LEDGER = "ledger.jsonl"
CASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class SweepFolder:
    """The folder of one sweep. Reading it changes nothing."""

    path: Path

    @property
    def ledger(self) -> Path:
        """The ledger."""
        return self.path / LEDGER

    @property
    def lock(self) -> Path:
        """The lock of the driver."""
        return self.path / "lock"

    @property
    def report(self) -> Path:
        """The folder of the reports."""
        return self.path / "report"

    @property
    def overlays(self) -> Path:
        """The folder of the validation scans as they are looked at slice by slice."""
        return self.path / "overlays"

    def trial(self, uid: str) -> Path:
        """The folder of a trial."""
        return self.path / "trials" / uid

    def inside(self, path: Path) -> Path:
        """`path`, made sure to lie in the sweep's folder, wherever links lead.

        Raises:
            ResultsError: a link leads out. A folder from elsewhere must not make us read or write in other places.
        """
        found = Path(os.path.realpath(path))  # unlike Path.resolve, it takes rings of links as they come
        if not found.is_relative_to(os.path.realpath(self.path)):
            step = "put what it points to in its place"
            raise ResultsError(
                "a link leads out of the sweep's folder", where=str(path), got=str(found), next_step=step
            )
        return path

    def check_links(self) -> None:
        """Make sure that no link leads out of the folder, before anything is written in it. Ray's own `tune` is not searched.

        Raises:
            ResultsError: one does.
        """
        for folder, folders, files in os.walk(self.path):
            for path in (Path(folder, name) for name in (*folders, *files)):
                if path.is_symlink():
                    self.inside(path)
            folders[:] = [name for name in folders if Path(folder, name) != self.path / "tune"]

    def read(self) -> Sweep:
        """The sweep as its ledger tells it; raises `LedgerError`, and `ResultsError` for a link that leads out."""
        return fold(read_events(self.inside(self.ledger)))

    def pictures(self, uid: str) -> Pictures | None:
        """The pictures of a trial, if it left any; raises `ResultsError` for a link that leads out."""
        return read_pictures(self.inside(self.trial(uid) / "pictures.npz"))

    def scan(self, case: str) -> ScanSlices | None:
        """The slices of a scan, if they were kept; raises `ResultsError` for a link that leads out."""
        if not CASE.fullmatch(case):
            return None  # the name is from the ledger, and is to be part of a path
        return read_scan(self.inside(self.overlays / f"{case}.npz"), case)

    def predictions(self, uid: str, cases: Collection[str]) -> dict[str, Prediction]:
        """What a trial predicted in some cases, as far as it was kept; raises `ResultsError` for a link that leads out."""
        return read_predictions(self.inside(self.trial(uid) / "overlays.npz"), cases)


@dataclass(frozen=True, slots=True)
class SweepListing:
    """One line about a sweep.

    Attributes:
        state: `running` (a driver holds the lock), `finished`, `interrupted`, `disk full`, `failed` (as it was closed;
            `interrupted` also when nobody closed it), or `unreadable`.
        ended: trials of the search that have an end state, of `trials`.
        replicates: repetitions of settings that have one.
        failed: how many of all trials failed.
        begun: trials that are running, or would be had the driver not died.
        stopped, queued: trials in those states.
        best: value of the first objective of the best trial; NaN when there is none.
        best_trial, best_architecture: of that trial; empty when there is none.
        started: UTC, ISO 8601; empty when unreadable.
        problem: why the ledger cannot be read; empty when it can.
    """

    name: str
    path: Path
    state: str
    ended: int = 0
    trials: int = 0
    failed: int = 0
    begun: int = 0
    stopped: int = 0
    queued: int = 0
    objective: str = ""
    best: float = math.nan
    best_trial: str = ""
    best_architecture: str = ""
    started: str = ""
    problem: str = ""
    replicates: int = 0

    @property
    def progress(self) -> str:
        """How far it is, in a few characters: `12/20, 1 to continue`, or while it runs `12/20, 2 running, 1 queued`."""
        text = f"{self.ended}/{self.trials}" + (f" + {self.replicates} replicates" if self.replicates else "")
        if self.state == "running":
            waiting = self.stopped + self.queued
            parts = [(self.begun, "running"), (waiting, "queued")]
        else:
            parts = [(self.begun + self.stopped + self.queued, "to continue")]
        return ", ".join([text, *(f"{count} {word}" for count, word in parts if count)])


_CLOSED = {"": "interrupted", "disk": "disk full"}


def list_sweeps(root: Path) -> tuple[SweepListing, ...]:
    """Every folder directly below `root` that holds a ledger, newest first. No folder at all is no sweeps.

    A sweep whose ledger is damaged is listed as `unreadable` with the reason; it does not hide the others. Hidden folders
    (a sweep that is being made) and links that lead out of `root` are no sweeps of it.
    """
    if not root.is_dir():
        return ()
    listings = [listing_of(SweepFolder(path), is_locked(path / "lock")) for path in sweep_folders(root)]
    return tuple(sorted(listings, key=lambda listing: listing.started, reverse=True))


def sweep_folders(root: Path) -> list[Path]:
    """Folders directly below `root` that hold a ledger, by name; without hidden ones and links that lead out of `root`."""
    home = os.path.realpath(root)
    visible = [path for path in sorted(root.iterdir()) if not path.name.startswith(".")]
    return [path for path in visible if (path / LEDGER).is_file() and Path(os.path.realpath(path)).is_relative_to(home)]


def listing_of(folder: SweepFolder, running: bool) -> SweepListing:
    """The line about one sweep.

    Args:
        folder: of the sweep.
        running: whether a driver is at work on it.
    """
    path = folder.path
    try:
        sweep = folder.read()
    except ResultsError as error:
        return SweepListing(path.name, path, "running" if running else "unreadable", problem=str(error))
    states = Counter(trial.state for trial in sweep.trials)
    ended = [trial for trial in sweep.trials if trial.state in ("finished", "pruned", "failed")]
    replicates = sum(bool(trial.replicate_of) for trial in ended)
    best = best_trial(sweep)
    objective = sweep.sweep.objective.metric
    return SweepListing(
        name=path.name,
        path=path,
        state="running" if running else _CLOSED.get(sweep.sweep.closed, sweep.sweep.closed),
        ended=len(ended) - replicates,
        trials=sweep.sweep.trials,
        failed=states["failed"],
        begun=states["running"],
        stopped=states["stopped"],
        queued=states["queued"],
        objective=objective,
        best=best.metric(objective) if best else math.nan,
        best_trial=best.uid if best else "",
        best_architecture=best.architecture if best else "",
        started=sweep.sweep.started,
        replicates=replicates,
    )
