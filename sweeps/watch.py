"""Looking at a running sweep from elsewhere: from its ledger and its trials' records, without a word to its driver.

Nothing is written and the sweep's lock is not taken. A look costs a `stat` of the ledger and one of each running trial's
record; what is new is read from where the last look ended.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from results.errors import ResultsError
from results.fold import OngoingFold
from results.follow import LedgerTail
from results.ledger import Clock, utc_now
from results.ledger_line import Event
from results.records import Sweep, TrialRecord
from sweeps.folder import SweepFolder
from sweeps.live import Progress
from sweeps.trial_files import HEARTBEAT, LATEST

GRACE_S = 0.5
"""A sweep's folder is there an instant before its driver has the lock."""
GONE = "gone"
_MAX_RECORD_BYTES = 64 * 1024**2


@dataclass(frozen=True, slots=True)
class Change:
    """Something that happened: an event of the ledger, or an `epoch` that a trial has ended.

    Attributes:
        name: of the event; `epoch` is none of the ledger's.
        uid: the trial; empty where the event is about the sweep.
        fields: the event's payload. Of an epoch: `epoch`, `score` (validation Dice after it), and the metrics of the best
            epoch so far.
        time: UTC, ISO 8601; empty for an epoch.
    """

    name: str
    uid: str
    fields: Mapping[str, Any]
    time: str = ""


