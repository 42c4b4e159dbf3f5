"""One training, driven epoch by epoch by its caller, who reports, prunes and saves in between."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from liverseg.config import TrainConfig
from liverseg.errors import DeadlineError, NonFiniteError
from liverseg.inference.pictures import PictureChoice
from liverseg.inference.predict import PackScore, score_pack
from liverseg.losses import inverse_frequency_weights
from liverseg.metrics.summary import summarise
from liverseg.preprocess.arrays import Pack
from liverseg.preprocess.window import WindowParams, apply_window, window_for
from liverseg.training.augment import Augmentation
from liverseg.training.batches import BatchMaker, BatchPlan, class_pixels
from liverseg.training.best import BestEpoch, improves
from liverseg.training.cost import training_cost
from liverseg.training.network import CompiledNetwork, compile_network, needs_class_weights
from liverseg.training.plan import check_packs, planned_updates, stop_reason
from liverseg.training.record import EpochRecord, history_columns, plain
from liverseg.training.schedule import build_schedule
from liverseg.training.snapshot import Snapshot, load_snapshot, save_snapshot

OnBatch = Callable[[int], None]
"""Called after every batch with the updates so far; what it raises ends the epoch."""


class TrainingRun:
    """One architecture, one set of parameters, one seed, on one split.

    On a CPU with one thread the same configuration and packs give bit for bit the same weights and history, also when
    the training is saved after any epoch and continued by another object or process.

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
        self._pictures, self._clock = tuple(pictures), clock
        self._plan = BatchPlan(train.image.shape[0], config.get("batch_size"), config.seed)
        self._window = window_for(config.get("window"), train.foreground_hu)
        self._maker = _batch_maker(config, train, self._window)
        self._planned = planned_updates(config, self._plan.batches)
        self._schedule = build_schedule(config.get("schedule"), config.get("learning_rate"), self._planned)
        self.network: CompiledNetwork = compile_network(config, _class_weights(config, train))
        self.history: tuple[EpochRecord, ...] = ()
        self.best: BestEpoch | None = None
        self._stored: dict[str, str] = {}
        self._seconds_before = 0.0
        self._began = clock()

    @property
    def window(self) -> WindowParams:
        """The intensity window, as fitted to the training slices."""
        return self._window

    @property
    def stop_reason(self) -> str | None:
        """`epochs`, `updates` or `early_stopping` once the training is finished; None before."""
        return stop_reason(self.config, self._plan.batches, self.history)

    @property
    def finished(self) -> bool:
        """Whether no further epoch is to be trained."""
        return self.stop_reason is not None

    @property
    def updates(self) -> int:
        """Gradient updates so far."""
        return self.history[-1].updates if self.history else 0

    @property
    def seconds(self) -> float:
        """Seconds since the training began, those before a `restore` included and those between not."""
        return self._seconds_before + self._clock() - self._began

    def run_epoch(self, on_batch: OnBatch | None = None) -> EpochRecord:
        """Train and validate one epoch.

        Args:
            on_batch: called after every batch.

        Raises:
            NonFiniteError: a loss was NaN or infinite.
            DeadlineError: the training ran past its deadline.
            MemoryExceeded: a batch did not fit.
            RuntimeError: the training is finished.
        """
        if self.finished:
            raise RuntimeError(f"the training is finished ({self.stop_reason})")
        epoch, began = len(self.history) + 1, self._clock()
        losses, rate = self._train_epoch(epoch, on_batch)
        trained = self._clock()
        with self.network.settled():
            scored = self._score()
            metrics = summarise(scored.cases, self.config.labels)
            record = EpochRecord(
                epoch=epoch,
                updates=self.updates + len(losses),
                loss=math.fsum(losses) / len(losses),
                val_dice=metrics["val_dice"],
                learning_rate=rate,
                seconds=self._clock() - began,
                train_seconds=trained - began,
                inference_ms_per_slice=scored.ms_per_slice,
                metrics=metrics,
            )
            self._close_epoch(record, scored)
        return record

    def final_record(self, reason: str | None = None) -> dict[str, Any]:
        """What remains of a training with at least one epoch, as plain JSON values; undefined numbers are None.

        Args:
            reason: why it ended, when the caller ended it (pruned, stopped); otherwise `stop_reason`.

        Returns:
            `metrics`, `cases` (`[uid, patient, dice_liver, dice_tumour, has_tumour]`) and `best_epoch` of the best
            epoch; `epochs`, `updates`, `seconds`, `stop_reason`, `cost` and `history` of all.

        Raises:
            RuntimeError: no epoch was trained.
        """
        if self.best is None:
            raise RuntimeError("no epoch was trained")
        rows = [case.as_dict() for case in self.best.cases]
        columns = ("uid", "patient", "dice_liver", "dice_tumour", "has_tumour")
        record = {
            "metrics": dict(self.best.record.metrics),
            "best_epoch": self.best.record.epoch,
            "epochs": len(self.history),
            "updates": self.updates,
            "seconds": self.seconds,
            "stop_reason": reason or self.stop_reason,
            "cost": training_cost(self.network.model, self.history),
            "cases": [[row.get(name) for name in columns] for row in rows],
            "history": history_columns(self.history),
        }
        values: dict[str, Any] = plain(record)
        return values

    def save(self, folder: Path) -> None:
        """Write everything that `restore` needs, atomically; a crash leaves the checkpoint before whole.

        Raises:
            OSError: the disk is full or cannot be written.
        """
        snapshot = Snapshot(self.history, self.best, self._schedule.state(), self.seconds, self.network.state())
        self._stored = save_snapshot(folder, snapshot, self.config, self._train, self._validation, self._stored)

    def restore(self, folder: Path) -> None:
        """Continue from what `save` wrote, also with more epochs than it was planned for.

        Raises:
            TrainingError: the checkpoint is missing or damaged.
            ConfigError: it belongs to another training.
        """
        snapshot = load_snapshot(folder, self.config, self._train, self._validation)
        self.network.restore(snapshot.network)
        self._schedule.restore(snapshot.schedule)
        self.history, self.best = snapshot.history, snapshot.best
        self._seconds_before, self._began = snapshot.seconds, self._clock()

    def _train_epoch(self, epoch: int, on_batch: OnBatch | None) -> tuple[list[float], float]:
        """Losses of the epoch's batches and the last learning rate; the epoch is cut short at the planned updates."""
        losses: list[float] = []
        rate = math.nan
        rows = self._plan.rows(epoch)[: self._planned - self.updates]
        for k, chosen in enumerate(rows):
            self._check_deadline()
            images, masks = self._maker.batch(chosen, epoch, k * self._plan.batch_size)
            rate = self._schedule.rate(self.updates + k)
            losses.append(self._check_loss(self.network.train(images, masks, rate), epoch, k))
            if on_batch is not None:
                on_batch(self.updates + k + 1)
        return losses, rate

    def _score(self) -> PackScore:
        def forward(images: Any) -> Any:
            self._check_deadline()
            return self.network.predict(images)

        size = min(self.config.get("batch_size"), self._validation.image.shape[0])
        return score_pack(forward, self._validation, self._window, self.config.labels, size, self._pictures)

    def _close_epoch(self, record: EpochRecord, scored: PackScore) -> None:
        if improves(record.val_dice, self.best.record.val_dice if self.best else None):
            self.best = BestEpoch(record, scored.cases, scored.pictures, self.network.weights())
            self._stored = {}
        self.history = (*self.history, record)
        self._schedule.observe(record.val_dice)

    def _check_loss(self, loss: float, epoch: int, batch: int) -> float:
        if not math.isfinite(loss):
            raise NonFiniteError(
                "the loss is not finite",
                where=f"epoch {epoch}, batch {batch + 1}",
                got=loss,
                next_step="lower learning_rate, or turn mixed_precision off",
            )
        return loss

    def _check_deadline(self) -> None:
        limit = self.config.deadline_s
        if limit is not None and self.seconds > limit:
            raise DeadlineError(
                "the training ran past its deadline",
                where=f"epoch {len(self.history) + 1}",
                got=f"{self.seconds:.0f} s",
                allowed=f"{limit:g} s",
                next_step="raise the deadline, or lower epochs, size or the network's width",
            )


def _batch_maker(config: TrainConfig, train: Pack, window: WindowParams) -> BatchMaker:
    ends = apply_window(np.array([[[-32768, 32767]]], np.int16), window).ravel()
    augmentation = Augmentation.of(config, span=float(ends[1] - ends[0]), air=float(ends[0]))
    return BatchMaker(train, window, augmentation, config.classes - 1, config.seed)


def _class_weights(config: TrainConfig, train: Pack) -> tuple[float, ...] | None:
    if not needs_class_weights(config):
        return None
    return inverse_frequency_weights(class_pixels(train.mask, config.classes))
