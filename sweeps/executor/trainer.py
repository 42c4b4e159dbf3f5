"""What a sweep's worker trains with: the interface, and how a trial's trainer is made from its import path."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from liverseg.config import TrainConfig
from liverseg.errors import ConfigError
from sweeps.executor.networks import set_budget
from sweeps.imports import quick_imports
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
    None for both packs, and no compute backend is set up for it; one with `needs_backend = False` only goes without that.
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

    # A trainer may also have `release()`, called when its trial is over and did not fail: what it holds may be kept in this
    # process for the next trial. One without is dropped.


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


def build_trainer(
    config: TrainConfig, setting: TrialSetting, fold: int = 0, beat: Callable[[], None] = lambda: None
) -> Trainer:
    """A trainer at its beginning, on the data of a fold.

    Args:
        config: what to train.
        setting: what all trials share.
        fold: whose data.
        beat: called while the data is brought here; what it raises ends that.

    Raises:
        ConfigError: no such trainer, or it cannot train this.
        TrainingError: the network did not fit, or the GPU cannot be shared as the setting says.
        OSError: the data cannot be written to this machine's disk.
    """
    made = load_trainer(setting.trainer)
    packs: Sequence[Pack | None] = (None, None)
    if getattr(made, "needs_packs", True):
        if getattr(made, "needs_backend", True):
            _set_up_backend(setting)
        packs = _packs(config, setting, fold, beat)
    train, validation = packs
    return made(config, train, validation, pictures=setting.pictures[fold] if setting.pictures else ())


def load_trainer(path: str) -> Callable[..., Trainer]:
    """The class that an import path `module:class` names.

    Raises:
        ConfigError: there is none.
    """
    module, _, name = path.partition(":")
    try:
        # Most trainers bring a whole backend with them. None of a worker's pictures is drawn by a library.
        with nullcontext() if module in sys.modules else quick_imports("matplotlib"):
            found = importlib.import_module(module)
        return cast("Callable[..., Trainer]", getattr(found, name))
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError("no such trainer", where="trainer", got=path, allowed="module:class") from error


def _set_up_backend(setting: TrialSetting) -> None:
    """A compute backend that knows its threads and its part of the GPU."""
    from liverseg.training.device import pin_threads
    from liverseg.training.gpu import limit_gpu

    pin_threads(setting.threads)
    limit_gpu(setting.gpus)
    set_budget(setting.memory_bytes)


def _packs(config: TrainConfig, setting: TrialSetting, fold: int, beat: Callable[[], None]) -> list[Pack]:
    """Training and validation slices."""
    if setting.prepared is None:
        raise ConfigError("no slices were prepared", where="size", got=config.get("size"))
    size = config.get("size")
    return [setting.prepared.pack(part, size, fold, beat) for part in ("train", "validation")]
