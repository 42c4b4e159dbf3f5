"""What a sweep's worker trains with: the interface, and how a trial's trainer is made from its import path."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from liverseg.config import TrainConfig
from liverseg.errors import ConfigError
from sweeps.spec.space import split_parameters

if TYPE_CHECKING:
    from liverseg.preprocess import Pack
    from liverseg.preprocess.window import WindowParams
    from liverseg.training.best import BestEpoch
    from liverseg.training.record import EpochRecord
    from sweeps.executor.setting import TrialSetting

OnBatch = Callable[[int], None]


class Trainer(Protocol):
    """A training that its caller drives epoch by epoch; `liverseg.training.loop.TrainingRun` is one.

    Made as `trainer(config, train, validation, pictures=choices)`. A class with an attribute `needs_packs = False` gets
    None for both packs, and no compute backend is set up for it.
    """

    config: TrainConfig

    @property
    def window(self) -> WindowParams:
        """The intensity window as fitted to the training slices."""

    @property
    def history(self) -> Sequence[EpochRecord]:
        """The epochs so far."""

    @property
    def best(self) -> BestEpoch | None:
        """The best of them; None before the first."""

    @property
    def finished(self) -> bool:
        """Whether no further epoch is to be trained."""

    @property
    def seconds(self) -> float:
        """Seconds since the training began, those before a `restore` included and those between not."""

    def run_epoch(self, on_batch: OnBatch | None = None) -> EpochRecord:
        """Train and validate one epoch, or what is left of an interrupted one.

        `on_batch` is called with the updates so far after every batch, also while validating. When it raises, `save`
        keeps the part of the epoch that is done.
        """

    def final_record(self, reason: str | None = None) -> dict[str, Any]:
        """What remains of the training, as plain JSON values."""

    def save(self, folder: Path) -> None:
        """Write everything that `restore` needs, atomically."""

    def restore(self, folder: Path) -> None:
        """Continue from what `save` wrote."""


def trial_config(payload: Mapping[str, Any], setting: TrialSetting) -> TrainConfig:
    """The training that a trial's payload describes.

    Raises:
        ConfigError: unknown architecture or parameter, or an impossible value.
    """
    options, parameters = split_parameters(payload["architecture"], payload["parameters"])
    return TrainConfig(
        architecture=payload["architecture"],
        options=options,
        parameters=parameters,
        labels=setting.labels,
        epochs=payload["epochs"],
        updates=setting.updates,
        early_stopping=setting.early_stopping,
        seed=payload["seed"],
        deadline_s=setting.deadline_s,
        threads=setting.threads,
    )


def build_trainer(config: TrainConfig, setting: TrialSetting, fold: int = 0) -> Trainer:
    """A trainer at its beginning, on the data of a fold.

    Raises:
        ConfigError: no such trainer, or it cannot train this.
        TrainingError: the network did not fit, or the GPU cannot be shared as the setting says.
    """
    made = load_trainer(setting.trainer)
    train, validation = _packs(config, setting, fold) if getattr(made, "needs_packs", True) else (None, None)
    return made(config, train, validation, pictures=setting.pictures[fold] if setting.pictures else ())


def load_trainer(path: str) -> Callable[..., Trainer]:
    """The class that an import path `module:class` names.

    Raises:
        ConfigError: there is none.
    """
    module, _, name = path.partition(":")
    try:
        return cast("Callable[..., Trainer]", getattr(importlib.import_module(module), name))
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError("no such trainer", where="trainer", got=path, allowed="module:class") from error


def _packs(config: TrainConfig, setting: TrialSetting, fold: int) -> list[Pack]:
    """Training and validation slices, and a compute backend that knows its threads and its part of the GPU."""
    import ray

    from liverseg.training.device import pin_threads
    from liverseg.training.gpu import limit_gpu

    size = config.get("size")
    here = setting.packs[fold]
    if ("train", size) not in here:
        prepared = ", ".join(str(size_px) for part, size_px in here if part == "train")
        raise ConfigError("no slices of this size were prepared", where="size", got=size, allowed=prepared or "none")
    pin_threads(setting.threads)
    limit_gpu(setting.gpus)
    packs: list[Pack] = ray.get([here["train", size], here["validation", size]])
    return packs
