"""From a model's folder to networks that predict, and from a checkpoint of a sweep to what a model's folder holds."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

from liverseg.errors import ConfigError, DataError
from liverseg.handover.description import Member, StoredArray
from liverseg.handover.folder import ModelFolder
from liverseg.preprocess.window import WindowParams
from liverseg.training.array_file import Arrays, read_arrays
from liverseg.training.weights import build_trained, config_of, load_best, read_best


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
    member = Member(trial, config_of(values), int(values["epoch"]), WindowParams(**values["window"]), arrays)
    return member, dict(zip(names, weights, strict=True)), model


def load_network(model: ModelFolder, member: Member) -> Any:
    """The Keras model of a member, built from code and given its weights.

    Raises:
        DataError: rule M1, the weights cannot be read.
        ConfigError: unknown architecture, or weights that do not fit it: another version of liversweep wrote them.
    """
    path = model.path / member.weights
    try:
        stored = read_arrays(path)
        weights = [stored[item.name] for item in member.arrays]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DataError("a network's weights cannot be read", rule="M1", where=str(path), got=repr(error)) from error
    return build_trained(member.config, tuple(weights), str(path))


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
