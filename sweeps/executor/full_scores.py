"""The last thing a trial does: it scores its best epoch in full, which takes too long to do after every epoch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from sweeps.executor.artefacts import CASES, OVERLAYS

if TYPE_CHECKING:
    from liverseg.config import TrainConfig
    from liverseg.metrics.full import FullScore
    from liverseg.training.full_scores import OnVolume


@runtime_checkable
class ScoresInFull(Protocol):
    """A trainer that can score its best epoch in full. Trainers that cannot keep the scores that they have."""

    config: TrainConfig

    def score_best(self, beat: Callable[[], None], on_volume: OnVolume) -> tuple[FullScore, ...]:
        """Every score of every validation scan at the best epoch; calls `beat` as it goes on.

        Each scan and its prediction are shown to `on_volume`.
        """


def with_full_scores(run: object, final: dict[str, Any], trial: Path, beat: Callable[[], None]) -> dict[str, Any]:
    """Score the best epoch, and write its scores by scan and its labels to be looked at, all from one prediction.

    Args:
        run: the trainer, at the end of its last epoch.
        final: its final record.
        trial: the trial's folder, in which `cases.parquet` is replaced and `overlays.npz` written.
        beat: called after every batch and every scan; what it raises ends the scoring, which can be repeated.

    Returns:
        The final record, with more in it if the trainer can score in full.

    Raises:
        OSError: the disk is full or cannot be written.
    """
    if not isinstance(run, ScoresInFull):
        return final
    from liverseg.inference.overlays import OverlayBook
    from liverseg.training.full_scores import full_record
    from liverseg.training.record import write_cases

    book = OverlayBook()
    scores = run.score_best(beat, book.add)
    write_cases(trial / CASES, scores)
    if book.overlays:
        book.write(trial / OVERLAYS)
    return full_record(final, scores, run.config.labels)