class Watcher:
    """A sweep as it is seen from outside.

    Args:
        folder: of the sweep.
        now: the present.
        clock: seconds that only go forward.

    Raises:
        ResultsError: the ledger is a link that leads out of the folder.
    """

    def __init__(
        self, folder: SweepFolder, *, now: Clock = utc_now, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.folder, self._now, self._clock = folder, now, clock
        self._tail = LedgerTail(folder.inside(folder.ledger))
        self._told = 0
        self._begin()

    def _begin(self) -> None:
        self._fold = OngoingFold()
        self.progress = Progress(0, 0, (), self._clock)
        self._running: dict[str, _Latest] = {}

    @property
    def closed(self) -> str:
        """Why the sweep was closed, see `results.records.CLOSINGS`; empty while its ledger is open."""
        return self._fold.closed

    def sweep(self) -> Sweep:
        """The sweep as far as it was read; raises `LedgerError` when there is not even a first event."""
        return self._fold.sweep()

    def news(self) -> Iterator[Change]:
        """What happened since the last call, each change after `progress` has taken it in.

        Raises:
            LedgerError: the ledger cannot be read, or holds what cannot be.
        """
        batch = self._tail.read()
        if batch.afresh:
            self._begin()
        for event in batch.events:
            change = self._take(event)
            # After a new beginning, what was told is not told again.
            if event.seq > self._told:
                self._told = event.seq
                yield change
        for uid in list(self._running):
            fields = self._running[uid].read()
            if fields is not None:
                self.progress.event("epoch", uid, fields)
                yield Change("epoch", uid, fields)

    def look(self, show: Callable[[Change], object], *, sleep: Callable[[float], object] = time.sleep) -> bool:
        """Show what happened since the last look; False when no driver is at work, and everything that it left was shown.

        Raises:
            LedgerError: see `news`.
        """
        driven = self.folder.is_driven()
        self._show(show)
        if not driven and not self.closed:
            sleep(GRACE_S)
            driven = self.folder.is_driven()
            self._show(show)
        return driven

    def _show(self, show: Callable[[Change], object]) -> None:
        self.folder.ferry.look_at(self.folder.path, tuple(self._running))
        for change in self.news():
            show(change)

    def running(self) -> dict[str, dict[str, Any]]:
        """Trials that a worker has: `epoch` and what `latest.json` says, and `heartbeat_age_s`, None before the first beat."""
        present = self._now().timestamp()
        return {
            uid: {"architecture": self.progress.architecture(uid), **latest.fields, **latest.age(present)}
            for uid, latest in self._running.items()
        }

    def _take(self, event: Event) -> Change:
        self._fold.take(event)
        uid = str(event.payload.get("uid") or "") if event.name != "inherited" else ""
        if event.name in ("sweep", "resumed"):
            self._renew(event)
        elif uid:
            self.progress.event(event.name, uid, event.payload)
            self._note_running(event, uid)
        return Change(event.name, uid, event.payload, event.time)

    def _renew(self, event: Event) -> None:
        """A driver begins: what was before it does not count for the time that is left."""
        sweep = self._fold.sweep()
        names = [str(name) for name in sweep.sweep.architectures]
        self.progress = Progress(planned_trials(sweep), planned_epochs(sweep), names, self._clock)
        self.progress.take_up(sweep)
        self.progress.began -= self._age_s(event.time)
        self._running.clear()

    def _age_s(self, stamp: str) -> float:
        """Seconds since a time of the ledger; 0 for one that is none, or that lies ahead (clocks of machines differ)."""
        try:
            return max(0.0, (self._now() - datetime.fromisoformat(stamp)).total_seconds())
        except (ValueError, TypeError):
            return 0.0

    def _note_running(self, event: Event, uid: str) -> None:
        if event.name == "suggested":
            self.progress.epochs = self.progress.epochs or int(event.payload.get("epochs") or 0)
        elif event.name == "started":
            self._running[uid] = _Latest(self.folder, uid, int(event.payload.get("epoch") or 0))
        elif event.name in ("finished", "pruned", "failed", "stopped", "queued"):
            self._running.pop(uid, None)


class _Latest:
    """What a running trial says of its epochs in `latest.json`, read again when it was replaced."""

    def __init__(self, folder: SweepFolder, uid: str, epoch: int) -> None:
        self._folder, self._place = folder, folder.trial(uid)
        self._seen: tuple[int, int] | None = None
        self.fields: dict[str, Any] = {"epoch": epoch}

    def read(self) -> dict[str, Any] | None:
        """The fields of an epoch that was not seen before; else None.

        Whatever else lies there is passed over: the trial's end will be in the ledger, and this is only to look at.
        """
        path = self._place / LATEST
        try:
            status = path.stat()
            seen = status.st_ino, status.st_mtime_ns
            if seen == self._seen or status.st_size > _MAX_RECORD_BYTES:
                return None
            self._seen = seen
            found = position(json.loads(self._folder.inside(path).read_bytes()))
        except (OSError, ValueError, RecursionError, ResultsError):
            return None
        # A trial that goes on may find the record of an attempt that had come less far.
        if found is None or found["epoch"] <= self.fields["epoch"]:
            return None
        self.fields = found
        return found

    def age(self, present: float) -> dict[str, Any]:
        """Seconds since the last sign of life."""
        age = None
        with suppress(OSError):
            age = max(0.0, round(present - (self._place / HEARTBEAT).stat().st_mtime, 1))
        return {"heartbeat_age_s": age}


def position(record: Any) -> dict[str, Any] | None:
    """How far a trial is by its record: `epoch`, `score` (of that epoch), and the best epoch's metrics; None if it does not say.

    Scores that are no numbers are left out.
    """
    if not isinstance(record, Mapping):
        return None
    epoch, metrics, history = (record.get(name) for name in ("epochs", "metrics", "history"))
    if isinstance(epoch, bool) or not isinstance(epoch, int) or epoch < 1:
        return None
    curve = history.get("val_dice") if isinstance(history, Mapping) else None
    last = curve[-1] if isinstance(curve, list) and curve else None
    known = metrics if isinstance(metrics, Mapping) else {}
    named = {"score": last, **{name: known.get(name) for name in ("val_dice", "dice_liver_mean", "dice_tumour_mean")}}
    return {"epoch": epoch} | {name: value for name, value in named.items() if _is_number(value)}


def planned_trials(sweep: Sweep) -> int:
    """Trials in all, repetitions on other folds and with other seeds included: at most so many, as `run` counts them."""
    record = sweep.sweep
    each = max(1, record.replication.trials) - 1
    return record.trials + each * (record.trials if record.replication.of == "all" else len(record.architectures))


def planned_epochs(sweep: Sweep) -> int:
    """Epochs of a full trial: as the last extension or the spec says, else as long as the longest trial was to be."""
    for extension in reversed(sweep.sweep.extended):
        if extension.epochs:
            return extension.epochs
    train = sweep.sweep.spec.get("train")
    epochs = train.get("epochs") if isinstance(train, Mapping) else None
    if isinstance(epochs, int) and not isinstance(epochs, bool) and epochs > 0:
        return epochs
    return max((trial.planned_epochs or trial.epochs for trial in sweep.trials), default=0)


def state_of(watcher: Watcher, *, driven: bool) -> str:
    """`running`, or without a driver as the sweep was closed: `finished`, `interrupted`, `disk`, `failed`; `gone` if nobody did."""
    return "running" if driven else watcher.closed or GONE


def standing(watcher: Watcher, state: str) -> dict[str, Any]:
    """Where the sweep stands, as JSON values; numbers that are not known are None."""
    sweep, progress = watcher.sweep(), watcher.progress
    waiting = [trial for trial in sweep.trials if trial.state in ("queued", "stopped")]
    failed = [trial for trial in sweep.trials if trial.state == "failed"]
    return {
        "schema_version": 1,
        "name": watcher.folder.name,
        "state": state,
        "runs": sweep.sweep.runs,
        "trials": progress.trials,
        "ended": progress.ended,
        "failed": len(failed),
        "waiting": len(waiting),
        "epochs": progress.epochs,
        "eta_s": _finite(round(progress.eta_s, 1)) if state == "running" else None,
        "updated": sweep.sweep.updated,
        "architectures": [
            {
                "architecture": name,
                "proposed": row.proposed,
                "ended": row.ended,
                "failed": row.failed,
                "val_dice": _finite(row.best),
                "dice_liver_mean": _finite(row.liver),
                "dice_tumour_mean": _finite(row.tumour),
            }
            for name, row in progress.rows.items()
        ],
        "running": [{"uid": uid, **facts} for uid, facts in watcher.running().items()],
        "failures": [_failure(trial) for trial in failed],
    }


def _failure(trial: TrialRecord) -> dict[str, Any]:
    return {
        "uid": trial.uid,
        "architecture": trial.architecture,
        "kind": trial.failure,
        "message": trial.message,
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
