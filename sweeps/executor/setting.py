"""What all trials of a sweep share, as it travels to the workers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from liverseg.config import PlateauRule

if TYPE_CHECKING:
    from liverseg.inference.pictures import PictureChoice
    from sweeps.prepare import Prepared

TRAINER = "liverseg.training.loop:TrainingRun"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSetting:
    """What all trials of a sweep share.

    Attributes:
        sweep_folder: absolute path of `runs/<name>`, the same for every worker; trials lie in its `trials/`.
        prepared: the slices, read where they lie; None for a trainer that needs none.
        pictures: of each fold the validation slices to draw, the same for every trial.
        labels, updates, early_stopping, plateau, deadline_s, threads: see `liverseg.config.TrainConfig`.
        objectives: names of the metrics that the search reads; a trial that does not report them has failed.
        trainer: import path `module:class` of what trains, see `sweeps.executor.trainer.Trainer`.
        keep_last: resumable states kept of a trial, at least 1.
        save_every: epochs between two resumable states, at least 1.
        stall_s: seconds without a completed batch after which a trial is ended; None never ends one for that.
        memory_bytes: memory of its own that a trial's process may use; None sets no limit.
        gpus: its GPUs, or its part of one, which its backend is held to; see `liverseg.training.gpu`.
        store: URI of the sweep, when it lies in a store and not in `sweep_folder`; see `sweeps.executor.desk`.
    """

    sweep_folder: str
    labels: tuple[str, ...]
    threads: int
    prepared: Prepared | None = None
    pictures: tuple[tuple[PictureChoice, ...], ...] = ()
    updates: int | None = None
    early_stopping: int | None = None
    plateau: PlateauRule | None = None
    deadline_s: float | None = None
    objectives: tuple[str, ...] = ("val_dice",)
    trainer: str = TRAINER
    keep_last: int = 1
    save_every: int = 1
    stall_s: float | None = 600.0
    memory_bytes: int | None = None
    gpus: float = 0.0
    store: str = ""

    def trial_folder(self, uid: str) -> Path:
        """Where the records of a trial lie."""
        return Path(self.sweep_folder) / "trials" / uid
