"""`liversweep show NAME --repro`: what a sweep was made of and ran on, what differs now, and how to repeat it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sweeps.cli.console import write_text
from sweeps.provenance.differences import printable, shortened
from sweeps.provenance.reproduction import reproduction

__all__ = ["print_reproduction", "reproduction", "reproduction_text"]

MOST_PACKAGES = 20
_TITLES = {
    "versions": "Versions",
    "python": "Python",
    "hardware": "Machine",
    "variables": "Environment variables (those that can change numbers)",
}


def print_reproduction(document: Mapping[str, Any]) -> None:
    """The record for people, on stdout."""
    write_text(reproduction_text(document))


def reproduction_text(document: Mapping[str, Any]) -> str:
    """The record as text: `*` marks what is different now; the commands come last, where the eye is.

    Whatever stood in the files of the sweep, the text holds no control characters but line ends.
    """
    sections: list[tuple[str, Iterable[str]]] = [
        (f"Sweep {document['name']}, begun {document['started']}", ()),
        ("Spec, as it was given", (document["spec"] or "not kept").splitlines()),
        ("Seeds", _seeds(document["seeds"])),
        ("Fingerprints", _pairs(document["fingerprints"])),
        ("Source that decides numbers", _code(document["code"])),
        ("Git", _git(document["git"])),
        *((title, _table(document[key])) for key, title in _TITLES.items()),
        ("Variables set for every trial", _pairs(document["worker_variables"])),
        ("Other packages", _packages(document)),
        ("What happened since", [_event(event) for event in document["history"]]),
        ("What to know", [f"- {note}" for note in document["notes"]]),
        ("To repeat it", _steps(document["steps"])),
    ]
    return "\n".join(line for title, lines in sections for line in _section(title, lines))


def _section(title: str, lines: Iterable[str]) -> list[str]:
    shown = [f"  {printable(line.expandtabs())}".rstrip() for line in lines]
    return [printable(title), *(shown or ["  none recorded"] * (not title.startswith("Sweep"))), ""]


def _seeds(seeds: Mapping[str, Any]) -> list[str]:
    own = {f"trial {uid}": seed for uid, seed in seeds["trials"].items()}
    return [
        *_pairs({name: seeds[name] for name in ("split", "search", "train")}),
        *shortened(_pairs(own), MOST_PACKAGES),
    ]


def _pairs(values: Mapping[str, Any]) -> list[str]:
    width = max((len(name) for name in values), default=0)
    return [f"{name:<{width}}  {_words(value, 'not recorded')}" for name, value in values.items()]


def _code(code: Mapping[str, Any]) -> list[str]:
    if code["differs"] is None:
        return ["its files were not recorded one by one, so it cannot be compared with the source of now"]
    if not code["differs"]:
        return ["the same now"]
    return ["different now:", *(f"* {line}" for line in shortened(code["files"], MOST_PACKAGES))]


def _git(git: Mapping[str, Any]) -> list[str]:
    rows = {
        "program then": git["program"]["then"],
        "program now": git["program"]["now"],
        "folder of the spec then": git["folder"]["then"],
    }
    return _pairs({name: _revision(value) if value else "no revision" for name, value in rows.items()})


def _revision(facts: Mapping[str, Any]) -> str:
    state = {True: ", with changes", False: ""}.get(facts["dirty"], ", perhaps with changes")
    return f"{facts['commit']} ({facts['branch'] or 'no branch'}{state})"


def _table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line a row: name, value then, and value now where it is another."""
    if not rows:
        return []
    names = [_label(row["name"]) for row in rows]
    then = [_words(_shown(row["name"], row["then"]), "not set" if row["differs"] else "?") for row in rows]
    wide, wider = max(map(len, names)), max(map(len, then))
    lines = []
    for name, before, row in zip(names, then, rows, strict=True):
        now = _words(_shown(row["name"], row["now"]), "none")
        other = f"  now {now}" if row["differs"] or row["differs"] is None else ""
        lines.append(f"{'*' if row['differs'] else ' '} {name:<{wide}}  {before:<{wider if other else 0}}{other}")
    return lines


def _label(name: str) -> str:
    return {"memory_bytes": "memory", "gpus": "GPUs", "cpu": "processor", "cpu_flags": "instruction sets"}.get(
        name, name.replace("_", " ") if name.islower() else name
    )


def _shown(name: str, value: Any) -> Any:
    if name == "memory_bytes" and isinstance(value, int):
        return f"{value / 1024**3:.1f} GiB"
    if name == "gpus" and isinstance(value, list):
        return [f"{gpu['name']} (driver {gpu['driver']})" for gpu in value] or "none"
    return value


def _packages(document: Mapping[str, Any]) -> list[str]:
    packages = document["packages"]
    if not packages["then"]:
        return []
    main = {row["name"] for row in document["versions"]}
    rows = [row for row in packages["differences"] if row["name"] not in main]
    lines = [f"{len(packages['then'])} packages in all; the list is in env.json and in --json"]
    return lines + shortened(_table(rows), MOST_PACKAGES)


def _event(event: Mapping[str, Any]) -> str:
    facts = {name: value for name, value in event.items() if name not in ("time", "event") and value}
    words = ", ".join(f"{name} {_words(value, '')}" for name, value in facts.items())
    return f"{event['time'][:19]}  {event['event']}" + (f" ({words})" if words else "")


def _steps(steps: Sequence[Mapping[str, Any]]) -> list[str]:
    return [f"{step['command']}    # {step['why']}" if step["command"] else f"# {step['why']}" for step in steps]


def _words(value: Any, missing: str) -> str:
    if value is None:
        return missing
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
