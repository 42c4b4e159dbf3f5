"""Everything that it takes to repeat a sweep, then and now, as one JSON document made from the sweep's folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweeps.errors import SweepError
from sweeps.provenance.code import code_files, code_hash
from sweeps.provenance.differences import code_differences
from sweeps.provenance.repetition import repetition
from sweeps.provenance.surroundings import environment
from sweeps.provenance.variables import variables

if TYPE_CHECKING:
    from results.ledger_line import Event
    from sweeps.folder import SweepFolder

SCHEMA_VERSION = 1
_GIT_FIELDS = ("commit", "branch", "dirty")
_GPU_FIELDS = ("name", "driver", "memory_bytes")
_HARDWARE: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "system": lambda facts: facts.get("system"),
    "release": lambda facts: facts.get("release"),
    "libc": lambda facts: facts.get("libc"),
    "machine": lambda facts: facts.get("machine"),
    "cpu": lambda facts: _part(facts, "cpu").get("model"),
    "physical_cores": lambda facts: _part(facts, "cpu").get("physical_cores"),
    "logical_cores": lambda facts: _part(facts, "cpu").get("logical_cores", facts.get("cpus")),
    "usable_cores": lambda facts: _part(facts, "cpu").get("usable_cores"),
    "cpu_flags": lambda facts: _part(facts, "cpu").get("flags"),
    "memory_bytes": lambda facts: facts.get("memory_bytes"),
    "gpus": lambda facts: _gpus(facts.get("gpus")),
}


def reproduction(folder: SweepFolder) -> dict[str, Any]:
    """How a sweep came about, what is different here and now, and the commands that repeat it.

    Rows `{name, then, now, differs}` compare; `differs` is None where nothing was recorded then. What `env.json` holds
    besides the names known here is not shown.

    Args:
        folder: of a sweep with a ledger.

    Raises:
        LedgerError: the ledger cannot be read.
        SweepError: `env.json` or `resolved.json` is there but cannot be read.
    """
    from results.ledger import read_events

    events = read_events(folder.ledger)
    if not events:
        raise SweepError("the ledger is empty", where=str(folder.ledger), next_step="run the sweep again")
    sweep = events[0].payload
    then, now = _document(folder.file("env.json")), environment(folder.path)
    resolved = _ordered(_document(folder.file("resolved.json")) or _part(sweep, "spec"), sweep)
    document = {
        "schema_version": SCHEMA_VERSION,
        "name": folder.name,
        "path": str(folder.path),
        "started": events[0].time,
        "spec": _text(folder.file("sweep.yaml")),
        "resolved": resolved or None,
        "seeds": _seeds(resolved, events),
        "fingerprints": {name: _part(sweep, "hashes").get(name) for name in ("spec", "space", "code", "data", "split")},
        "code": _code(sweep),
        "versions": _rows(_part(sweep, "versions") or _part(then, "versions"), now["versions"]),
        "packages": _packages(then, now),
        "python": _rows(_part(then, "python"), now["python"]),
        "hardware": _rows(*({name: get(facts) for name, get in _HARDWARE.items()} for facts in (then, now))),
        "git": _git(then, now),
        "variables": _variables(then, now),
        "worker_variables": _allowed(_part(then, "worker_variables")),
        "history": _history(events),
    }
    return document | repetition(document, _in_file(folder))


def _seeds(resolved: Mapping[str, Any], events: Sequence[Event]) -> dict[str, Any]:
    """Seeds of split, search and training; those of single trials only when they differ from each other."""
    trials = {str(event.payload["uid"]): event.payload.get("seed") for event in events if event.name == "suggested"}
    return {
        "split": _part(_part(resolved, "data"), "split").get("seed"),
        "search": _part(resolved, "search").get("seed"),
        "train": _part(resolved, "train").get("seed"),
        "trials": trials if len(set(trials.values())) > 1 else {},
    }


def _code(sweep: Mapping[str, Any]) -> dict[str, Any]:
    """The program's source then and now; `differs` is None where single files were not recorded."""
    then, now = _part(sweep, "code"), code_files()
    return {
        "then": _part(sweep, "hashes").get("code"),
        "now": code_hash(now),
        "differs": then != now if then else None,
        "files": code_differences(then, now) if then else [],
    }


