"""One training, driven epoch by epoch by its caller, who reports, prunes and saves in between, or after any batch."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from liverseg.config import TrainConfig
from liverseg.errors import TrainingError
from liverseg.inference.pictures import PictureChoice
from liverseg.inference.predict import PackScore, score_pack
from liverseg.metrics.full import FullScore
from liverseg.metrics.summary import summarise
from liverseg.preprocess.arrays import Pack
from liverseg.preprocess.window import WindowParams, window_for
from liverseg.training.batches import BatchMaker, BatchPlan
from liverseg.training.best import BestEpoch, improves
from liverseg.training.class_weights import class_weights
from liverseg.training.compiled import NETWORKS
from liverseg.training.cost import training_cost
from liverseg.training.epoch_part import EpochPart
from liverseg.training.final import final_record
from liverseg.training.full_scores import OnVolume, score_best, unseen
from liverseg.training.limits import check_deadline, check_loss
from liverseg.training.network import CompiledNetwork
from liverseg.training.plan import check_packs, planned_updates, stop_reason
from liverseg.training.record import EpochRecord
from liverseg.training.schedule import Schedule, build_schedule
from liverseg.training.snapshot import Snapshot, load_snapshot, save_snapshot
from liverseg.training.spans import VALIDATION, span
from liverseg.training.state_file import usable
from liverseg.training.time_spent import TimeSpent

OnBatch = Callable[[int], None]
"""Called with the updates so far after every batch of training, and between the batches of a validation.

