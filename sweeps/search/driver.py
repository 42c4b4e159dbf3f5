"""The one writer of a sweep's ledger: decides what runs next, notes what came of it, and knows when all is done.

Knows neither Ray nor Keras. Whatever executes trials calls `next`, `started`, `epoch`, `paused` and `ended`; the driver
writes each event to the ledger before it acts on it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from results.records import Checkpoint
from sweeps import trial_files
from sweeps.disk import full_text, silent_text
from sweeps.folder import SweepFolder
from sweeps.search.clean_up import CleanUp
from sweeps.search.launch import Launch, Preference, View
from sweeps.search.plan import Proposal
from sweeps.search.reconcile import Adoption
from sweeps.search.replay import objective_values
from sweeps.search.retention import Retention
from sweeps.search.slot_time import SlotTime
from sweeps.search.standing import HOPELESS, MISFIT, Standing
from sweeps.search.states import newest_state
from sweeps.stores.ferry import OpenLedger

WAIT = "wait"
DONE = "done"


class Driver:
    """Runs what a standing has to give, `slots` trials at once at most.

    Args:
        folder: of the sweep.
        ledger: open, written by nobody else.
        standing: fresh, or rebuilt from the ledger.
        slots: trials at once.
        view: told of every event.
        retention: which trials' files are kept; None keeps all.
        low_disk: a message when the disk is too full to start another trial, else None.
        misfit: why a trial of this architecture with these parameters cannot fit into its memory; empty when it may.
        clock: seconds that only go forward.
    """

    def __init__(
        self,
        folder: SweepFolder,
        ledger: OpenLedger,
        standing: Standing,
        slots: int,
        view: View,
        *,
        retention: Retention | None = None,
        low_disk: Callable[[], str | None] = lambda: None,
        misfit: Callable[[str, Mapping[str, Any]], str] = lambda architecture, parameters: "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder, self.ledger, self.standing, self.view = folder, ledger, standing, view
        self.slots, self._low_disk = slots, low_disk
        self._misfit, self._clock = misfit, clock
        self.interrupted = False
        self.disk_message = ""
        self._silent = self.cut_off = False
        self._launches: dict[str, Launch] = {}
        self._clean_up = CleanUp(folder, ledger, standing, retention)

    @property
    def running(self) -> tuple[str, ...]:
        """Trials that were handed out and have not ended."""
        return tuple(self._launches)

    @property
    def stopping(self) -> bool:
        """Whether no further trial is started."""
        return self.interrupted or bool(self.disk_message)

    def launch(self, uid: str) -> Launch:
        """How a running trial was handed out."""
        return self._launches[uid]

    def take_up(self, adopted: Sequence[Adoption]) -> None:
        """Write down ends that trials reached without the ledger, and finish what an earlier driver had begun to delete."""
        for item in adopted:
            if self.standing.open[item.uid].parked:
                self.ledger.append("queued", uid=item.uid, reason="ended unnoticed")
            if item.state == "failed":
                self.failed(item.uid, item.record)
            else:
                self.scored(item.uid, item.state, item.record)
        self._clean_up.run()

    def next(self, preference: Preference | None = None) -> Proposal | str:
        """The next trial to start, `WAIT` when none may start now, or `DONE` when none ever will.

        While a trial runs the answer is never `DONE`: it may come back when its machine is lost.

        Args:
            preference: decides between trials that may all come next: those in the queue, and the architectures of a
                search that shares out its trials equally.
        """
        if self.stopping:
            return DONE
        if len(self._launches) >= self.slots:
            return WAIT
        asked = self._clock()
        if not self.standing.done:
            self.disk_message = self._low_disk() or ""
        if self.disk_message:
            return DONE
        while proposal := self._queued(preference) or self._new(preference):
            if self._hand_out(proposal, asked):
                return proposal
        return WAIT if self._launches else DONE

    def started(self, uid: str) -> None:
        """A worker has begun the trial; a second call for the same attempt is ignored."""
        trial, launch = self.standing.open.get(uid), self._launches.get(uid)
        if trial is None or launch is None or trial.running:
            return
        epoch = launch.state.position.epochs if launch.state else 0
        launch.time.started()
        self.ledger.append("started", uid=uid, attempt=launch.attempt, epoch=epoch, times_s=launch.time.so_far())
        self.standing.started(uid, launch.attempt, epoch)
        self.view.event("started", uid, {"epoch": epoch})

    def epoch(self, uid: str, result: Mapping[str, Any]) -> bool:
        """Note an epoch's result; True when the trial is to be stopped early."""
        if uid not in self._launches:
            return True
        self._launches[uid].time.report(result.get("times_s"))
        value = result.get(self.standing.objectives[0].metric)
        plain = float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else math.nan
        stop = self.standing.report(uid, int(result["epoch"]), plain) and not result.get("last", False)
        self._checkpoint(uid, result)
        self.view.event("epoch", uid, result)
        return stop

    def paused(self, uid: str, result: Mapping[str, Any]) -> None:
        """The trial has saved its state and let go of its worker, because all were asked to stop or the disk is full."""
        if result.get("disk_full"):
            self.out_of_room(str(result.get("message")), store=bool(result.get("store")))
        times = self._times(uid, result)
        self._checkpoint(uid, result)
        self._park(uid, times)

    def out_of_room(self, reason: str, *, store: bool = False) -> None:
        """Start no further trial, because a disk is full or the store does not answer; what was said first counts."""
        text = silent_text(self.folder.where, reason) if store else full_text(self.folder.path, reason)
        self.disk_message = self.disk_message or text
        self._silent = self._silent or store

    def ended(
        self, uid: str, error: str | None = None, *, kind: str = "crash", blameless: str = "", seconds: float = 0.0
    ) -> None:
        """The trial's worker has let go of it: finished, stopped early, interrupted, or died.

        Args:
            uid: the trial.
            error: why the worker died, when it did.
            kind: kind of failure when the trial itself left no word.
            blameless: why the trial goes to another worker rather than having failed (its machine was lost).
            seconds: how long the worker had it, when the trial itself left no word.
        """
        if uid not in self._launches:
            return
        trial = self.standing.open[uid]
        folder = self.folder.trial(uid)
        self.folder.fetch_records(uid)
        final = trial_files.read_record(folder, trial_files.FINAL)
        failed = trial_files.read_record(folder, trial_files.FAILED)
        latest = trial_files.read_record(folder, trial_files.LATEST)
        if final is not None and failed is None:
            self.scored(uid, "finished", final)
        elif failed is None and blameless:
            self._requeue(uid, blameless)
        elif failed is not None or error is not None:
            self.failed(uid, failed or {"kind": kind, "message": error, "seconds": round(seconds, 3)})
        elif trial.stop_early and latest is not None:
            self.scored(uid, "pruned", {**latest, "stop_reason": f"pruned after epoch {trial.epochs}"})
        elif self.stopping:
            self._park(uid)
        else:
            self.failed(uid, {"kind": "crash", "message": "the trial ended without a record"})

    def scored(self, uid: str, state: str, record: Mapping[str, Any]) -> None:
        """The trial finished or was pruned, with this record."""
        trial = self.standing.open[uid]
        times = self._times(uid, record)
        told = {**trial_files.finite(record), **times, "uid": uid, "values": trial.unwritten}
        self.ledger.append(state, **told)
        values = objective_values(record, self.standing.objectives)
        self._end(uid, state, values, record, updates=int(record.get("updates") or 0))

    def failed(self, uid: str, failure: Mapping[str, Any]) -> None:
        """The trial failed, with this record."""
        trial = self.standing.open[uid]
        known = {"epochs": trial.epochs, "seconds": 0.0, **failure}
        times = self._times(uid, failure)
        self.ledger.append("failed", **{**known, **times, "uid": uid, "values": trial.unwritten})
        if known["kind"] in HOPELESS:
            self.standing.refused(uid)
        self._end(uid, "failed", [], known)

    def close(self) -> None:
        """Mark what is still open as stopped and close the ledger's current part."""
        for uid, trial in self.standing.open.items():
            if not trial.parked:
                self._park(uid)
        reason = "interrupted" if self.interrupted or self._silent else "disk" if self.disk_message else "finished"
        missing = self.standing.course.missing
        self.ledger.append("closed", reason=reason, **({"missing": missing} if missing else {}))

    def _queued(self, preference: Preference | None) -> Proposal | None:
        """The first queued trial that is preferred, or else the first of all."""
        queue, standing = self.standing.queue, self.standing
        if not queue:
            return None
        liked = (uid for uid in queue if preference is not None and preference.holds(standing.open[uid].proposal))
        chosen = next(liked, queue[0])
        queue.remove(chosen)
        return standing.open[chosen].proposal

    def _new(self, preference: Preference | None) -> Proposal | None:
        proposal = self.standing.suggest(preference.architectures if preference is not None else frozenset())
        if proposal is None:
            return None
        payload = proposal.payload()
        self.ledger.append("suggested", **payload)
        self.standing.suggested(proposal)
        self.view.event("suggested", proposal.uid, payload)
        return proposal

    def _hand_out(self, chosen: Proposal, asked: float) -> bool:
        """Choose the state to start from; False when the trial fails at once, as it cannot fit or there is no such state."""
        if misfit := self._misfit(chosen.architecture, chosen.parameters):
            self.failed(chosen.uid, {"kind": MISFIT, "message": misfit})
            return False
        uid, folder, attempt = chosen.uid, self.folder, self.standing.open[chosen.uid].attempt
        # One that no worker ever had has no state.
        folder.fetch_states(*([uid] if attempt else []), *([chosen.continues] if chosen.continues else []))
        state = newest_state(folder.path, uid)
        if state is None and chosen.continues:
            state = newest_state(folder.path, chosen.continues)
            if state is None:
                message = f"the state of {chosen.continues}, from which this trial was to go on, is missing or damaged"
                self.failed(uid, {"kind": "data", "message": message})
                return False
        # What an earlier attempt left must not be taken for the end of this one.
        for record in (trial_files.FAILED, trial_files.FINAL, trial_files.WORKER):
            folder.remove(f"trials/{uid}/{record}")
        trial_files.write_record(folder.trial(uid), trial_files.PARAMS, chosen.payload())
        folder.send(f"trials/{uid}/{trial_files.PARAMS}")
        self._launches[uid] = Launch(chosen, attempt + 1, state, SlotTime(self._clock, asked))
        return True

    def _checkpoint(self, uid: str, result: Mapping[str, Any]) -> None:
        saved = result.get("checkpoint")
        if not saved:
            return
        trial = self.standing.open[uid]
        known = Checkpoint(int(saved.get("epoch", result["epoch"])), saved["path"], saved["sha256"])
        facts = {name: getattr(known, name) for name in Checkpoint.__slots__}
        times = self._launches[uid].time.so_far()
        self.ledger.append("checkpoint", uid=uid, **facts, values=trial.unwritten, times_s=times)
        trial.written = len(trial.reports)

    def _times(self, uid: str, last: Mapping[str, Any]) -> dict[str, Any]:
        """Where the time of a trial's slot went, as it lets go of that; nothing of one that has none.

        Args:
            uid: the trial.
            last: what it left, with its own times unless its worker died without a word.
        """
        launch, told = self._launches.get(uid), last.get("times_s")
        if launch is None:
            return {}
        launch.time.report(told)
        return {"times_s": launch.time.at_end(lost=not told)}

    def _requeue(self, uid: str, reason: str) -> None:
        times = self._times(uid, {})
        self._launches.pop(uid)
        # One that no worker has begun is in the ledger's queue still.
        if self.standing.open[uid].running:
            self.ledger.append("queued", uid=uid, reason=reason, **times)
        self.standing.requeue(uid)
        self.view.event("queued", uid, {"reason": reason})

    def _park(self, uid: str, times: Mapping[str, Any] | None = None) -> None:
        trial, times = self.standing.open[uid], self._times(uid, {}) if times is None else times
        self._launches.pop(uid, None)
        self.ledger.append("stopped", uid=uid, epochs=trial.epochs, values=trial.unwritten, **times)
        trial.written, trial.parked = len(trial.reports), True
        self.standing.requeue(uid)
        self.view.event("stopped", uid, {"epochs": trial.epochs})

    def _end(self, uid: str, state: str, values: list[float], record: Mapping[str, Any], updates: int = 0) -> None:
        self._launches.pop(uid, None)
        self.standing.end(uid, state, values, updates=updates)
        self.view.event(state, uid, record)
        self._clean_up.note_ends()
        self._clean_up.run()