def _packages(then: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """All distributions then, and rows of those that have another version now."""
    recorded = [str(line) for line in then.get("packages") or ()]
    before, after = (dict(line.partition("==")[::2] for line in lines) for lines in (recorded, now["packages"]))
    rows = _rows(before, after) if recorded else []
    return {"then": recorded, "differences": [row for row in rows if row["differs"]]}


def _git(then: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Revision of the program then and now, and of the folder of the spec then; None where there is none."""
    before, after = _part(then, "git"), _part(now, "git")

    def plain(facts: Mapping[str, Any], name: str) -> dict[str, Any] | None:
        found = _part(facts, name)
        return {field: found.get(field) for field in _GIT_FIELDS} if found else None

    return {
        "program": {"then": plain(before, "program"), "now": plain(after, "program")},
        "folder": {"then": plain(before, "folder")},
    }


def _variables(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of the allowed variables that were or are set; none when nobody recorded them."""
    if not isinstance(then.get("variables"), Mapping):
        return []
    before, after = _allowed(then["variables"]), now["variables"]
    names = sorted({*before, *after})
    return [
        {"name": name, "then": before.get(name), "now": after.get(name), "differs": before.get(name) != after.get(name)}
        for name in names
    ]


def _allowed(found: Mapping[str, Any]) -> dict[str, str]:
    """Recorded variables, sifted again: `env.json` is only a file, and this list is what gets passed around."""
    return variables({name: str(value) for name, value in found.items()})


def _rows(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Then and now, side by side; a value that nobody recorded then is None and does not count as a difference."""
    return [
        {
            "name": name,
            "then": then.get(name),
            "now": now.get(name),
            "differs": None if then.get(name) is None else then[name] != now.get(name),
        }
        for name in dict.fromkeys((*then, *now))
    ]


def _gpus(found: Any) -> list[dict[str, Any]] | None:
    """Each GPU by the facts that `env.json` has of it."""
    if not isinstance(found, list):
        return None
    return [{name: gpu.get(name) for name in _GPU_FIELDS} for gpu in found if isinstance(gpu, Mapping)]


def _history(events: Sequence[Event]) -> list[dict[str, Any]]:
    """What happened to the sweep as a whole after its first event, in order."""
    kept = {"resumed": ("run",), "extended": ("trials", "epochs", "space", "note"), "closed": ("reason",)}
    history: list[dict[str, Any]] = []
    trials = events[0].payload.get("trials")
    parents = events[0].payload.get("parents")
    if parents:
        history.append({"time": events[0].time, "event": "forked", "parents": parents})
    for event in events[1:]:
        if event.name not in kept:
            continue
        facts = {name: event.payload[name] for name in kept[event.name] if event.payload.get(name) is not None}
        if event.name == "extended":
            facts |= {"before": trials, "longer": len(event.payload.get("longer") or ())}
            trials = event.payload.get("trials")
        history.append({"time": event.time, "event": event.name, **facts})
    retried = sum(event.name == "queued" and event.payload.get("reason") == "retry" for event in events)
    return [*history, {"time": events[-1].time, "event": "retried", "trials": retried}] if retried else history


def _ordered(resolved: Mapping[str, Any], sweep: Mapping[str, Any]) -> dict[str, Any]:
    """The resolved spec with its architectures in the order of the ledger, which decides who is tried when."""
    search = _part(resolved, "search")
    architectures, order = _part(search, "architectures"), list(sweep.get("architectures") or ())
    if set(order) != set(architectures):
        return dict(resolved)
    return {**resolved, "search": {**search, "architectures": {name: architectures[name] for name in order}}}


def _in_file(folder: SweepFolder) -> Mapping[str, Any] | None:
    """`resolved.json` as it stands, None when it is not there."""
    path = folder.file("resolved.json")
    return _document(path) if path.is_file() else None


def _document(path: Path) -> Mapping[str, Any]:
    """A JSON object; empty when there is no such file."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SweepError("cannot be read as JSON", where=str(path), got=str(error)) from error
    if not isinstance(found, dict):
        raise SweepError("holds no JSON object", where=str(path), got=type(found).__name__)
    return found


def _text(path: Path) -> str | None:
    try:
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return None


def _part(facts: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A mapping inside a mapping; empty when it is missing or something else."""
    found = facts.get(name)
    return found if isinstance(found, Mapping) else {}
