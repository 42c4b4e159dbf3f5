"""The training of one trial in one process: an epoch a step, with its records on disk before every report.

The order of writing is what makes a kill at any moment harmless: history and best epoch first, then `latest.json`, then the
resumable state, then (after the last epoch) `final.json`, and only then the result that the driver sees. So whoever finds
a state finds the record of its last epoch too, and can end the trial there if the search wants it so.
"""

from __future__ import annotations

import os
import socket
import time
import traceback
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from liverseg.config import TrainConfig
from liverseg.errors import DeadlineError
from results.errors import ResultsError
from sweeps import trial_files
from sweeps.errors import SweepError
from sweeps.executor.artefacts import Artefacts
from sweeps.executor.desk import desk_for
from sweeps.executor.failure import disk_full, disk_message, failure_kind, failure_message, sent_away, store_trouble
from sweeps.executor.full_scores import with_full_scores
from sweeps.executor.guard import Guard, Limits, Stand, deadline_message
from sweeps.executor.networks import hand_on, held, origin, relieve, tidy
from sweeps.executor.pulse import Pulse, StopRequested
from sweeps.executor.report import checked_report
from sweeps.executor.setting import TrialSetting
from sweeps.executor.trainer import Trainer, build_trainer, trial_config
from sweeps.executor.trial_log import TrialLog

if TYPE_CHECKING:
    from liverseg.training.record import EpochRecord


