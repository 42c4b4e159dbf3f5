"""From a model's folder to networks that predict, and from a checkpoint of a sweep to what a model's folder holds."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from liverseg.config import TrainConfig
from liverseg.errors import ConfigError, DataError
from liverseg.handover.description import Member, StoredArray
from liverseg.handover.folder import ModelFolder
from liverseg.inference.native import Logits
from liverseg.preprocess.window import WindowParams
from liverseg.training.array_file import Arrays, read_arrays
from liverseg.training.device import memory_errors
from liverseg.training.weights import load_best, read_best

Forward = Callable[[Logits], Logits]


def member_of(trial: str, checkpoint: Path) -> tuple[Member, Arrays, Any]:
    """A network of a sweep as a member of a model.

    Args:
        trial: its name.
        checkpoint: what `liverseg.training.weights.write_best` wrote.

    Returns:
        The member, its arrays, and the Keras model.

    Raises:
        TrainingError: the checkpoint is missing or damaged.
        ConfigError: its weights do not fit the network that it describes.
    """
    values, weights = read_best(checkpoint)
    model = load_best(checkpoint)
    names = [f"w{index:04d}" for index in range(len(weights))]
    arrays = tuple(
        StoredArray(name, str(variable.path), tuple(int(size) for size in value.shape))
        for name, variable, value in zip(names, model.variables, weights, strict=True)
    )
    config = TrainConfig(
        architecture=values["architecture"],
        options=values["options"],
        parameters=values["parameters"],
        labels=tuple(values["labels"]),
        seed=values["seed"],
    )
    member = Member(trial, config, int(values["epoch"]), WindowParams(**values["window"]), arrays)
    return member, dict(zip(names, weights, strict=True)), model


def load_network(model: ModelFolder, member: Member) -> Any:
    """The Keras model of a member, built from code and given its weights.

    Raises:
        DataError: rule M1, the weights cannot be read.
        ConfigError: unknown architecture, or weights that do not fit it: another version of liversweep wrote them.
    """
    from liverseg.models.build import build_model

    path = model.path / member.weights
    try:
        stored = read_arrays(path)
        weights = [stored[item.name] for item in member.arrays]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DataError("a network's weights cannot be read", rule="M1", where=str(path), got=repr(error)) from error
    config = member.config
    network = build_model(
        config.architecture,
        size_px=member.size_px,
        classes=config.classes,
        options=config.options,
        mixed_precision=config.get("mixed_precision"),
    )
    if [tuple(variable.shape) for variable in network.variables] != [value.shape for value in weights]:
        raise ConfigError(
            "the weights do not fit the network",
            where=str(path),
            got=config.architecture,
            next_step="use the version of liversweep that exported the model",
        )
    for variable, value in zip(network.variables, weights, strict=True):
        variable.assign(value)
    network.jit_compile = config.get("xla")
    return network


def in_float32(member: Member, network: Any) -> Any:
    """The network of a member with the same weights, computing in 32 bits; itself where it does so already.

    Args:
        member: that it is of.
        network: its Keras model.

    Raises:
        ConfigError: in 32 bits the architecture has other weights (a plug-in's).
    """
    from liverseg.models.build import build_model

    config = member.config
    if not config.get("mixed_precision"):
        return network
    wide = build_model(config.architecture, size_px=member.size_px, classes=config.classes, options=config.options)
    if [tuple(each.shape) for each in wide.variables] != [tuple(each.shape) for each in network.variables]:
        raise ConfigError("in float32 the architecture has other weights", where=member.trial, got=config.architecture)
    for variable, narrow in zip(wide.variables, network.variables, strict=True):
        variable.assign(narrow)
    return wide


def forward_of(network: Any) -> Forward:
    """The network on one batch: float32 `(b, s, s, 1)` to logits float32 `(b, s, s, c)`.

    Raises:
        MemoryExceeded: the batch did not fit.
    """

    def predict(images: Logits) -> Logits:
        with memory_errors("prediction"):
            return np.asarray(network.predict_on_batch(images), np.float32)

    return predict
