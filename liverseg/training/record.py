"""What one epoch left behind, and its place in `history.csv`."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from liverseg.metrics.score import CaseScore
from liverseg.training.atomic import atomic_path, write_text

SCHEMA_VERSION = 1
_COLUMNS = ("schema_version", "epoch", "updates", "loss", "val_dice", "learning_rate", "seconds", "train_seconds")
_METRICS = ("dice_liver_mean", "dice_tumour_mean", "dice_liver_only_mean")


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """One epoch.

    Attributes:
        epoch: number, from 1.
        updates: gradient updates since the beginning of the training.
        loss: mean of the epoch's batch losses.
        val_dice: validation score that ranks; NaN when no label could be scored.
        learning_rate: rate of the epoch's last update.
        seconds: training and validation together.
        train_seconds: training alone.
        inference_ms_per_slice: milliseconds a validation slice took.
        metrics: all validation metrics by name, NaN where undefined.
    """

    epoch: int
    updates: int
    loss: float
    val_dice: float
    learning_rate: float
    seconds: float
    train_seconds: float
    inference_ms_per_slice: float
    metrics: Mapping[str, float | int]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; NaN is None."""
        return plain({name: getattr(self, name) for name in self.__slots__} | {"metrics": dict(self.metrics)})

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> EpochRecord:
        """Rebuild from `as_dict`; None is NaN."""
        values = {name: math.nan if value is None else value for name, value in row.items()}
        metrics = {name: math.nan if value is None else value for name, value in row["metrics"].items()}
        return cls(**(values | {"metrics": metrics}))


def plain(value: Any) -> Any:
    """A copy in which every number that is not finite is None, as JSON needs it; mappings and sequences are entered."""
    if isinstance(value, Mapping):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def history_columns(records: Sequence[EpochRecord]) -> dict[str, list[Any]]:
    """The learning curve as columns; undefined numbers are None."""
    names = ("epoch", "loss", "val_dice", "learning_rate", "seconds")
    return {name: [plain(getattr(record, name)) for record in records] for name in names}


def append_history(path: Path, record: EpochRecord) -> None:
    """Add one epoch to a `history.csv`, atomically.

    Rows of the same and later epochs are dropped first: a resumed training goes on from its checkpoint, and what it had
    written after that is written again. Undefined numbers are empty cells.
    """
    rows = [row for row in _read(path) if int(row["epoch"]) < record.epoch]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, [*_COLUMNS, *_METRICS], lineterminator="\n")
    writer.writeheader()
    writer.writerows([*rows, _row(record)])
    write_text(path, stream.getvalue())


def _row(record: EpochRecord) -> dict[str, Any]:
    values = {name: getattr(record, name) for name in _COLUMNS[1:]}
    metrics = {name: record.metrics.get(name) for name in _METRICS}
    return plain({"schema_version": SCHEMA_VERSION} | values | metrics)


def _read(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def write_cases(path: Path, scores: Sequence[CaseScore]) -> None:
    """Write the scores of every scan as Parquet, one row a scan, atomically; the schema version is in the metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist([score.as_dict() for score in scores])
    table = table.replace_schema_metadata({"schema_version": str(SCHEMA_VERSION)})
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary)
