"""The one writer of a sweep's ledger: decides what runs next, notes what came of it, and knows when all is done.

Knows neither Ray nor Keras. Whatever executes trials calls `next`, `started`, `epoch` and `ended`; the driver writes each
event to the ledger before it acts on it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from results.ledger import Ledger
from results.records import Objective
from sweeps import trial_files
from sweeps.folder import SweepFolder
from sweeps.search.proposer import Proposal, Proposer

WAIT = "wait"
DONE = "done"


@dataclass(frozen=True, slots=True)
class Best:
    """The best trial so far, from which a following stage starts."""

    uid: str
    architecture: str
    parameters: Mapping[str, Any]
    value: float


@dataclass(frozen=True, slots=True)
class Stage:
    """One part of the search. `open` makes its proposer, given the best trial of the stages before."""

    name: str
    trials: int
    open: Callable[[Best | None], Proposer]


class View(Protocol):
    """Whoever watches a sweep: the live table, plain lines, or a test."""

    def event(self, name: str, uid: str, fields: Mapping[str, Any]) -> None:
        """Called after the event is in the ledger (`epoch` events are not written there)."""


@dataclass(slots=True)
class _Running:
    proposal: Proposal
    epochs: int = 0
    started: bool = False
    pruned_at: int | None = None
    history: list[float] = field(default_factory=list)


class Driver:
    """Runs the stages one after another, `slots` trials at once at most."""

    def __init__(
        self,
        folder: SweepFolder,
        ledger: Ledger,
        stages: Sequence[Stage],
        objectives: Sequence[Objective],
        slots: int,
        view: View,
    ) -> None:
        self.folder, self.ledger, self.view = folder, ledger, view
        self.stages, self.objectives, self.slots = tuple(stages), tuple(objectives), slots
        self.best: Best | None = None
        self.failures = 0
        self.interrupted = False
        self._running: dict[str, _Running] = {}
        self._number = 0
        self._stage = 0
        self._left = self.stages[0].trials
        self._proposer = self.stages[0].open(None)

    @property
    def running(self) -> tuple[str, ...]:
        """Trials that were proposed and have not ended."""
        return tuple(self._running)

    def next(self) -> Proposal | str:
        """The next trial to start, `WAIT` when none may start now, or `DONE`."""
        if self.interrupted:
            return DONE
        if self._left == 0 and not self._next_stage():
            return WAIT if self._running and self._stage + 1 < len(self.stages) else DONE
        if len(self._running) >= self.slots:
            return WAIT
        proposal = self._proposer.ask(self._number)
        self._number += 1
        self._left -= 1
        self._suggested(proposal)
        return proposal

    def started(self, uid: str, attempt: int = 1) -> None:
        """A worker has begun the trial; a second call for the same attempt is ignored."""
        run = self._running.get(uid)
        if run is None or run.started:
            return
        run.started = True
        self.ledger.append("started", uid=uid, attempt=attempt)
        self.view.event("started", uid, {})

    def epoch(self, uid: str, result: Mapping[str, Any]) -> bool:
        """Note an epoch's result; True when the trial is to be stopped early."""
        run = self._running.get(uid)
        if run is None:
            return True
        run.epochs = int(result["epoch"])
        checkpoint = result.get("checkpoint")
        if checkpoint:
            self.ledger.append(
                "checkpoint", uid=uid, epoch=run.epochs, path=checkpoint["path"], sha256=checkpoint["sha256"]
            )
        self.view.event("epoch", uid, result)
        value = result.get(self.objectives[0].metric, math.nan)
        value = float(value) if isinstance(value, (int, float)) else math.nan
        if self._proposer.report(uid, run.epochs, value) and not result.get("last", False):
            run.pruned_at = run.epochs
        return run.pruned_at is not None or self.interrupted

    def ended(self, uid: str, error: str | None = None) -> None:
        """The trial's worker has let go of it: finished, stopped early, interrupted, or died with `error`."""
        run = self._running.pop(uid, None)
        if run is None:
            return
        folder = self.folder.trial(uid)
        final = trial_files.read_record(folder, trial_files.FINAL)
        failed = trial_files.read_record(folder, trial_files.FAILED)
        latest = trial_files.read_record(folder, trial_files.LATEST)
        if final is not None and failed is None:
            self._scored(run, "finished", final)
        elif failed is not None or error is not None:
            self._failed(run, failed or {"kind": "crash", "message": error, "epochs": run.epochs, "seconds": 0.0})
        elif run.pruned_at is not None and latest is not None:
            latest["stop_reason"] = f"pruned after epoch {run.pruned_at}"
            self._scored(run, "pruned", latest)
        elif self.interrupted:
            self._stopped(run)
        else:
            self._failed(run, {"kind": "crash", "message": "the trial ended without a record", "epochs": run.epochs})

    def close(self) -> None:
        """Mark what still runs as stopped and close the ledger's current part."""
        for run in list(self._running.values()):
            self._running.pop(run.proposal.uid)
            self._stopped(run)
        self.ledger.append("closed", reason="interrupted" if self.interrupted else "finished")

    def _next_stage(self) -> bool:
        """Open the next stage if there is one and nothing of the present one still runs."""
        if self._running or self._stage + 1 >= len(self.stages):
            return False
        self._stage += 1
        stage = self.stages[self._stage]
        self._left = stage.trials
        self._proposer = stage.open(self.best)
        return True

    def _suggested(self, proposal: Proposal) -> None:
        payload = {
            "uid": proposal.uid,
            "number": proposal.number,
            "stage": proposal.stage,
            "architecture": proposal.architecture,
            "parameters": dict(proposal.parameters),
            "seed": proposal.seed,
            "fold": proposal.fold,
        }
        self.ledger.append("suggested", **payload)
        trial_files.write_record(self.folder.trial(proposal.uid), trial_files.PARAMS, payload)
        self._running[proposal.uid] = _Running(proposal)
        self.view.event("suggested", proposal.uid, payload)

    def _scored(self, run: _Running, state: str, record: Mapping[str, Any]) -> None:
        proposal = run.proposal
        self.ledger.append(state, **{**trial_files.finite(record), "uid": proposal.uid})
        values = [objective_value(record, objective.metric) for objective in self.objectives]
        self._tell(run, state, values, updates=int(record.get("updates", 0)))
        if state == "finished":
            self._consider(proposal, values[0])
        self.view.event(state, proposal.uid, record)

    def _failed(self, run: _Running, failure: Mapping[str, Any]) -> None:
        uid = run.proposal.uid
        self.failures += 1
        self.ledger.append("failed", **{"epochs": run.epochs, "seconds": 0.0, **failure, "uid": uid})
        self._tell(run, "failed", [])
        self.view.event("failed", uid, failure)

    def _stopped(self, run: _Running) -> None:
        self.ledger.append("stopped", uid=run.proposal.uid, epochs=run.epochs)
        self._tell(run, "stopped", [])
        self.view.event("stopped", run.proposal.uid, {})

    def _tell(self, run: _Running, state: str, values: Sequence[float], updates: int = 0) -> None:
        proposal = run.proposal
        self._proposer.tell(proposal.uid, state, values, architecture=proposal.architecture, updates=updates)

    def _consider(self, proposal: Proposal, value: float) -> None:
        gain = self.objectives[0].gain
        if math.isnan(value) or (self.best is not None and gain(value) <= gain(self.best.value)):
            return
        self.best = Best(proposal.uid, proposal.architecture, dict(proposal.parameters), value)


def objective_value(record: Mapping[str, Any], metric: str) -> float:
    """A metric of a final record (scores first, then cost); NaN when it is missing or not a finite number."""
    value = record.get("metrics", {}).get(metric, record.get("cost", {}).get(metric))
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else math.nan
