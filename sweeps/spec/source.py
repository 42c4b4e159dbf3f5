"""YAML text to plain values, with the place of each, and nothing that YAML could do besides.

Size, depth, aliases, and the number of values after aliases are expanded, are capped before anything is built.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
from sweeps.spec.nodes import MAX_DEPTH, MAX_VALUES, TAG, Position, ValueBuilder

MAX_BYTES = 1 << 18
MAX_ALIASES = 100
MAX_WORD = 1000


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
    if node is None or (isinstance(node, ScalarNode) and node.tag == TAG + "null"):
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
    builder = ValueBuilder(file)
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
    builder = ValueBuilder(file)
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
            [
                Problem(
                    file=file,
                    line=line,
                    what="a control character in the text",
                    got=f"U+{ord(text[error.position]):04X}",
                )
            ]
        ) from None
    except MarkedYAMLError as error:
        raise SpecError([_syntax_problem(error, file)]) from None
    except YAMLError as error:
        raise SpecError([Problem(file=file, what=f"broken YAML: {error}")]) from None
    return node


def _check_caps(text: str, file: str) -> None:
    """Walk the parser's events, which cost little and expand nothing."""
    _check_words(text, file)
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


def _check_words(text: str, file: str) -> None:
    """Refuse giant tags, anchors and aliases before the scanner sees them: its work grows with the square of their length."""
    for word in text.split():
        if len(word) > MAX_WORD and any(mark in word for mark in "!&*"):
            line = text.count("\n", 0, text.index(word)) + 1
            what = "a tag, anchor or alias is too long"
            raise SpecError([Problem(file=file, line=line, what=what, allowed=f"{MAX_WORD} characters")])


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
