"""A driver that writes its ledger and records as a test tells it to, for whoever watches it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from results.ledger import Ledger
from results.lock import SweepLock
from sweeps import trial_files
from sweeps.folder import SweepFolder
from sweeps.watch import Watcher
from tests.results.ledger_factory import suggested_payload, sweep_payload, uid_of

RNG = np.random.default_rng(3)


BEGAN = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


class Driver:
    """Writes a ledger as a driver does, under its lock, on a clock that the test moves."""

    def __init__(self, root: Path) -> None:
        self.folder = SweepFolder(root / "runs" / "a")
        self.folder.path.mkdir(parents=True)
        self.now = BEGAN
        self.ledger = Ledger.create(self.folder.ledger, clock=lambda: self.now)
        spec = {"train": {"epochs": 10}}
        self.ledger.append("sweep", **sweep_payload(3, architectures=["unet", "segnet"], spec=spec))
        self.lock = SweepLock(self.folder.lock)
        self.lock.acquire()

    def watcher(self) -> Watcher:
        return Watcher(self.folder, now=lambda: self.now, clock=lambda: (self.now - BEGAN).total_seconds())

    def start(self, number: int, architecture: str = "unet", **more: Any) -> str:
        self.ledger.append("suggested", **suggested_payload(number, architecture, RNG, epochs=10))
        self.ledger.append("started", uid=uid_of(number), attempt=1, **more)
        return uid_of(number)

    def epoch(self, uid: str, epoch: int, score: float, best: float) -> None:
        record = {
            "epochs": epoch,
            "metrics": {"val_dice": best, "dice_liver_mean": best + 0.1, "dice_tumour_mean": best - 0.1},
            "history": {"val_dice": [*[0.0] * (epoch - 1), score]},
        }
        trial_files.write_record(self.folder.trial(uid), trial_files.LATEST, record)
        (self.folder.trial(uid) / trial_files.HEARTBEAT).touch()

    def leave(self, reason: str = "") -> None:
        if reason:
            self.ledger.append("closed", reason=reason)
        self.ledger.close()
        self.lock.release()