class TrialSession:
    """One attempt of one trial. Nothing is touched before the first step.

    Args:
        payload: `uid`, `architecture`, `parameters`, `seed`, `fold`, `epochs`, `attempt` (from 1) and `state`: None, or the path
            below the sweep's folder of the state to go on from, which may be another trial's.
        setting: what all trials share.
        node_id: Ray's name of this machine, if there is one.
    """

    def __init__(self, payload: Mapping[str, Any], setting: TrialSetting, node_id: str | None = None) -> None:
        self.payload, self.setting, self.node_id = payload, setting, node_id
        self._desk = desk_for(setting, payload["uid"], payload["attempt"])
        sweep = self._desk.sweep
        self.folder = sweep / "trials" / payload["uid"]
        self.run: Trainer | None = None
        self._config: TrainConfig | None = None
        limits = Limits(setting.memory_bytes, setting.deadline_s, setting.stall_s)
        self._log = TrialLog(payload["uid"], self.folder / trial_files.LOG)
        self._guard = Guard(self.folder, limits, self._stand, tell=self._desk.last_word, relieve=relieve)
        self._pulse = Pulse(self.folder / trial_files.HEARTBEAT, sweep / trial_files.STOP, self._guard.beat)
        self._artefacts = Artefacts(sweep, payload["uid"], setting.keep_last)
        self._begun = self._unsaved = self._failed = False

    def step(self) -> dict[str, Any]:
        """Train and validate one epoch and write the records.

        Returns:
            After an epoch: its metrics and numbers (None where not finite), `checkpoint` (`epoch`, `path`, `sha256`; None
            when no state was saved), `last`, `done` and `graphs` (see `sweeps.executor.networks.held`). When all were
            asked to stop: `stopped`, `done`, `epoch`, `last` and `checkpoint`. When the disk is full: `disk_full`,
            `done`, `epoch`, `last` and `message`; also when the store does not answer, with `store`.

        Raises:
            SweepError: the trial failed; `failed.json` says why in one line.
            SystemExit: Ray ends the worker; the trial's records stay as they are.
        """
        try:
            self._begin()
            with self._log.captured(), self._guard.watching():
                result = self._step()
                self._desk.deliver(self._pulse.beat, whole=result["done"])
            if result["done"]:
                self._desk.clear()
            return result
        # Also `sys.exit` and a keyboard interrupt inside a trainer end the trial, and not the worker without a word.
        except BaseException as error:
            if sent_away(error):
                raise
            return self._end(error)

    def close(self) -> None:
        """Hand the network on or free it, end the guard and close the log."""
        self._guard.close()
        if self.run is not None:
            handed_on = not self._failed and hand_on(self.run)
            self.run = None
            tidy(handed_on=handed_on)
        self._log.close()
        self._desk.clear()

    def _begin(self) -> None:
        """Sign for the attempt."""
        if self._begun:
            return
        self._desk.begin(self.payload["state"])
        self.folder.mkdir(parents=True, exist_ok=True)
        self._artefacts.begin(self.payload["state"])
        worker = {"pid": os.getpid(), "host": socket.gethostname(), "node_id": self.node_id, "began": time.time()}
        worker |= {"attempt": self.payload["attempt"], **self._desk.facts()}
        trial_files.write_record(self.folder, trial_files.WORKER, worker)
        self._desk.deliver(whole=False)
        self._guard.start()
        self._begun = True

    def _step(self) -> dict[str, Any]:
        try:
            self._pulse.beat()
            self._pulse.check_stop()
            if self.run is None:
                self._build()
                self._pulse.check_stop()
            assert self.run is not None
            return self._epoch(self.run)
        except StopRequested:
            return self._stopped()
        except DeadlineError:
            # Another attempt, with a later deadline, goes on from here.
            if self.run is not None and self._unsaved:
                self._save(self.run)
            raise

    def _build(self) -> None:
        """Build the trainer and bring it to where this attempt goes on."""
        state = self.payload["state"]
        self._config = trial_config(self.payload, self.setting)
        self._log.info(f"attempt {self.payload['attempt']} from {state or 'the beginning'}: {self._config}")
        run = build_trainer(self._config, self.setting, int(self.payload.get("fold") or 0), self._pulse.batch)
        self._pulse.beat()
        if said := origin(run):
            self._log.info(said)
        if state is not None:
            run.restore(self._desk.sweep / state)
            self._unsaved = not self._artefacts.agree(run, state)
            self._tell_latest(run)
        self.run = run
        self._pulse.beat()

    def _epoch(self, run: Trainer) -> dict[str, Any]:
        # A trial that was cut off after its last state and before its final record has no epoch left to train.
        record = run.history[-1] if run.finished else self._train(run)
        self._pulse.beat()
        final = run.final_record()
        report = checked_report(record, final, self.setting.objectives)
        self._log.info(_line(report))
        self._artefacts.epoch(run, record)
        last = run.finished
        due = last or record.epoch % self.setting.save_every == 0
        final = {**final, "weights": self._artefacts.weights}
        trial_files.write_record(self.folder, trial_files.LATEST, final)
        saved = self._save(run) if due else None
        result = {**report, "checkpoint": saved, "last": last, "done": last, "graphs": held(run)}
        self._pulse.beat()
        if last:
            final = with_full_scores(run, final, self.folder, self._pulse.batch)
            self._guard.settle()
            trial_files.write_record(self.folder, trial_files.FINAL, final)
        return result

    def _train(self, run: Trainer) -> EpochRecord:
        record = run.run_epoch(self._on_batch)
        self._unsaved = True
        return record

    def _tell_latest(self, run: Trainer) -> None:
        """Make the record of the latest epoch that of a restored run."""
        if run.history:
            record = {**run.final_record(), "weights": self._artefacts.weights}
            trial_files.write_record(self.folder, trial_files.LATEST, record)
        else:
            (self.folder / trial_files.LATEST).unlink(missing_ok=True)

    def _on_batch(self, updates: int) -> None:
        self._unsaved = True
        self._pulse.batch()
        deadline = self.setting.deadline_s
        if deadline is not None and self._guard.seconds > deadline:
            raise DeadlineError(deadline_message(deadline, self._epochs))

    def _save(self, run: Trainer) -> Mapping[str, Any]:
        """Save what is not saved yet; the newest state."""
        if self._unsaved or self._artefacts.state is None:
            self._artefacts.save(run)
            self._unsaved = False
        assert self._artefacts.state is not None
        return self._artefacts.state

    def _stopped(self) -> dict[str, Any]:
        """Keep what was done, also of an epoch that was cut short, and let go."""
        saved = self._save(self.run) if self.run is not None and self._unsaved else self._artefacts.state
        epoch = self._epochs if self.run is not None else self._epochs_on_disk()
        self._log.info(f"stopped after epoch {epoch}")
        return {"stopped": True, "done": True, "epoch": epoch, "last": False, "checkpoint": saved}

    def _end(self, error: BaseException) -> dict[str, Any]:
        """Say why the trial gave up, or that the disk is full, which is no trial's fault.

        Raises:
            SweepError: the trial failed.
        """
        self._failed = True
        kind, message = failure_kind(error), failure_message(error, self._conditions, self.setting.gpus)
        full: BaseException = error
        try:
            if not disk_full(error):
                self._log.error("".join(traceback.format_exception(error)))
                seconds = self._guard.seconds
                trial_files.write_failure(self.folder, kind, message, epochs=self._epochs, seconds=seconds)
                self._desk.deliver()
                # Its traceback is in the log; what it refers to may not survive the way to the driver.
                raise SweepError(message) from None
        except (OSError, ResultsError) as other:
            if not disk_full(other):
                raise
            full = other
        result = {"disk_full": True, "done": True, "epoch": self._epochs, "last": False, "message": disk_message(full)}
        return result | ({"store": True} if store_trouble(full) else {})

    @property
    def _epochs(self) -> int:
        return len(self.run.history) if self.run is not None else 0

    def _epochs_on_disk(self) -> int:
        """Epochs of the state that this attempt was to go on from; its arrays are not looked at."""
        from liverseg.training.state_file import STATE, parse_state, usable

        if self.payload["state"] is None:
            return 0
        folder = self._desk.sweep / self.payload["state"]
        with usable(folder):
            return len(parse_state((folder / STATE).read_bytes()).values["history"])

    @property
    def _conditions(self) -> str:
        """What decides how much memory a training takes."""
        config = self._config
        if config is None:
            return ""
        gpus = f", trial.gpus {self.setting.gpus:g}" if self.setting.gpus else ""
        return f"batch_size {config.get('batch_size')}, size {config.get('size')}{gpus}"

    def _stand(self) -> Stand:
        return Stand(self._epochs, self._conditions)


def _line(report: Mapping[str, Any]) -> str:
    """An epoch for the log; numbers that are not finite are None."""
    shown = [(name, report.get(name)) for name in ("loss", "val_dice", "seconds")]
    numbers = [f"{name} {value:.5g}" if value is not None else f"{name} undefined" for name, value in shown]
    return f"epoch {report['epoch']}: {', '.join(numbers)}"
