"""What an epoch must report, checked before anything is written that the search will read."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sweeps.executor.failure import InvalidReport
from sweeps.trial_files import finite

if TYPE_CHECKING:
    from liverseg.training.record import EpochRecord

_FIELDS = ("epoch", "updates", "loss", "learning_rate", "seconds")


def checked_report(record: EpochRecord, final: Mapping[str, Any], objectives: Sequence[str]) -> dict[str, Any]:
    """The epoch's metrics and numbers as plain JSON values; those that are not finite are None.

    A metric without a finite value is a trial without a score, not a failure: a validation set may have no tumour.

    Args:
        record: the epoch.
        final: what the trial's final record would be if it ended now.
        objectives: metrics that the search reads, of the epoch or of its cost.

    Raises:
        InvalidReport: something that is not a number, or an objective is missing.
        NonFiniteError: the loss is not finite.
    """
    own = {name: _number(name, getattr(record, name)) for name in _FIELDS}
    metrics = {str(name): _number(str(name), value) for name, value in record.metrics.items()}
    for name, value in {**final.get("metrics", {}), **final.get("cost", {})}.items():
        _number(str(name), value)
    _check_objectives(objectives, metrics, final)
    if not math.isfinite(own["loss"]):
        from liverseg.errors import NonFiniteError

        raise NonFiniteError("the loss is not finite", where=f"epoch {own['epoch']}", got=own["loss"])
    report: dict[str, Any] = finite({**metrics, **own})
    return report


def _check_objectives(objectives: Sequence[str], metrics: Mapping[str, Any], final: Mapping[str, Any]) -> None:
    for name in objectives:
        if name in final.get("cost", {}):
            continue
        if name not in metrics or name not in final.get("metrics", {}):
            raise InvalidReport(
                "the trainer does not report the objective",
                where=f"metric {name}",
                got=", ".join(sorted(metrics)) or "no metrics",
                next_step="report it with every epoch and in the final record, or search on another metric",
            )


def _number(name: str, value: Any) -> int | float:
    """A plain number; None is NaN, as in records."""
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise InvalidReport("a metric is not a number", where=f"metric {name}", got=repr(value), allowed="a number")
    return int(value) if isinstance(value, numbers.Integral) else float(value)
