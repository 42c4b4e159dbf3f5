"""How far a saved training has come, read and verified without loading any of its arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from liverseg.training.epoch_part import EpochPart
from liverseg.training.record import EpochRecord
from liverseg.training.state_file import usable, verify_checkpoint


@dataclass(frozen=True, slots=True)
class Position:
    """Where a training that restores a checkpoint goes on.

    Attributes:
        epochs: whole epochs done, validation included.
        batches: batches done of the epoch after them; all of them when its validation was interrupted.
        updates: gradient updates so far.
        seconds: time spent so far, all attempts together.
        best_epoch: the best of the whole epochs; None while there is none.
        history: the whole epochs.
        digest: SHA-256 that stands for the whole checkpoint.
    """

    epochs: int
    batches: int
    updates: int
    seconds: float
    best_epoch: int | None
    history: tuple[EpochRecord, ...]
    digest: str


def read_position(folder: Path) -> Position:
    """The position of a checkpoint that `TrainingRun.save` wrote; every byte of it is checked against its digest.

    Memory does not grow with the checkpoint; time does, at the speed of reading and SHA-256.

    Raises:
        TrainingError: there is none, it is not a training's, or a file of it is missing or damaged.
    """
    state = verify_checkpoint(folder)
    with usable(folder):
        values = state.values
        history, part = read_history(values["history"]), EpochPart.from_dict(values.get("part"))
        return Position(
            epochs=len(history),
            batches=part.batches,
            updates=(history[-1].updates if history else 0) + part.batches,
            seconds=float(values["seconds"]),
            best_epoch=values["best_epoch"],
            history=history,
            digest=state.digest,
        )


def read_history(rows: Sequence[Mapping[str, Any]]) -> tuple[EpochRecord, ...]:
    """The epochs of a checkpoint, from their plain form.

    Raises:
        ValueError: they are not the epochs from the first to the last.
    """
    history = tuple(EpochRecord.from_dict(row) for row in rows)
    if [record.epoch for record in history] != list(range(1, len(history) + 1)):
        raise ValueError("epochs are missing from the history")
    return history
