"""In what the protocols of sweeps differ: facts of their ledgers, side by side, without those that are the same."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from results.comparisons.entries import Entry
from results.fingerprints import train_fingerprint, validation_fingerprint
from results.records import SweepRecord, TrialRecord
from results.reports.table import Shown, Table, make_table
from results.text import printable

NOT_RECORDED = "not recorded"
ABSENT = "–"
MOST_CHARACTERS = 60
# What one machine, one disk or one name asks for says nothing about a comparison.
_LEFT_OUT = frozenset({"name", "schema_version", "keep"})
# Dimensions of a search space read better whole: `{log: [1e-05, 0.01]}`.
_WHOLE = ("search.space.", "search.architectures.")


def protocol_facts(entry: Entry) -> dict[str, str]:
    """Everything about a sweep that a comparison should know, by name, in words."""
    record, trials = entry.record, entry.sweep.trials
    facts = _patients(record) | _spent(record, trials)
    facts |= {f"spec: {name}": text for name, text in spec_values(record.spec).items()}
    facts |= {f"version of {name}": str(version) for name, version in sorted(record.versions.items())}
    code = record.hashes.get("code", "")
    return facts | {"program (fingerprint)": str(code)[:12] or NOT_RECORDED}


def _patients(record: SweepRecord) -> dict[str, str]:
    split = record.split
    return {
        "labels": ", ".join(record.labels),
        "objective": ", ".join(f"{item.metric} ({item.direction})" for item in record.objectives),
        "training patients": _with_fingerprint(len(split.train), train_fingerprint(record)),
        "validation patients": _with_fingerprint(len(split.validation), validation_fingerprint(record)),
        "folds of the cross-validation": str(max(len(split.folds), 1)),
        "settings repeated on folds × seeds": f"{record.replication.folds} × {record.replication.seeds}",
        "warm-started from": ", ".join(parent.name for parent in record.parents) or ABSENT,
        "extended": f"{len(record.extended)} times" if record.extended else ABSENT,
    }


def _with_fingerprint(count: int, fingerprint: str) -> str:
    return f"{count} ({fingerprint})" if fingerprint else str(count)


def _spent(record: SweepRecord, trials: Sequence[TrialRecord]) -> dict[str, str]:
    finished = [trial for trial in trials if trial.state == "finished"]
    hours = math.fsum(trial.seconds for trial in trials if math.isfinite(trial.seconds)) / 3600
    return {
        "trials asked for": str(record.trials),
        "trials finished": str(len(finished)),
        "trials pruned": str(sum(trial.state == "pruned" for trial in trials)),
        "trials failed": str(sum(trial.state == "failed" for trial in trials)),
        "epochs of finished trials": _range(trial.epochs for trial in finished),
        "seeds of finished trials": ", ".join(map(str, sorted({trial.seed for trial in finished}))) or ABSENT,
        "updates spent": str(sum(trial.updates for trial in trials)),
        "training time": f"{hours:.2f} h",
    }


def _range(values: Iterable[int]) -> str:
    known = sorted(set(values))
    if not known:
        return ABSENT
    return str(known[0]) if len(known) == 1 else f"{known[0]} … {known[-1]}"


def spec_values(spec: Mapping[str, Any]) -> dict[str, str]:
    """The values of a resolved spec by dotted path, as short text."""
    return dict(_leaves("", {key: value for key, value in spec.items() if key not in _LEFT_OUT}))


def _leaves(path: str, value: Any) -> Iterable[tuple[str, str]]:
    named = _by_name(value)
    whole = path.startswith(_WHOLE) and path.count(".") > 1
    if isinstance(named, Mapping) and named and not whole:
        for key, item in named.items():
            yield from _leaves(f"{path}.{key}" if path else str(key), item)
    else:
        yield printable(path), _short(value)


def _by_name(value: Any) -> Any:
    """Entries of a list by their names where all have one (stages); everything else as it is."""
    if isinstance(value, list) and value and all(isinstance(item, Mapping) and "name" in item for item in value):
        return {str(item["name"]): item for item in value}
    return value


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False).replace('"', "")
    text = printable(text)
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"


def differing_facts(entries: Sequence[Entry]) -> tuple[pd.DataFrame, int]:
    """One row a fact that is not the same in all sweeps, and how many facts there are.

    Columns: `fact`, and one for each sweep, named after it. A sweep without a recorded spec has `not recorded` in its rows.
    """
    facts = {entry.name: protocol_facts(entry) for entry in entries}
    names = list(dict.fromkeys(name for found in facts.values() for name in found))
    rows = []
    for name in names:
        values = {entry.name: facts[entry.name].get(name, _absent(entry, name)) for entry in entries}
        if len(set(values.values())) > 1:
            rows.append({"fact": name, **values})
    return pd.DataFrame(rows, columns=["fact", *facts]), len(names)


def _absent(entry: Entry, name: str) -> str:
    unknown = name.startswith("spec: ") and not entry.record.spec
    return NOT_RECORDED if unknown or (name.startswith("version") and not entry.record.versions) else ABSENT


def protocol_layout(entries: Sequence[Entry]) -> Table:
    """The facts that differ."""
    frame, count = differing_facts(entries)
    shown = [Shown(("fact",), numeric=False)]
    shown += [Shown((entry.name,), entry.name, numeric=False) for entry in entries]
    note = f"{len(frame)} of {count} recorded facts differ; the others are the same. Scores may differ for any of these reasons."
    return make_table(frame, shown, key="protocol", title="What differs in the protocol", note=note)


def code_sentences(entries: Sequence[Entry]) -> tuple[str, ...]:
    """Which source files that decide numbers differ from the first sweep's, a sentence a sweep; none where none do."""
    found, first = [], entries[0]
    for entry in entries[1:]:
        old, new = first.record.code, entry.record.code
        files = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
        if old and new and files:
            more = f" and {len(files) - 8} more" if len(files) > 8 else ""
            found.append(
                f"{entry.name} ran another program than {first.name}: {', '.join(map(printable, files[:8]))}{more}."
            )
    return tuple(found)
