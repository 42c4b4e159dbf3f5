"""What one epoch left behind, and its place in `history.csv`. Imports no arrays at the top: records are read by all."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liverseg.training.atomic import atomic_path, write_text

if TYPE_CHECKING:
    from liverseg.metrics.full import FullScore
    from liverseg.metrics.score import CaseScore

SCHEMA_VERSION = 1
_COLUMNS = ("schema_version", "epoch", "updates", "loss", "val_dice", "learning_rate", "seconds", "train_seconds")
_METRICS = ("dice_liver_mean", "dice_tumour_mean", "dice_liver_only_mean")
_CURVE = ("epoch", "loss", "val_dice", "learning_rate", "seconds")
_CURVE_METRICS = ("dice_liver_mean", "dice_tumour_mean", "dice_global_liver", "dice_global_tumour")
"""With `val_dice` and `seconds`, whatever a search can aim at that changes from epoch to epoch."""


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
    """The learning curve as columns; undefined numbers, and scores of labels that were not taught, are None."""
    curve = {name: [plain(getattr(record, name)) for record in records] for name in _CURVE}
    return curve | {name: [plain(record.metrics.get(name)) for record in records] for name in _CURVE_METRICS}


def append_history(path: Path, record: EpochRecord) -> None:
    """Add one epoch to a `history.csv`, atomically.

    Rows of the same and later epochs are dropped first: a resumed training goes on from its checkpoint, and what it had
    written after that is written again. Undefined numbers are empty cells.
    """
    _write(path, [*(row for row in _read(path) if int(row["epoch"]) < record.epoch), _row(record)])


def write_history(path: Path, records: Sequence[EpochRecord]) -> None:
    """Write a whole `history.csv`, atomically, whatever was there."""
    _write(path, [_row(record) for record in records])


def trim_history(path: Path, epochs: int) -> None:
    """Drop the rows after the first `epochs` epochs, atomically; the file is left alone when there is none to drop.

    A training that goes on from an older state has not had those epochs any more.
    """
    rows = _read(path)
    kept = [row for row in rows if int(row["epoch"]) <= epochs]
    if len(kept) < len(rows):
        _write(path, kept)


def _row(record: EpochRecord) -> dict[str, Any]:
    values = {name: getattr(record, name) for name in _COLUMNS[1:]}
    metrics = {name: record.metrics.get(name) for name in _METRICS}
    return plain({"schema_version": SCHEMA_VERSION} | values | metrics)


def _write(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, [*_COLUMNS, *_METRICS], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, stream.getvalue())


def _read(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def write_cases(path: Path, scores: Sequence[CaseScore | FullScore]) -> None:
    """Write the scores of every scan as Parquet, one row a scan, atomically; the schema version is in the metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist([score.as_dict() for score in scores])
    table = table.replace_schema_metadata({"schema_version": str(SCHEMA_VERSION)})
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary)
