"""Small models for tests: two untrained networks of different sizes, with windows that see something."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from liverseg.config import TrainConfig
from liverseg.handover.description import Member, ModelDescription, StoredArray
from liverseg.handover.folder import CARD, ModelFolder, as_bytes, write_model
from liverseg.models.build import build_model
from liverseg.preprocess.window import NAMED_WINDOWS_HU, WindowParams
from liverseg.training.array_file import Arrays


def small_network(trial: str, *, size: int = 32, seed: int = 0, labels: tuple[str, ...] = ("liver", "tumour")) -> Any:
    """A member, its arrays and its Keras model; the last layer's bias is moved so that all classes occur."""
    config = TrainConfig(
        architecture="encoder_decoder", options={"base_filters": 4}, parameters={"size": size}, labels=labels, seed=seed
    )
    model = build_model(config.architecture, size_px=size, classes=config.classes, options=config.options, seed=seed)
    weights = [variable.numpy() for variable in model.variables]
    names = [f"w{index:04d}" for index in range(len(weights))]
    stored = tuple(
        StoredArray(name, str(variable.path), tuple(variable.shape))
        for name, variable in zip(names, model.variables, strict=True)
    )
    low, high = NAMED_WINDOWS_HU["wide"]
    member = Member(trial, config, 3, WindowParams("wide", low, high, low, high - low), stored)
    return member, dict(zip(names, weights, strict=True)), model


def small_model(path: Path, *trials: str, **changes: Any) -> ModelFolder:
    """A model's folder with a network for each trial, of sizes 32, 64, …"""
    found = [
        small_network(trial, size=32 * (index + 1), seed=index) for index, trial in enumerate(trials or ("t0000",))
    ]
    description = ModelDescription(
        name=path.name,
        labels=("liver", "tumour"),
        fit="pad",
        members=tuple(member for member, _, _ in found),
        **changes,
    )
    weights: dict[str, Arrays] = {member.trial: arrays for member, arrays, _ in found}
    return write_model(path, description, weights, lambda folder: void(folder / CARD))


def void(path: Path) -> None:
    path.write_bytes(as_bytes({"schema_version": 1}))
