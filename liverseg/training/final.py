"""What remains of a training: the record of its best epoch and of its course."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from liverseg.training.best import BestEpoch
from liverseg.training.record import EpochRecord, history_columns, plain

CASE_COLUMNS = ("uid", "patient", "dice_liver", "dice_tumour", "has_tumour")


def final_record(
    best: BestEpoch,
    history: Sequence[EpochRecord],
    *,
    updates: int,
    seconds: float,
    reason: str | None,
    cost: Mapping[str, float | int | None],
) -> dict[str, Any]:
    """A training with at least one epoch as plain JSON values; undefined numbers are None.

    Args:
        best: the best epoch.
        history: all whole epochs.
        updates: gradient updates, those of an interrupted epoch included.
        seconds: that it took in all.
        reason: why it ended; None when it has not.
        cost: see `training_cost`.

    Returns:
        `metrics`, `cases` (rows of `CASE_COLUMNS`) and `best_epoch` of the best epoch; `epochs` (whole ones), `updates`,
        `seconds`, `stop_reason`, `cost` and `history` of all.
    """
    rows = [case.as_dict() for case in best.cases]
    record = {
        "metrics": dict(best.record.metrics),
        "best_epoch": best.record.epoch,
        "epochs": len(history),
        "updates": updates,
        "seconds": seconds,
        "stop_reason": reason,
        "cost": cost,
        "cases": [[row.get(name) for name in CASE_COLUMNS] for row in rows],
        "history": history_columns(history),
    }
    values: dict[str, Any] = plain(record)
    return values
