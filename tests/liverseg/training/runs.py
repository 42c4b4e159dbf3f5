"""Trainings of tiny packs, and what it means that two of them are the same."""

from __future__ import annotations

from typing import Any

import numpy as np

from liverseg.training.loop import TrainingRun
from tests.liverseg.training.packs import blob_pack

TRAIN, VALIDATION = blob_pack(2, 5, seed=1), blob_pack(2, 5, seed=2)
BUSY = {"augment_flip": 0.5, "augment_rotate_deg": 15.0, "augment_scale": 0.1, "augment_intensity": 0.3}
TIMES = ("seconds", "train_seconds", "inference_ms_per_slice")


class Stop(Exception):
    """Somebody asked the training to stop."""


class StopAtCall:
    """An `on_batch` that raises at its n-th call, counted from 1, and remembers the updates that it was told."""

    def __init__(self, call: int) -> None:
        self.left, self.updates = call, list[int]()

    def __call__(self, updates: int) -> None:
        self.updates.append(updates)
        self.left -= 1
        if not self.left:
            raise Stop


def finish(run: TrainingRun) -> TrainingRun:
    while not run.finished:
        run.run_epoch()
    return run


def curve(run: TrainingRun) -> list[tuple[float, ...]]:
    return [(record.loss, record.val_dice, record.learning_rate, *record.metrics.values()) for record in run.history]


def background(images: np.ndarray) -> np.ndarray:
    """Logits of a network that finds nothing."""
    return np.broadcast_to(np.float32([1.0, 0.0, 0.0]), (*images.shape[:3], 3))


def assert_same(first: TrainingRun, second: TrainingRun) -> None:
    """Same numbers, same weights, same best epoch, bit for bit."""
    np.testing.assert_array_equal(np.array(curve(first)), np.array(curve(second)))
    for one, other in zip(first.network.state().values(), second.network.state().values(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert first.best is not None and second.best is not None
    assert first.best.record.epoch == second.best.record.epoch and first.best.cases == second.best.cases
    for mine, yours in zip(first.best.weights, second.best.weights, strict=True):
        np.testing.assert_array_equal(mine, yours)


def timeless(run: TrainingRun) -> dict[str, Any]:
    """The final record without what a clock or the machine says."""
    record = run.final_record()
    history = {name: column for name, column in record["history"].items() if name not in TIMES}
    return {name: record[name] for name in record if name not in ("seconds", "cost")} | {"history": history}
