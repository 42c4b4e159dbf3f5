"""Trials as rows of Optuna's own tables, many at once.

Optuna adds a trial by some hundred queries, which takes a tenth of a second; a sweep of a thousand trials would be written for
minutes. Its tables have been the same since version 3.2 and carry a version of their own: these rows are written for that one,
and for any other the trials go through Optuna.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    import optuna

SCHEMA = "v3.2.0.a"
_FINITE = "FINITE"


def add_trials(memory: sqlite3.Connection, study: optuna.Study, trials: Sequence[optuna.trial.FrozenTrial]) -> None:
    """Add trials to an empty study whose storage is on `memory`, numbered in order. All their numbers must be finite."""
    (schema,) = memory.execute("SELECT version_num FROM alembic_version").fetchone()
    if schema != SCHEMA:
        study.add_trials(trials)
        return
    (study_id,) = memory.execute("SELECT study_id FROM studies WHERE study_name = ?", (study.study_name,)).fetchone()
    (first,) = memory.execute("SELECT COALESCE(MAX(trial_id), 0) + 1 FROM trials").fetchone()
    with memory:
        for number, trial in enumerate(trials):
            _add(memory, study_id, first + number, number, trial)


def _add(
    memory: sqlite3.Connection, study_id: int, trial_id: int, number: int, trial: optuna.trial.FrozenTrial
) -> None:
    from optuna.distributions import distribution_to_json

    moments = (_stamp(trial.datetime_start), _stamp(trial.datetime_complete))
    memory.execute(
        "INSERT INTO trials (trial_id, number, study_id, state, datetime_start, datetime_complete) VALUES (?, ?, ?, ?, ?, ?)",
        (trial_id, number, study_id, trial.state.name, *moments),
    )
    parameters = [
        (trial_id, name, distribution.to_internal_repr(trial.params[name]), distribution_to_json(distribution))
        for name, distribution in trial.distributions.items()
    ]
    _insert(memory, "trial_params", ("trial_id", "param_name", "param_value", "distribution_json"), parameters)
    values = [(trial_id, objective, value, _FINITE) for objective, value in enumerate(trial.values or ())]
    _insert(memory, "trial_values", ("trial_id", "objective", "value", "value_type"), values)
    curve = [(trial_id, step, value, _FINITE) for step, value in trial.intermediate_values.items()]
    columns = ("trial_id", "step", "intermediate_value", "intermediate_value_type")
    _insert(memory, "trial_intermediate_values", columns, curve)
    facts = [(trial_id, name, json.dumps(value)) for name, value in trial.user_attrs.items()]
    _insert(memory, "trial_user_attributes", ("trial_id", "key", "value_json"), facts)


def _insert(memory: sqlite3.Connection, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Rows into one of the tables above; every name in the statement is ours."""
    names, places = ", ".join(f'"{name}"' for name in columns), ", ".join("?" * len(columns))
    memory.executemany(f"INSERT INTO {table} ({names}) VALUES ({places})", rows)


def _stamp(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(sep=" ", timespec="microseconds")
