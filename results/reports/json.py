"""The report as one JSON document. NaN, infinities and missing values are `null`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pandas as pd

from results.columns import is_missing
from results.ranking import RankedTrial, rank_trials
from results.records import Cost, SweepRecord, TrialRecord
from results.reports.document import Document
from results.reports.section import Section
from results.statistics import Optimism
from results.tables import case_table

SCHEMA_VERSION = 1


def as_json(document: Document) -> dict[str, Any]:
    """The document in JSON types."""
    sweep = document.sweep
    places = rank_trials(sweep.trials, sweep.sweep.objectives)
    content = {
        "schema_version": SCHEMA_VERSION,
        "notice": document.notice,
        "summary": list(document.summary),
        "sweep": _sweep(sweep.sweep),
        "architectures": [{"title": table.title, "rows": _records(table.frame)} for table in document.architectures],
        "trials": [_trial(place) for place in places],
        "factors": [{"title": table.title, "rows": _records(table.frame)} for table in document.factors],
        "patients": _records(document.patients.frame),
        "pairs": _records(document.pairs.frame),
        "ranks": _records(document.ranks.frame),
        "agreements": [asdict(found) for found in document.comparison.agreements],
        "optimism": _optimism(document.optimism),
        "sections": {section.key: _section(section) for section in document.sections},
        "cases": _records(case_table(sweep)),
        "failure_groups": [asdict(group) for group in document.failure_groups],
        "failures": [asdict(failure) for failure in document.failures],
        "definitions": dict(document.definitions),
    }
    plain: dict[str, Any] = _plain(content)
    return plain


def section_as_json(section: Section) -> dict[str, Any]:
    """One section in JSON types."""
    plain: dict[str, Any] = _plain(_section(section))
    return plain


def _section(section: Section) -> dict[str, Any]:
    tables = {table.key: _records(table.frame) for table in section.tables}
    return {"title": section.title, "text": list(section.text), "tables": tables, **section.facts}


def _optimism(found: Optimism | None) -> dict[str, Any] | None:
    return None if found is None else asdict(found) | {"optimism": found.optimism}


def _sweep(record: SweepRecord) -> dict[str, Any]:
    facts = asdict(record)
    del facts["schema_version"]
    return facts | {"objective": facts.pop("objectives")}


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = frame.astype(object).to_dict("records")  # type: ignore[assignment]
    return records


_LEFT_OUT = frozenset(
    {"uid", "cost", "cases", "checkpoint", "weights", "values", "history_json", "scores_json", "tests", "stints"}
)
_TRIAL = tuple(name for name in TrialRecord.__slots__ if name not in _LEFT_OUT)


def _trial(place: RankedTrial) -> dict[str, Any]:
    trial = place.trial
    facts: dict[str, Any] = {"rank": place.rank, "front": place.front, "trial": trial.uid}
    facts |= {name: getattr(trial, name) for name in _TRIAL}
    facts |= {"tests": [{"opening": test.opening, "metrics": test.metrics, "time": test.time} for test in trial.tests]}
    return facts | {"cost": {name: getattr(trial.cost, name) for name in Cost.__slots__}}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (str, bool)):
        return value
    if is_missing(value) or (isinstance(value, float) and math.isinf(value)):
        return None
    return value.item() if hasattr(value, "item") else value


def render(document: Document) -> dict[str, str]:
    """`report.json`."""
    return {"report.json": json.dumps(as_json(document), indent=1, allow_nan=False, ensure_ascii=True) + "\n"}
