"""What the page must know of a table's rows beyond their cells: whose they are, so that they can be hidden and explained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from results.columns import column
from results.parameters import value_text
from results.plots.marks import architectures
from results.records import Sweep, TrialRecord
from results.reports.table import Table
from results.tables.factors import swept_parameters
from results.text import printable

_OWNERS = ("architecture", "first", "second")


@dataclass(frozen=True, slots=True)
class RowMarks:
    """Of one row.

    Attributes:
        of: positions of the architectures that it is about, joined by spaces; empty for none.
        trial: number of the trial that it is; empty for other rows.
        about: that trial in one line.
    """

    of: str = ""
    trial: str = ""
    about: str = ""


class PageRows:
    """Marks of the rows of a sweep's tables."""

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep
        names = architectures(sweep)
        self._positions = {printable(name): str(i) for i, name in enumerate(names)}
        self._positions |= {name: str(i) for i, name in enumerate(names)}
        self._swept = swept_parameters(sweep.trials)
        self._trials = {trial.number: trial for trial in sweep.trials}

    def of(self, *names: str) -> str:
        """Positions of these architectures, joined by spaces; those that are none are left out."""
        return " ".join(dict.fromkeys(self._positions[name] for name in names if name in self._positions))

    def marks(self, table: Table) -> list[RowMarks]:
        """One for each row of a table."""
        names = [name for name in _OWNERS if name in table.frame.columns]
        records: list[dict[str, Any]] = table.frame.astype(object).to_dict("records")  # type: ignore[assignment]
        return [self._row(record, names, table.key == "trials") for record in records]

    def _row(self, record: Mapping[str, Any], names: Iterable[str], is_trial: bool) -> RowMarks:
        of = self.of(*(str(record[name]) for name in names))
        if not is_trial:
            return RowMarks(of)
        trial = self._trials[int(record["number"])]
        return RowMarks(of, str(trial.number), self._about(trial))

    def _about(self, trial: TrialRecord) -> str:
        metric = self._sweep.sweep.objective.metric
        score = column(metric).text(trial.metric(metric))
        values = [f"{name} {value_text(trial.parameters[name])}" for name in self._swept if name in trial.parameters]
        text = f"trial {trial.number}, {trial.architecture}, {trial.state}: {column(metric).title} {score}; "
        return printable(text + ", ".join(values))
