"""The same spec sent a second time: what it may change in the sweep that is there, and what it may not."""

from __future__ import annotations

import json
from typing import Any

from results.ledger import read_events
from sweeps.adjust import FREE_KEYS, FREE_SECTIONS, experiment
from sweeps.errors import SweepError
from sweeps.folder import SweepFolder
from sweeps.provenance import Difference, refusal, spec_differences
from sweeps.spec import Spec


def settings_of(spec: Spec, folder: SweepFolder) -> list[str]:
    """The machine, limits and places of `spec` as `key=value` texts for a resume of the sweep in `folder`.

    Raises:
        UsageError: the spec is of another experiment; says in what.
        LedgerError: the ledger is damaged.
    """
    wanted = spec.resolved()
    kept = dict(read_events(folder.ledger)[0].payload.get("spec") or {})
    if not kept:
        raise SweepError(
            "the ledger was begun by a version that could not resume",
            where=str(folder.ledger),
            next_step="run the sweep again under another name",
        )
    if experiment(wanted) != experiment(kept):
        lines = spec_differences(experiment(kept), experiment(wanted))
        raise refusal([Difference("spec", tuple(lines))], folder.name)
    return [_text(key, _value(wanted, key)) for key in _free_keys(wanted)]


def _free_keys(plain: dict[str, Any]) -> list[str]:
    inside = [f"{section}.{key}" for section in FREE_SECTIONS for key in plain.get(section, {})]
    return [*inside, *FREE_KEYS]


def _value(plain: dict[str, Any], dotted: str) -> Any:
    section, _, key = dotted.partition(".")
    return plain[section][key]


def _text(key: str, value: Any) -> str:
    return f"{key}={json.dumps(value)}"