What it raises interrupts the epoch, which `run_epoch` then continues, in this object or in one that was restored.
"""


class TrainingRun:
    """One architecture, one set of parameters, one seed, on one split.

    On a CPU with one thread the same configuration and packs give bit for bit the same weights and history, also when
    the training is saved after any batch and continued by another object or process.

    Args:
        config: what to train.
        train: training slices; read in place, never copied as a whole.
        validation: validation scans, every slice present.
        pictures: validation slices to draw after every better epoch.
        clock: seconds that only go forward; tests pass their own.

    Raises:
        ConfigError: the configuration cannot be trained on these packs.
        MemoryExceeded: the network did not fit.
    """

    def __init__(
        self,
        config: TrainConfig,
        train: Pack,
        validation: Pack,
        *,
        pictures: Sequence[PictureChoice] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        check_packs(config, train, validation)
        self.config = config
        self._train, self._validation = train, validation
        self._pictures = tuple(pictures)
        self._plan = BatchPlan(train.image.shape[0], config.get("batch_size"), config.seed)
        self._window = window_for(config.get("window"), train.foreground_hu)
        self._maker = BatchMaker.of(config, train, self._window)
        self._planned = planned_updates(config, self._plan.batches)
        self._schedule = self._new_schedule()
        self.network: CompiledNetwork = NETWORKS.take(config, class_weights(config, train))
        self.history: tuple[EpochRecord, ...] = ()
        self.best: BestEpoch | None = None
        self._part = EpochPart()
        self._whole = True
        self._stored: dict[str, str] = {}
        self._time = TimeSpent(clock)

    @property
    def window(self) -> WindowParams:
        """The intensity window, as fitted to the training slices."""
        return self._window

    @property
    def stop_reason(self) -> str | None:
        """`epochs`, `updates`, `early_stopping` or `plateau` once the training is finished; None before."""
        return stop_reason(self.config, self._plan.batches, self.history)

    @property
    def finished(self) -> bool:
        """Whether no further epoch is to be trained."""
        return self.stop_reason is not None

    @property
    def updates(self) -> int:
        """Gradient updates so far, those of an interrupted epoch included."""
        return self._updates_before + self._part.batches

    @property
    def seconds(self) -> float:
        """Seconds since the training began, those before a `restore` included and those between not."""
        return self._time.all_s

    @property
    def attempt_seconds(self) -> float:
        """Seconds since this object was made or last restored; the deadline counts these."""
        return self._time.attempt_s

    def run_epoch(self, on_batch: OnBatch | None = None) -> EpochRecord:
        """Train and validate one epoch, or what is left of an interrupted one.

        After an interruption (`on_batch` raised, or the deadline passed) the training stands between two batches: it
        can be saved, and another call goes on with the next batch. An interrupted validation is done again. After any
        other error inside an update the network is no longer one that can be continued; only `restore` helps.

        Args:
            on_batch: called after every batch, also while validating.

        Returns:
            The epoch's record. Its `seconds` are those of its batches and of the validation that came to its end.

        Raises:
            NonFiniteError: a loss was NaN or infinite.
            DeadlineError: this attempt ran past its deadline.
            MemoryExceeded: a batch did not fit.
            TrainingError: an update failed before.
            RuntimeError: the training is finished.
        """
        if self.finished:
            raise RuntimeError(f"the training is finished ({self.stop_reason})")
        self._check_whole()
        self._train_batches(on_batch)
        began = self._time.now()
        with span(VALIDATION), self.network.settled():
            scored = self._score(on_batch)
            record = self._part.whole(
                epoch=len(self.history) + 1,
                updates=self.updates,
                metrics=summarise(scored.cases, self.config.labels),
                ms_per_slice=scored.ms_per_slice,
                seconds=self._part.seconds + self._time.now() - began,
            )
            self._close_epoch(record, scored)
        return record

    def final_record(self, reason: str | None = None) -> dict[str, Any]:
        """What remains of the training, see `liverseg.training.final.final_record`.

        Args:
            reason: why it ended, when the caller ended it (pruned, stopped); otherwise `stop_reason`.

        Raises:
            RuntimeError: no epoch came to its end.
        """
        if self.best is None:
            raise RuntimeError("no epoch came to its end")
        return final_record(
            self.best,
            self.history,
            updates=self.updates,
            seconds=self.seconds,
            reason=reason or self.stop_reason,
            cost=training_cost(self.network.model, self.history),
        )

    def score_best(
        self, beat: Callable[[], None] = lambda: None, on_volume: OnVolume = unseen
    ) -> tuple[FullScore, ...]:
        """Surface distances and lesions of the best epoch, which is predicted once more. Nothing of the training changes.

        Args:
            beat: called after every batch and every scan; what it raises ends the scoring, which can be repeated.
            on_volume: sees the prediction of every scan, one at a time.

        Raises:
            MemoryExceeded: a batch did not fit.
            RuntimeError: no epoch came to its end.
        """
        if self.best is None:
            raise RuntimeError("no epoch came to its end")
        return score_best(self.network, self.best, self._validation, self._window, self._score_batch, beat, on_volume)

    def save(self, folder: Path) -> None:
        """Write everything that `restore` needs, atomically; a crash leaves the checkpoint before whole.

        Between two epochs, after an interruption, and also from within `on_batch`.

        Raises:
            OSError: the disk is full or cannot be written.
            TrainingError: an update failed, so the network is not one to continue.
        """
        self._check_whole()
        snapshot = Snapshot(
            history=self.history,
            best=self.best,
            part=self._part,
            schedule=self._schedule.state(),
            seconds=self.seconds,
            network=self.network.state(),
        )
        self._stored = save_snapshot(folder, snapshot, self.config, self._train, self._validation, self._stored)

    def restore(self, folder: Path) -> None:
        """Continue from what `save` wrote, also with more epochs than it was planned for.

        Raises:
            TrainingError: the checkpoint is missing or damaged, or does not fit the network.
            ConfigError: it belongs to another training. After either error this training is what it was before.
        """
        snapshot = load_snapshot(folder, self.config, self._train, self._validation)
        schedule = self._new_schedule()
        with usable(folder):
            schedule.restore(snapshot.schedule)
            self.network.restore(snapshot.network)
        self._schedule, self._part = schedule, snapshot.part
        self.history, self.best = snapshot.history, snapshot.best
        self._whole, self._stored = True, {}
        self._time.go_on(snapshot.seconds)

    def release(self) -> None:
        """Hand the network on to the next training of the same graph in this process; this one is over for good.

        Nothing of it can be used any more but what it has returned. A network whose update failed is not handed on.
        """
        network = self.network
        del self.network
        if self._whole:
            NETWORKS.give_back(self.config, network)

    @property
    def _updates_before(self) -> int:
        """Gradient updates before the epoch that is being trained."""
        return self.history[-1].updates if self.history else 0

    def _new_schedule(self) -> Schedule:
        return build_schedule(self.config.get("schedule"), self.config.get("learning_rate"), self._planned)

    def _train_batches(self, on_batch: OnBatch | None) -> None:
        """The batches that are left of the epoch, which is cut short at the planned updates."""
        part, epoch = self._part, len(self.history) + 1
        before, began = part.seconds, self._time.now()
        rows = self._plan.rows(epoch)[: self._planned - self._updates_before]
        for k in range(part.batches, len(rows)):
            self._check_deadline()
            images, masks = self._maker.batch(rows[k], epoch, k * self._plan.batch_size)
            rate = self._schedule.rate(self._updates_before + k)
            self._whole = False
            loss = check_loss(self.network.train(images, masks, rate), epoch=epoch, batch=k + 1)
            part.losses.append(loss)
            part.learning_rate, part.seconds = rate, before + self._time.now() - began
            self._whole = True
            if on_batch is not None:
                on_batch(self.updates)
        part.seconds = before + self._time.now() - began

    def _score(self, on_batch: OnBatch | None) -> PackScore:
        """Scores of the validation scans; changes nothing that training goes on from."""
        first = True

        def forward(images: Any) -> Any:
            nonlocal first
            if on_batch is not None and not first:
                on_batch(self.updates)
            first = False
            self._check_deadline()
            return self.network.predict(images)

        labels = self.config.labels
        return score_pack(forward, self._validation, self._window, labels, self._score_batch, self._pictures)

    @property
    def _score_batch(self) -> int:
        """Slices a batch of a validation."""
        return int(min(self.config.get("batch_size"), self._validation.image.shape[0]))

    def _close_epoch(self, record: EpochRecord, scored: PackScore) -> None:
        if improves(record.val_dice, self.best.record.val_dice if self.best else None):
            self.best = BestEpoch(record, scored.cases, scored.pictures, self.network.weights())
            self._stored = {}
        self.history, self._part = (*self.history, record), EpochPart()
        self._schedule.observe(record.val_dice)

    def _check_whole(self) -> None:
        if not self._whole:
            raise TrainingError(
                "an update of this training failed half way, so it cannot go on from here",
                where=f"epoch {len(self.history) + 1}, batch {self._part.batches + 1}",
                next_step="restore the last checkpoint",
            )

    def _check_deadline(self) -> None:
        check_deadline(self.attempt_seconds, self.config.deadline_s, epoch=len(self.history) + 1)
