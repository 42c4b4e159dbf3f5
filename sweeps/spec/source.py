"""YAML text to plain values, with the place of each, and nothing that YAML could do besides.

Values are built here from the parser's nodes: there is no constructor that a tag could reach. Size, depth, aliases and
the number of values after aliases are expanded are capped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from sweeps.errors import Problem, SpecError
from sweeps.spec.faults import Path, show

MAX_BYTES = 1 << 20
MAX_ALIASES = 100
MAX_VALUES = 20_000
MAX_DEPTH = 20

_TAG = "tag:yaml.org,2002:"
_WORDS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Position:
    """Where a value came from; `line` and `column` count from 1 and are None outside files."""

    file: str
    line: int | None = None
    column: int | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """Plain values with their places.

    Attributes:
        values: what the file says; entries that could not be read are left out.
        places: of each value by path; of mappings and lists, the place of their key.
        keys: place of each key.
        problems: what could not be read (refused tags, keys given twice).
        unread: paths that were left out because of a problem.
    """

    values: dict[str, Any]
    places: Mapping[Path, Position]
    keys: Mapping[Path, Position]
    problems: tuple[Problem, ...] = ()
    unread: frozenset[Path] = frozenset()

    def position(self, path: Path, *, at_key: bool = False) -> Position:
        """The place of `path`, or of the nearest thing above it that has one."""
        if at_key and path in self.keys:
            return self.keys[path]
        while path and path not in self.places:
            path = path[:-1]
        return self.places[path]


def decode(data: bytes, file: str) -> str:
    """UTF-8 text of a spec file, without a byte order mark.

    Raises:
        SpecError: too large, or not UTF-8 (with the line of the first bad byte).
    """
    if len(data) > MAX_BYTES:
        raise SpecError(
            [
                Problem(
                    file=file,
                    what="the spec is too large",
                    got=f"{len(data)} bytes or more",
                    allowed=f"{MAX_BYTES} bytes",
                )
            ]
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        got = f"byte 0x{data[error.start]:02x}"
        step = "save the file as UTF-8"
        raise SpecError([Problem(file=file, line=line, what="not UTF-8 text", got=got, next_step=step)]) from None


def read_mapping(text: str, file: str) -> Document:
    """Read the text of a spec: one YAML mapping.

    Raises:
        SpecError: broken syntax, a cap exceeded, empty, several documents, or not a mapping.
    """
    node = _compose(text, file)
    if node is None or (isinstance(node, ScalarNode) and node.tag == _TAG + "null"):
        step = "start from `liversweep spec init`"
        raise SpecError(
            [
                Problem(
                    file=file,
                    line=1,
                    what="the spec is empty",
                    allowed="a mapping that starts with name:",
                    next_step=step,
                )
            ]
        )
    if not isinstance(node, MappingNode):
        got = "a list" if isinstance(node, SequenceNode) else show(node.value)
        raise SpecError(
            [
                Problem(
                    file=file,
                    line=node.start_mark.line + 1,
                    what="the spec must be a mapping",
                    got=got,
                    allowed="key: value lines",
                )
            ]
        )
    builder = _Builder(file)
    builder.places[()] = Position(file, 1, 1)
    values = builder.build(node, (), 0)
    return Document(values, builder.places, builder.keys, tuple(builder.problems), frozenset(builder.unread))


def read_value(text: str, file: str) -> Any:
    """Read one value of `--set key=value`. Empty text is null.

    Raises:
        SpecError: as `read_mapping`, and for keys given twice and refused tags.
    """
    node = _compose(text, file)
    if node is None:
        return None
    builder = _Builder(file)
    value = builder.build(node, (), 0)
    if builder.problems:
        raise SpecError(builder.problems)
    return value


def _compose(text: str, file: str) -> Node | None:
    try:
        _check_caps(text, file)
        node: Node | None = YAML(typ="safe", pure=True).compose(text)
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise SpecError(
            [Problem(file=file, line=line, what="a control character in the text", got=repr(error.character))]
        ) from None
    except MarkedYAMLError as error:
        raise SpecError([_syntax_problem(error, file)]) from None
    except YAMLError as error:
        raise SpecError([Problem(file=file, what=f"broken YAML: {error}")]) from None
    return node


def _check_caps(text: str, file: str) -> None:
    """Walk the parser's events, which cost little and expand nothing."""
    depth = aliases = 0
    for count, event in enumerate(YAML(typ="safe", pure=True).parse(text)):
        depth += isinstance(event, (MappingStartEvent, SequenceStartEvent)) - isinstance(
            event, (MappingEndEvent, SequenceEndEvent)
        )
        aliases += isinstance(event, AliasEvent)
        what = None
        if depth > MAX_DEPTH:
            what, allowed = "nested too deeply", f"{MAX_DEPTH} levels"
        elif aliases > MAX_ALIASES:
            what, allowed = "too many aliases", f"{MAX_ALIASES}"
        elif count > MAX_VALUES:
            what, allowed = "too many values", f"{MAX_VALUES}"
        elif isinstance(event, DocumentStartEvent) and event.version not in (None, (1, 2)):
            what, allowed = "unsupported version of YAML", "%YAML 1.2, or no such line"
        if what is not None:
            raise SpecError([Problem(file=file, line=event.start_mark.line + 1, what=what, allowed=allowed)])


def _syntax_problem(error: MarkedYAMLError, file: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    what = str(error.problem or error.context or "broken YAML")
    step = None
    if "'\\t'" in what:
        what, step = "a tab where YAML allows only spaces", "indent with spaces"
    elif "another document" in what:
        what, step = "a second document", "keep one spec a file: remove the line ---"
    elif "mapping values are not allowed" in what:
        step = "put quotes around a value that holds ': ', and check the indentation"
    line, column = (None, None) if mark is None else (mark.line + 1, mark.column + 1)
    return Problem(file=file, line=line, column=column, what=f"broken YAML: {what}", next_step=step)


@dataclass(slots=True)
class _Builder:
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
        plain = _TAG + ("map" if isinstance(node, MappingNode) else "seq")
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
        kind = _tag(node).removeprefix(_TAG)
        try:
            if kind == "null":
                return None
            if kind == "bool":
                return _WORDS[node.value.lower()]
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
            self._problem(node, path, "a YAML tag is refused", got=show(_tag(node).replace(_TAG, "!!")), next_step=step)
        )
        self.unread.add(path)
        return _UNREAD

    def _position(self, node: Node) -> Position:
        return Position(self.file, node.start_mark.line + 1, node.start_mark.column + 1)

    def _problem(self, node: Node, path: Path, what: str, **fields: Any) -> Problem:
        place = self._position(node)
        return Problem(file=self.file, line=place.line, column=place.column, path=dotted(path), what=what, **fields)


_UNREAD: Any = object()


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
