"""A training between two batches, as a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from liverseg.config import PARAMETERS, TrainConfig
from liverseg.errors import ConfigError
from liverseg.inference.pictures import picture_arrays, pictures_from
from liverseg.metrics.score import CaseScore
from liverseg.preprocess.arrays import Pack
from liverseg.training.array_file import Arrays
from liverseg.training.best import BestEpoch
from liverseg.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from liverseg.training.epoch_part import EpochPart
from liverseg.training.plan import identity
from liverseg.training.position import read_history
from liverseg.training.record import EpochRecord, plain
from liverseg.training.state_file import usable


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that changes in a training.

    The order of the data and its augmentation have no state: they follow from the seed and the epoch.

    Attributes:
        history: the whole epochs so far.
        best: the best of them.
        part: what is done of the next one.
        schedule: state of the learning-rate schedule.
        seconds: time spent.
        network: variables of model and optimizer.
    """

    history: tuple[EpochRecord, ...]
    best: BestEpoch | None
    part: EpochPart
    schedule: Mapping[str, Any]
    seconds: float
    network: Arrays


def save_snapshot(
    folder: Path, snapshot: Snapshot, config: TrainConfig, train: Pack, validation: Pack, stored: Mapping[str, str]
) -> dict[str, str]:
    """Write a snapshot; `stored` names groups that the folder holds already, see `reuse` of `save_checkpoint`."""
    best = snapshot.best
    values = {
        "identity": identity(config, train, validation),
        "history": [record.as_dict() for record in snapshot.history],
        "best_epoch": best.record.epoch if best else None,
        "best_cases": [plain(case.as_dict()) for case in best.cases] if best else [],
        "part": snapshot.part.as_dict(),
        "schedule": dict(snapshot.schedule),
        "seconds": snapshot.seconds,
    }
    arrays: dict[str, Arrays] = {"network": snapshot.network}
    if best:
        arrays["best"] = {f"m{k:04d}": value for k, value in enumerate(best.weights)}
        arrays["pictures"] = picture_arrays(best.pictures)
    digests = save_checkpoint(folder, Checkpoint(plain(values), arrays), reuse=stored)
    return {group: digest for group, digest in digests.items() if group != "network"}


def load_snapshot(folder: Path, config: TrainConfig, train: Pack, validation: Pack) -> Snapshot:
    """Read a snapshot of the same training.

    Raises:
        TrainingError: the checkpoint is missing or damaged.
        ConfigError: it belongs to another training.
    """
    checkpoint = load_checkpoint(folder)
    values = checkpoint.values
    with usable(folder):
        stored = _with_later_parameters(values["identity"])
    _check_identity(folder, stored, plain(identity(config, train, validation)))
    with usable(folder):
        history = read_history(values["history"])
        return Snapshot(
            history=history,
            best=_best(checkpoint, history),
            part=EpochPart.from_dict(values.get("part")),
            schedule=dict(values["schedule"]),
            seconds=float(values["seconds"]),
            network=checkpoint.arrays["network"],
        )


def _best(checkpoint: Checkpoint, history: tuple[EpochRecord, ...]) -> BestEpoch | None:
    epoch = checkpoint.values["best_epoch"]
    if epoch is None:
        return None
    weights = checkpoint.arrays["best"]
    return BestEpoch(
        record=history[epoch - 1],
        cases=tuple(CaseScore.from_dict(row) for row in checkpoint.values["best_cases"]),
        pictures=pictures_from(checkpoint.arrays["pictures"]),
        weights=tuple(np.asarray(weights[name]) for name in sorted(weights)),
    )


def _with_later_parameters(identity: Mapping[str, Any]) -> dict[str, Any]:
    """A stored identity with the parameters that exist only since: at their default a training is what it was before."""
    later = {name: parameter.default for name, parameter in PARAMETERS.items()}
    return (
        {**identity, "parameters": later | dict(identity["parameters"])} if "parameters" in identity else dict(identity)
    )


def _check_identity(folder: Path, stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    different = [name for name in wanted if stored.get(name) != wanted[name]]
    if different:
        name = different[0]
        raise ConfigError(
            f"the checkpoint belongs to another training: {', '.join(different)} differ",
            where=str(folder),
            got=stored.get(name),
            allowed=wanted[name],
            next_step="start the training from the beginning",
        )
