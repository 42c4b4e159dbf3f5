"""What differs between a sweep as it was begun and as it is found: lines to read, and the refusal that shows them.

Pure functions. A line is plain text without control characters, whatever stood in the file it comes from.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sweeps.errors import UsageError
from sweeps.provenance.packages import NUMERICAL_PACKAGES, SAMPLER_PACKAGES

Part = Literal["spec", "space", "code", "data", "split", "versions"]

MOST_LINES = 12
ABSENT = "not there"
_MOST_CHARACTERS = 160
_PLAIN_WORD = re.compile(r"[A-Za-z_./~][A-Za-z0-9_./~ -]*(?<! )")
_YAML_WORDS = frozenset({"null", "true", "false", "yes", "no", "on", "off", ".", ".."})
_TITLES: Mapping[Part, str] = {
    "spec": "the spec",
    "space": "the search space",
    "code": "the program, file by file",
    "data": "the scans, by pseudonym",
    "split": "the split of the patients, by pseudonym",
    "versions": "packages that decide numbers",
}
_UNDO: Mapping[Part, str] = {
    "spec": "undo the edit of the spec",
    "space": "undo the edit of the search space",
    "code": "use the program that began it",
    "data": "put the scans back as they were",
    "split": "put patients and split back as they were",
    "versions": "install the versions that began it",
}


class _Missing:
    """Stands for a value that one side does not have; None is a value."""


_MISSING = _Missing()


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs in one part of a sweep.

    Attributes:
        part: which part.
        lines: one a difference; empty when only the fingerprints tell that there is one.
    """

    part: Part
    lines: tuple[str, ...]


def spec_differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Every value that differs between two resolved specs: `search.seed: 42 → 43`. Order of keys does not count.

    Entries of lists are matched by their `name` where all have one (stages), else lists are shown whole. `1` and `1.0`
    differ, as they do in the spec's hash.
    """
    return list(_compare("", old, new))


def code_differences(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Source files that were changed, added or removed, by path: `liverseg/losses/dice.py: changed`."""
    return _marked(old, new, changed="changed", added="added", removed="removed")


