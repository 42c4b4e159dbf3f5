"""`--set search.trials=10`: values from the command line laid over those of the file."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from sweeps.errors import Problem, SpecError
from sweeps.spec.faults import Path, did_you_mean, show
from sweeps.spec.nodes import Position, dotted
from sweeps.spec.source import Document, read_value


def apply_overrides(document: Document, overrides: Sequence[str]) -> Document:
    """Lay `key.path=value` texts over a document, in their order.

    Values are read as YAML. Stages are addressed by their name or their number from 0: `stages.batch_size.trials=3`.

    Raises:
        SpecError: every override that is not of that form, has a value that YAML cannot read, or points into nothing.
    """
    values = copy.deepcopy(document.values)
    places, problems = dict(document.places), list[Problem]()
    unread = set(document.unread)
    for text in overrides:
        where = f"--set {text}"
        try:
            path = _store(values, text, where)
        except SpecError as error:
            problems += error.problems
            continue
        places = {known: place for known, place in places.items() if known[: len(path)] != path}
        places[path] = Position(where)
        unread -= {known for known in unread if known[: len(path)] == path}
    if problems:
        raise SpecError(problems)
    keys = {known: place for known, place in document.keys.items() if known in places}
    return Document(values, places, keys, document.problems, frozenset(unread))


def _store(values: dict[str, Any], text: str, where: str) -> Path:
    key, equals, raw = text.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts):
        raise SpecError(
            [
                Problem(
                    file=where,
                    what="not an override",
                    got=repr(text),
                    allowed="key=value, for example search.trials=10",
                )
            ]
        )
    value = read_value(raw, where)
    path: Path = ()
    target: Any = values
    for part in parts[:-1]:
        step = _step(target, part, path, where)
        if isinstance(target, dict) and target.get(part) is None:
            target[part] = {}
        target, path = target[step], (*path, step)
    last = _step(target, parts[-1], path, where)
    target[last] = value
    return (*path, last)


def _step(target: Any, part: str, path: Path, where: str) -> str | int:
    """The key or index that one word of the path means."""
    if isinstance(target, dict):
        return part
    if isinstance(target, list):
        names = [item.get("name") if isinstance(item, dict) else None for item in target]
        if part in names:
            return names.index(part)
        if part.isdigit() and int(part) < len(target):
            return int(part)
        known = [str(name) for name in names if name] or [f"0 to {len(target) - 1}"]
        step = did_you_mean(part, known)
        raise SpecError(
            [
                Problem(
                    file=where,
                    path=dotted(path),
                    what="no such entry",
                    got=repr(part),
                    allowed=" | ".join(known),
                    next_step=step,
                )
            ]
        )
    raise SpecError(
        [
            Problem(
                file=where, path=dotted(path), what=f"has no part called {part}", got=show(target), allowed="a mapping"
            )
        ]
    )
