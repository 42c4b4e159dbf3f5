"""The best epoch's weights on disk: arrays and our own JSON, from which code alone rebuilds the network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from liverseg.config import TrainConfig
from liverseg.errors import ConfigError
from liverseg.inference.native import Logits
from liverseg.inference.predict import Forward
from liverseg.training.best import BestEpoch, Weights
from liverseg.training.checkpoint import Checkpoint, checkpoint_digest, load_checkpoint, save_checkpoint
from liverseg.training.device import memory_errors
from liverseg.training.record import plain

if TYPE_CHECKING:
    import keras

    from liverseg.preprocess.window import WindowParams


def write_best(folder: Path, config: TrainConfig, window: WindowParams, best: BestEpoch) -> str:
    """Write the best epoch's weights with all that a prediction needs to know, atomically.

    Args:
        folder: made when it is missing.
        config: the training.
        window: the intensity window as fitted to the training slices.
        best: the epoch.

    Returns:
        SHA-256 that stands for the whole checkpoint.

    Raises:
        OSError: the disk is full or cannot be written; the checkpoint before stays readable.
    """
    values = {
        "architecture": config.architecture,
        "options": dict(config.options),
        "parameters": dict(config.parameters),
        "labels": list(config.labels),
        "seed": config.seed,
        "epoch": best.record.epoch,
        "metrics": dict(best.record.metrics),
        "window": {name: getattr(window, name) for name in window.__slots__},
    }
    arrays = {"weights": {f"w{index:04d}": value for index, value in enumerate(best.weights)}}
    save_checkpoint(folder, Checkpoint(plain(values), arrays))
    return checkpoint_digest(folder)


def read_best(folder: Path) -> tuple[dict[str, Any], Weights]:
    """The values and weights that `write_best` wrote, every file checked against its digest.

    Raises:
        TrainingError: the checkpoint is missing or damaged.
    """
    checkpoint = load_checkpoint(folder)
    weights = checkpoint.arrays["weights"]
    return dict(checkpoint.values), tuple(weights[name] for name in sorted(weights))


def config_of(values: Mapping[str, Any]) -> TrainConfig:
    """The training that a checkpoint's values describe, as far as a prediction needs it."""
    return TrainConfig(
        architecture=values["architecture"],
        options=values["options"],
        parameters=values["parameters"],
        labels=tuple(values["labels"]),
        seed=values["seed"],
    )


def load_best(folder: Path) -> keras.Model:
    """The network of a checkpoint, built from code and given its weights.

    Raises:
        TrainingError: the checkpoint is missing or damaged.
        ConfigError: its weights do not fit the network that its architecture describes.
    """
    values, weights = read_best(folder)
    return build_trained(config_of(values), weights, str(folder))


def build_trained(config: TrainConfig, weights: Weights, where: str) -> keras.Model:
    """The network of a training, built from code and given these weights.

    Args:
        config: the training.
        weights: the network's variables, in its order.
        where: the weights come from, for the error.

    Raises:
        ConfigError: unknown architecture, or weights that do not fit it.
    """
    from liverseg.models.build import build_model

    model = build_model(
        config.architecture,
        size_px=config.get("size"),
        classes=config.classes,
        options=config.options,
        mixed_precision=config.get("mixed_precision"),
    )
    shapes = [tuple(variable.shape) for variable in model.variables]
    if shapes != [value.shape for value in weights]:
        raise ConfigError(
            "the weights do not fit the network", where=where, next_step="use the version that wrote them"
        )
    for variable, value in zip(model.variables, weights, strict=True):
        variable.assign(value)
    # Left to itself, Keras predicts with XLA wherever it sees a GPU, also for a network that was trained without.
    model.jit_compile = config.get("xla")
    return model


def forward_of(network: Any) -> Forward:
    """A trained network on one batch: float32 `(b, s, s, 1)` to logits float32 `(b, s, s, c)`.

    What it returns raises `MemoryExceeded` where a batch does not fit.
    """

    def predict(images: Logits) -> Logits:
        with memory_errors("prediction"):
            return np.asarray(network.predict_on_batch(images), np.float32)

    return predict