def case_differences(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Cases that are new, gone, or have another scan or mask than then, by pseudonym.

    Args:
        old: pseudonym to a digest of the case's files, as recorded.
        new: the same, as found.
    """
    return _marked(old, new, changed="its scan or mask is another", added="was not there", removed="is missing")


def split_differences(old: Mapping[str, Sequence[str]], new: Mapping[str, Sequence[str]]) -> list[str]:
    """Patients that are in another part than then: `case-1a2b: train → validation`.

    Args:
        old: part (`train`, `validation`, `test`) to the pseudonyms in it, as recorded; no other keys.
        new: the same, as found.
    """
    before = {patient: part for part, patients in old.items() for patient in patients}
    after = {patient: part for part, patients in new.items() for patient in patients}
    patients = sorted({*before, *after})
    return [
        f"{printable(patient)}: {before.get(patient, ABSENT)} → {after.get(patient, ABSENT)}"
        for patient in patients
        if before.get(patient) != after.get(patient)
    ]


def version_differences(old: Mapping[str, str], new: Mapping[str, str], samplers: Iterable[str] = ()) -> list[str]:
    """Packages that decide numbers and have another version than then: `keras: 3.15.1 → 3.16.0`.

    A package that was not recorded then is passed over: it was not there, or nobody asked.

    Args:
        old: as `versions` gave them.
        new: as `versions` gives them.
        samplers: those of the sweep; some need a package of their own.
    """
    names = [*NUMERICAL_PACKAGES, *(name for word in samplers for name in SAMPLER_PACKAGES.get(word, ()))]
    return [
        f"{name}: {printable(old[name])} → {printable(new.get(name, ABSENT))}"
        for name in dict.fromkeys(names)
        if name in old and _significant(name, old[name]) != _significant(name, new.get(name, ""))
    ]


def refusal(differences: Sequence[Difference], name: str) -> UsageError:
    """The error that keeps a sweep from going on: what changed, where, and what to do.

    Args:
        differences: at least one.
        name: of the sweep.

    Raises:
        ValueError: there is no difference.
    """
    if not differences:
        raise ValueError("nothing differs")
    lines = [f"sweep {name} cannot go on: its trials would not be comparable with those it has; then → now"]
    lines += difference_lines(differences)
    fork = f"liversweep extend {name} --fork NEW"
    return UsageError(
        "\n".join((*lines, f"{undo(differences)}; or start a new sweep that knows the old results: {fork}"))
    )


def difference_lines(differences: Sequence[Difference]) -> list[str]:
    """What differs, part by part, in indented lines."""
    lines = []
    for difference in differences:
        shown = shortened(difference.lines) or ["differs; nothing more is known, only its fingerprint was recorded"]
        lines += [f"  {_TITLES[difference.part]}", *(f"    {line}" for line in shown)]
    return lines


def undo(differences: Sequence[Difference]) -> str:
    """What would make an end of the differences."""
    return "; ".join(dict.fromkeys(_UNDO[difference.part] for difference in differences))


def shortened(lines: Sequence[str], most: int = MOST_LINES) -> list[str]:
    """The first lines, and `and 12 more` in place of the others."""
    if len(lines) <= most:
        return list(lines)
    return [*lines[: most - 1], f"and {len(lines) - most + 1} more"]


def printable(text: str) -> str:
    """`text` with every control character written as an escape, so that a terminal only shows it."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _compare(path: str, old: Any, new: Any) -> Iterable[str]:
    if _same(old, new):
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping) and not _other_kind(old, new):
        for key in _in_order(old, new):
            yield from _compare(_below(path, key), old.get(key, _MISSING), new.get(key, _MISSING))
        return
    old_entries, new_entries = _by_name(old), _by_name(new)
    if old_entries is not None and new_entries is not None:
        yield from _compare(path, old_entries, new_entries)
        if list(old_entries) != list(new_entries) and set(old_entries) == set(new_entries):
            yield f"{path}: order {_short(list(old_entries))} → {_short(list(new_entries))}"
        return
    yield f"{path or 'the spec'}: {_short(old)} → {_short(new)}"


def _other_kind(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """`{log: [a, b]}` that became `{uniform: [a, b]}` reads better whole than as one key gone and another come."""
    return bool(old) and bool(new) and len(old) == len(new) == 1 and set(old) != set(new)


def _by_name(value: Any) -> dict[str, Any] | None:
    """The entries of a list of mappings by their names; None when it is no such list, or names repeat."""
    if not isinstance(value, (list, tuple)) or not all(isinstance(entry, Mapping) for entry in value):
        return None
    entries = {str(entry["name"]): entry for entry in value if "name" in entry}
    return entries if len(entries) == len(value) else None


def _in_order(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys((*old, *new)))


def _below(path: str, key: str) -> str:
    return printable(f"{path}.{key}" if path else str(key))


def _same(old: Any, new: Any) -> bool:
    if isinstance(old, _Missing) or isinstance(new, _Missing):
        return old is new
    return json.dumps(old, sort_keys=True, default=str) == json.dumps(new, sort_keys=True, default=str)


def _short(value: Any) -> str:
    text = printable(_yaml_like(value))
    return text if len(text) <= _MOST_CHARACTERS else text[: _MOST_CHARACTERS - 1] + "…"


def _yaml_like(value: Any) -> str:
    if isinstance(value, _Missing):
        return ABSENT
    if isinstance(value, str):
        plain = _PLAIN_WORD.fullmatch(value) and value.lower() not in _YAML_WORDS
        return value if plain else json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_yaml_like(key)}: {_yaml_like(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_yaml_like(item) for item in value) + "]"
    return json.dumps(value, default=str)


def _marked(old: Mapping[str, str], new: Mapping[str, str], *, changed: str, added: str, removed: str) -> list[str]:
    lines = []
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            what = added if name not in old else removed if name not in new else changed
            lines.append(f"{printable(name)}: {what}")
    return lines


def _significant(name: str, version: str) -> str:
    return ".".join(version.split(".")[:2]) if name == "python" else version
