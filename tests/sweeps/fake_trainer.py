"""A trainer without a network: the curve, the state and the faults of a training, in milliseconds.

Named `tests.sweeps.fake_trainer:FakeRun` in a `TrialSetting`. It is driven like `liverseg.training.loop.TrainingRun` and
writes checkpoints that `liverseg.training.position.read_position` reads, but imports neither Keras nor TensorFlow.

The curve is a function of parameters, seed, epoch, and of a number that every batch changes: a training that lost or
repeated a batch ends with another score.

What may be set:

- environment `FAKE_PAUSE_S`: seconds that an epoch takes, spread over its batches (default 0).
- parameter `weight_decay`: the fault, by the code of `tests.sweeps.faults.fault_code(name)`; 0 is none.
- parameter `augment_rotate_deg`: the epoch in whose second batch the fault strikes (default 0: at once in epoch 1).
- environment `FAKE_ONCE`: an existing folder; each configuration's fault then strikes only the first time.
- environment `FAKE_LOG`: a file that gets a line for every epoch that was trained to its end.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from liverseg.config import TrainConfig
from liverseg.metrics.score import CaseScore, LabelScore
from liverseg.preprocess.window import WindowParams
from liverseg.training.best import BestEpoch, improves
from liverseg.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from liverseg.training.epoch_part import EpochPart
from liverseg.training.final import final_record
from liverseg.training.plan import stop_reason
from liverseg.training.record import EpochRecord
from tests.sweeps.faults import DEEDS, FAULTS

FAKE = "tests.sweeps.fake_trainer:FakeRun"
BATCHES = 4
VALIDATION_BATCHES = 2


class FakeRun:
    """See the module."""

    needs_packs = False

    def __init__(
        self,
        config: TrainConfig,
        train: None,
        validation: None,
        *,
        pictures: Sequence[Any] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.config = config
        self.window = WindowParams("study", -45.0, 105.0, -45.0, 150.0)
        self.history: tuple[EpochRecord, ...] = ()
        self.best: BestEpoch | None = None
        self.weight = 0.0
        self._part = EpochPart()
        self._stored: dict[str, str] = {}
        self._clock, self._before, self._began = clock, 0.0, clock()
        self._taken: list[bytearray] = []
        self._pause_s = float(os.environ.get("FAKE_PAUSE_S", "0")) / (BATCHES + VALIDATION_BATCHES)

    @property
    def stop_reason(self) -> str | None:
        return stop_reason(self.config, BATCHES, self.history)

    @property
    def finished(self) -> bool:
        return self.stop_reason is not None

    @property
    def seconds(self) -> float:
        return self._before + self._clock() - self._began

    @property
    def updates(self) -> int:
        return BATCHES * len(self.history) + self._part.batches

    def run_epoch(self, on_batch: Callable[[int], None] | None = None) -> EpochRecord:
        assert not self.finished
        epoch, began = len(self.history) + 1, self._clock()
        tell = on_batch or (lambda updates: None)
        for batch in range(self._part.batches, BATCHES):
            self._strike(epoch, batch)
            time.sleep(self._pause_s)
            self.weight = 0.9 * self.weight + self._noise(epoch, batch)
            self._part.losses.append(1.0 / epoch + 0.01 * abs(self.weight))
            tell(self.updates)
        for _ in range(VALIDATION_BATCHES):
            time.sleep(self._pause_s)
            tell(self.updates)
        return self._close(epoch, self._clock() - began)

    def final_record(self, reason: str | None = None) -> dict[str, Any]:
        assert self.best is not None
        return final_record(
            self.best,
            self.history,
            updates=self.updates,
            seconds=self.seconds,
            reason=reason or self.stop_reason,
            cost={"parameters": 1000, "gflops": 0.5, "peak_memory_mb": 50.0, "s_per_epoch": 0.1},
        )

    def save(self, folder: Path) -> None:
        values = {
            "identity": self._identity(),
            "history": [record.as_dict() for record in self.history],
            "best_epoch": self.best.record.epoch if self.best else None,
            "part": self._part.as_dict(),
            "schedule": {},
            "seconds": self.seconds,
        }
        save_checkpoint(folder, Checkpoint(values, {"network": {"m0000": np.array([self.weight])}}))

    def restore(self, folder: Path) -> None:
        checkpoint = load_checkpoint(folder)
        values = checkpoint.values
        assert values["identity"] == self._identity(), "the state of another training"
        self.history = tuple(EpochRecord.from_dict(row) for row in values["history"])
        self.weight = float(checkpoint.arrays["network"]["m0000"][0])
        self._part = EpochPart.from_dict(values["part"])
        epoch = values["best_epoch"]
        self.best = self._best(self.history[epoch - 1]) if epoch else None
        self._before, self._began = float(values["seconds"]), self._clock()

    def _close(self, epoch: int, seconds: float) -> EpochRecord:
        metrics = self._metrics(epoch)
        losses = self._part.losses
        record = EpochRecord(
            epoch=epoch,
            updates=BATCHES * epoch,
            loss=math.nan if self._strikes("nan_loss", epoch) else math.fsum(losses) / len(losses),
            val_dice=metrics.get("val_dice", math.nan),
            learning_rate=self.config.get("learning_rate"),
            seconds=seconds,
            train_seconds=seconds,
            inference_ms_per_slice=1.0,
            metrics=metrics,
        )
        score = record.val_dice if isinstance(record.val_dice, float) else math.nan
        if improves(score, self.best.record.val_dice if self.best else None):
            self.best = self._best(record)
        self.history, self._part = (*self.history, record), EpochPart()
        if path := os.environ.get("FAKE_LOG"):
            with Path(path).open("a") as log:
                log.write(f"{self.config.architecture} {self.config.get('learning_rate')} {epoch}\n")
        return record

    def _metrics(self, epoch: int) -> dict[str, Any]:
        dice = self._dice(epoch)
        metrics: dict[str, Any] = {"dice_liver_mean": dice, "dice_tumour_mean": dice / 2, "n_patients": 2}
        names = {"nan": math.nan, "inf": math.inf, "text": "good"}
        value = next((value for name, value in names.items() if self._strikes(name, epoch)), 0.75 * dice)
        return metrics if self._strikes("missing", epoch) else {**metrics, "val_dice": value}

    def _dice(self, epoch: int) -> float:
        """Best near a learning rate of 1e-3, rising with the epochs, and moved a little by every batch so far."""
        quality = math.exp(-((math.log10(self.config.get("learning_rate")) + 3.0) ** 2))
        return quality * (1.0 - math.exp(-epoch / 3.0)) * 0.9 + 0.05 * (1.0 + math.tanh(self.weight))

    def _noise(self, epoch: int, batch: int) -> float:
        text = json.dumps([self._identity(), epoch, batch], sort_keys=True)
        return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) / 2**32 - 0.5

    def _identity(self) -> dict[str, Any]:
        config = self.config
        parameters = dict(config.parameters)
        return {"architecture": config.architecture, "parameters": parameters, "seed": config.seed}

    def _best(self, record: EpochRecord) -> BestEpoch:
        cases = tuple(self._case(number, record.metrics["dice_liver_mean"]) for number in range(2))
        return BestEpoch(record, cases, (), (np.full(3, self.weight, np.float32),))

    def _case(self, number: int, dice: float) -> CaseScore:
        common = round(1000 * dice)
        labels = tuple(LabelScore(label, 1000, 1000, common, dice, 0.0) for label in self.config.labels)
        uid = f"c{number:03d}"
        return CaseScore(uid, uid, slices=10, voxel_ml=0.001, reference_burden=0.1, has_tumour=True, labels=labels)

    @property
    def _fault(self) -> str | None:
        number = round(100 * self.config.get("weight_decay"))
        return FAULTS[number - 1] if 1 <= number <= len(FAULTS) else None

    def _strikes(self, name: str, epoch: int) -> bool:
        return self._fault == name and epoch >= max(1, int(self.config.get("augment_rotate_deg")))

    def _strike(self, epoch: int, batch: int) -> None:
        """Do the fault that ends an epoch, if it is due: before its first batch in epoch 0, else before the second."""
        wanted = int(self.config.get("augment_rotate_deg"))
        name = self._fault
        due = (epoch, batch) == ((wanted, 1) if wanted else (1, 0))
        if name == "slow" and (epoch, batch) >= ((wanted, 1) if wanted else (1, 0)):
            time.sleep(100 * self._pause_s or 0.2)
        elif due and name in DEEDS and self._first_time():
            DEEDS[name](self._taken)

    def _first_time(self) -> bool:
        folder = os.environ.get("FAKE_ONCE")
        if not folder:
            return True
        name = hashlib.sha256(json.dumps(self._identity(), sort_keys=True).encode()).hexdigest()[:16]
        try:
            (Path(folder) / name).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True
