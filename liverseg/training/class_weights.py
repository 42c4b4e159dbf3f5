"""How much each class weighs in a loss that has to know how often it occurs."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from liverseg.config import TrainConfig
from liverseg.losses import inverse_frequency_weights, loss
from liverseg.preprocess.arrays import Pack


def needs_class_weights(config: TrainConfig) -> bool:
    """Whether the configured loss has to know how often each class occurs."""
    return bool(loss(config.get("loss")).needs_class_weights)


def class_weights(config: TrainConfig, train: Pack) -> tuple[float, ...] | None:
    """One weight a class, from the training masks; None for a loss that needs none, and no mask is looked at."""
    if not needs_class_weights(config):
        return None
    return inverse_frequency_weights(class_pixels(train.mask, config.classes))


def class_pixels(masks: Iterable[npt.NDArray[np.uint8]], classes: int) -> list[int]:
    """Pixels of every class in masks, slice by slice; labels above the last class count as the last."""
    counts = np.zeros(256, np.int64)
    for mask in masks:
        counts += np.bincount(mask.ravel(), minlength=256)
    return [*counts[: classes - 1].tolist(), int(counts[classes - 1 :].sum())]
