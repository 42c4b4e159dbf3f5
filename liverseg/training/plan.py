"""How long a training may go on, and why it ended: pure functions of the configuration and the epochs so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from liverseg.config import PARAMETERS, TrainConfig
from liverseg.errors import ConfigError
from liverseg.preprocess.arrays import Pack
from liverseg.training.best import epochs_without_gain
from liverseg.training.plateau import flattened
from liverseg.training.record import EpochRecord


def planned_updates(config: TrainConfig, batches: int) -> int:
    """Gradient updates of the whole training: the configured epochs, or the configured updates if those are fewer."""
    by_epochs = config.epochs * batches
    return by_epochs if config.updates is None else min(by_epochs, config.updates)


def stop_reason(config: TrainConfig, batches: int, history: Sequence[EpochRecord]) -> str | None:
    """Why no further epoch is trained: `epochs`, `updates`, `early_stopping` or `plateau`; None when one is."""
    done = history[-1].updates if history else 0
    if done >= planned_updates(config, batches):
        return "epochs" if len(history) >= config.epochs else "updates"
    scores = [record.val_dice for record in history]
    if config.early_stopping is not None and history and epochs_without_gain(scores) >= config.early_stopping:
        return "early_stopping"
    if config.plateau is not None and flattened(scores, config.plateau):
        return "plateau"
    return None


def check_packs(config: TrainConfig, train: Pack, validation: Pack) -> None:
    """Refuse what cannot be trained before anything is built.

    Raises:
        ConfigError: nothing to train or validate on, slices of another size than configured, or no epochs.
    """
    if config.epochs < 1 or (config.updates is not None and config.updates < 1):
        raise ConfigError("nothing to train", where="train", got=f"epochs {config.epochs}, updates {config.updates}")
    for name, pack in (("training", train), ("validation", validation)):
        if not pack.image.shape[0]:
            raise ConfigError(f"no {name} slices", where="data", next_step="check the split and the choice of slices")
        if pack.image.shape[1] != config.get("size"):
            raise ConfigError(
                f"{name} slices of another size", where="size", got=pack.image.shape[1], allowed=config.get("size")
            )


def identity(config: TrainConfig, train: Pack, validation: Pack) -> Mapping[str, Any]:
    """What a checkpoint must have in common with the training that continues it, as plain values.

    Lengths and limits (epochs, updates, early stopping, plateau, deadline, threads) are left out: a training may be extended.
    """
    return {
        "architecture": config.architecture,
        "options": dict(config.options),
        "parameters": {name: config.get(name) for name in PARAMETERS},
        "labels": list(config.labels),
        "seed": config.seed,
        "train": [[span.uid, span.stop - span.start] for span in train.cases],
        "validation": [[span.uid, span.stop - span.start] for span in validation.cases],
    }
