"""YAML nodes to plain values, with the place of each. There is no constructor that a tag could reach."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from sweeps.errors import Problem, SpecError
from sweeps.spec.faults import Path, show

MAX_VALUES = 20_000
MAX_DEPTH = 20
MAX_DIGITS = 100
TAG = "tag:yaml.org,2002:"

_HALF = re.compile("[\ud800-\udfff]")
_WORDS = {"true": True, "false": False}
_HALF_CHARACTER = "half a character, which no text can hold"
_UNREAD: Any = object()


@dataclass(frozen=True, slots=True)
class Position:
    """Where a value came from; `line` and `column` count from 1 and are None outside files."""

    file: str
    line: int | None = None
    column: int | None = None


@dataclass(slots=True)
class ValueBuilder:
    """Builds values and notes where each stands; what cannot be read is noted and left out."""

    file: str
    places: dict[Path, Position] = field(default_factory=dict)
    keys: dict[Path, Position] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    unread: set[Path] = field(default_factory=set)
    count: int = 0

    def build(self, node: Node, path: Path, depth: int) -> Any:
        """The plain value of a node; `_UNREAD` when it was refused."""
        self.count += 1
        if self.count > MAX_VALUES or depth > MAX_DEPTH:
            what = "aliases expand to too many values" if self.count > MAX_VALUES else "aliases nest too deeply"
            raise SpecError([self._problem(node, path, what, allowed=f"{MAX_VALUES} values, {MAX_DEPTH} levels")])
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        plain = TAG + ("map" if isinstance(node, MappingNode) else "seq")
        if node.tag != plain:
            return self._refuse(node, path)
        if isinstance(node, MappingNode):
            return self._mapping(node, path, depth)
        values = []
        for index, item in enumerate(node.value):
            self.places[*path, index] = self._position(item)
            value = self.build(item, (*path, index), depth + 1)
            if value is not _UNREAD:
                values.append(value)
        return values

    def _mapping(self, node: MappingNode, path: Path, depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, ScalarNode) else None
            if key is None:
                self.problems.append(self._problem(key_node, path, "a key must be one word", got="a list or mapping"))
                continue
            if _HALF.search(key):
                self.problems.append(self._problem(key_node, path, _HALF_CHARACTER, got=show(key)))
                continue
            here = (*path, key)
            if key in values:
                first = self.keys[here].line
                self.problems.append(
                    self._problem(key_node, here, "given twice", next_step=f"it also stands in line {first}; keep one")
                )
                continue
            self.keys[here] = self._position(key_node)
            self.places[here] = self._position(value_node if isinstance(value_node, ScalarNode) else key_node)
            value = self.build(value_node, here, depth + 1)
            if value is not _UNREAD:
                values[key] = value
        return values

    def _scalar(self, node: ScalarNode, path: Path) -> Any:
        kind = _tag(node).removeprefix(TAG)
        if _HALF.search(node.value):
            self.problems.append(self._problem(node, path, _HALF_CHARACTER, got=show(node.value)))
            self.unread.add(path)
            return _UNREAD
        try:
            if kind == "null":
                return None
            if kind == "bool":
                return _WORDS[node.value.lower()]
            if kind == "int" and len(node.value) > MAX_DIGITS:
                raise ValueError(f"more than {MAX_DIGITS} digits")  # no float and no message could hold it
            if kind == "int":
                return int(node.value.replace("_", ""), 10 if node.value.lstrip("+-").isdigit() else 0)
            if kind == "float":
                return _float(node.value)
        except (ValueError, KeyError):
            self.problems.append(self._problem(node, path, f"not a readable {kind}", got=show(node.value)))
            self.unread.add(path)
            return _UNREAD
        # a date or a merge sign is just text to a spec
        return node.value if kind in ("str", "timestamp", "merge", "value") else self._refuse(node, path)

    def _refuse(self, node: Node, path: Path) -> Any:
        step = "tags can run code and are never followed; write plain values"
        self.problems.append(
            self._problem(node, path, "a YAML tag is refused", got=show(_tag(node).replace(TAG, "!!")), next_step=step)
        )
        self.unread.add(path)
        return _UNREAD

    def _position(self, node: Node) -> Position:
        return Position(self.file, node.start_mark.line + 1, node.start_mark.column + 1)

    def _problem(self, node: Node, path: Path, what: str, **fields: Any) -> Problem:
        place = self._position(node)
        return Problem(file=self.file, line=place.line, column=place.column, path=dotted(path), what=what, **fields)


def _tag(node: Node) -> str:
    return str(node.tag)


def _float(text: str) -> float:
    plain = text.replace("_", "").lower()
    return float(re.sub(r"\.(inf|nan)$", r"\1", plain))


def dotted(path: Path) -> str:
    """`search.space.batch_size[2]` for a path of keys and indices."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
