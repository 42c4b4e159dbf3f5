"""What a handed-over model is, as frozen values: everything that rebuilds its networks and repeats their preprocessing.

As JSON (`model.json`) it can be read without Python. Importing this loads neither Keras nor a weight.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from liverseg.config import FITS, LABELS, TrainConfig
from liverseg.errors import ConfigError
from liverseg.handover.postprocess import NONE, PostProcess
from liverseg.handover.recipe import after_network, before_network
from liverseg.preprocess.window import WindowParams

SCHEMA_VERSION = 1
KIND = "liversweep-model"
CONTENT_DIGITS = 16
"""Of the hash of a case's voxels, as far as `ModelDescription.contents` keeps it."""
NOTICE = "Research software, not for clinical use."
FRAME = "slices from feet to head, rows from front to back, columns from the patient's right to left"
_TRIAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class StoredArray:
    """One array of a weights file.

    Attributes:
        name: in the file.
        variable: of the network, for readers; building the network again gives its variables in this order.
        shape: of the array.
    """

    name: str
    variable: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Member:
    """One trained network of a model.

    Attributes:
        trial: name of the training.
        config: architecture, options, parameters, labels and seed, as it was trained.
        epoch: whose weights these are, from 1.
        window: intensity window as fitted to the training scans.
        arrays: those of its weights file, in the network's order.
    """

    trial: str
    config: TrainConfig
    epoch: int
    window: WindowParams
    arrays: tuple[StoredArray, ...]

    @property
    def weights(self) -> str:
        """Its file, below the model's folder."""
        return f"weights/{self.trial}.npz"

    @property
    def size_px(self) -> int:
        """Side of the network's square input."""
        return int(self.config.get("size"))

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        config = self.config
        return {
            "trial": self.trial,
            "architecture": config.architecture,
            "options": dict(config.options),
            "parameters": dict(config.parameters),
            "seed": config.seed,
            "epoch": self.epoch,
            "input_px": self.size_px,
            "window": {name: getattr(self.window, name) for name in WindowParams.__slots__},
            "weights": self.weights,
            "arrays": [
                {"name": item.name, "variable": item.variable, "shape": list(item.shape)} for item in self.arrays
            ],
        }


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """A model: one network, or several whose probabilities are averaged.

    Attributes:
        name: what its folder was called when it was made.
        labels: foreground labels that it knows, a prefix of `LABELS`.
        fit: how slices were brought into the square, see `PrepareConfig.fit`.
        members: its networks, the best first.
        postprocess: what is done to a predicted volume.
        flips: whether the left-right mirrored slice is predicted too, and both probabilities averaged.
        choice: how post-processing and flips were chosen, as plain values.
        familiar: what the training scans were like, as plain values, see `liverseg.handover.familiar`.
        origin: where it comes from, as plain values: sweep, fingerprints, pseudonyms of the cases by part, versions.
    """

    name: str
    labels: tuple[str, ...]
    fit: str
    members: tuple[Member, ...]
    postprocess: PostProcess = NONE
    flips: bool = False
    choice: Mapping[str, Any] = field(default_factory=dict)
    familiar: Mapping[str, Any] = field(default_factory=dict)
    origin: Mapping[str, Any] = field(default_factory=dict)

    def cases(self, part: str) -> frozenset[str]:
        """Pseudonyms of the cases of `train`, `validation` or `test`."""
        return frozenset(map(str, (self.origin.get("cases") or {}).get(part, ())))

    def contents(self, part: str) -> frozenset[str]:
        """First digits of the hashes of the voxels of `train` or `validation`: they know a scan again in any wrapping or
        orientation.
        """
        return frozenset(map(str, (self.origin.get("contents") or {}).get(part, ())))

    def as_json(self) -> dict[str, Any]:
        """Plain values; reads back as an equal description."""
        return {
            "schema_version": SCHEMA_VERSION,
            "kind": KIND,
            "notice": NOTICE,
            "name": self.name,
            "labels": list(self.labels),
            "preprocess": {
                "fit": self.fit,
                "frame": FRAME,
                "intensity": "Hounsfield units, clipped and scaled by window",
                "steps": list(before_network(self.fit)),
            },
            "output": "logits of background and each label; the largest after bilinear resampling to the scan's pixels",
            "output_steps": list(after_network(self.labels)),
            "combine": "mean of the members' probabilities at the scan's pixels" if len(self.members) > 1 else "single",
            "members": [member.as_json() for member in self.members],
            "flips": self.flips,
            "postprocess": self.postprocess.as_json(),
            "choice": dict(self.choice),
            "familiar": dict(self.familiar),
            "origin": dict(self.origin),
        }


def read_description(document: Any, where: str) -> ModelDescription:
    """What `ModelDescription.as_json` gave, checked.

    Raises:
        ConfigError: it is of another kind or version, or does not describe a model.
    """
    if not isinstance(document, dict) or document.get("kind") != KIND:
        raise ConfigError("not the description of a model", where=where, allowed=f"kind: {KIND}")
    if document.get("schema_version") != SCHEMA_VERSION:
        raise ConfigError(
            "the model is of another version",
            where=where,
            got=document.get("schema_version"),
            allowed=SCHEMA_VERSION,
            next_step="use the version of liversweep that wrote it",
        )
    try:
        return _description(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError("the description of the model makes no sense", where=where, got=repr(error)) from error


def _description(document: Mapping[str, Any]) -> ModelDescription:
    labels, fit = tuple(document["labels"]), document["preprocess"]["fit"]
    members = tuple(_member(item, labels) for item in document["members"])
    if labels not in (LABELS[:1], LABELS) or fit not in FITS or not members or not isinstance(document["flips"], bool):
        raise ValueError("labels, fit, members or flips")
    return ModelDescription(
        name=str(document["name"]),
        labels=labels,
        fit=fit,
        members=members,
        postprocess=PostProcess.from_json(document["postprocess"]),
        flips=document["flips"],
        choice=dict(document["choice"]),
        familiar=dict(document["familiar"]),
        origin=dict(document["origin"]),
    )


def _member(item: Mapping[str, Any], labels: tuple[str, ...]) -> Member:
    trial = str(item["trial"])
    if not _TRIAL.fullmatch(trial):
        raise ValueError(f"trial {trial!r}")
    config = TrainConfig(
        architecture=str(item["architecture"]),
        options=dict(item["options"]),
        parameters=dict(item["parameters"]),
        labels=labels,
        seed=int(item["seed"]),
    )
    arrays = tuple(
        StoredArray(str(each["name"]), str(each["variable"]), tuple(map(int, each["shape"]))) for each in item["arrays"]
    )
    return Member(trial, config, int(item["epoch"]), _window(item["window"]), arrays)


def _window(item: Mapping[str, Any]) -> WindowParams:
    numbers = {name: float(item[name]) for name in ("low_hu", "high_hu", "mean", "sd")}
    if not all(map(math.isfinite, numbers.values())) or numbers["low_hu"] >= numbers["high_hu"] or numbers["sd"] <= 0:
        raise ValueError("window")
    return WindowParams(name=str(item["name"]), **numbers)
