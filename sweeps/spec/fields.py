"""Field types of the spec: how YAML values become frozen ones, and what the JSON Schema says about them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import CoreSchema, core_schema

from liverseg.config import LABELS, PARAMETERS
from sweeps.spec.catalogue import METRICS
from sweeps.spec.choices import ArchitectureChoice, read_architectures, read_space
from sweeps.spec.dimension import Dimension
from sweeps.spec.faults import Fault, raise_faults, show, unknown

LATER = "definition"
"""Stands in a generated schema for a reference to a definition that `sweeps.spec.schema` adds."""
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"

_Value = TypeVar("_Value")
_NAME_ALLOWED = "1 to 64 of A-Z a-z 0-9 . _ -, the first a letter or digit"
_SIZE = PARAMETERS["size"]


@dataclass(frozen=True)
class OneOf:
    """A word out of a list; the closest one is suggested when it is none of them. `note` says what else to do.

    Lists that plug-ins add to are given as a function.
    """

    kind: str
    words: tuple[str, ...] | Callable[[], tuple[str, ...]]
    note: Callable[[Any], str | None] = lambda value: None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"enum": list(self.known)}

    @property
    def known(self) -> tuple[str, ...]:
        """The words, those of plug-ins included."""
        return self.words if isinstance(self.words, tuple) else self.words()

    def check(self, value: Any) -> str:
        """The word itself."""
        if not isinstance(value, str) or value not in self.known:
            fault = unknown(self.kind, value, self.known)
            raise_faults([fault.hinting(self.note(value))], value)
        return value


def checked_name(value: Any) -> str:
    """A name that may become a folder: `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`.

    Raises:
        ValueError: any other value (as pydantic's `ValidationError`).
    """
    if isinstance(value, str) and re.fullmatch(NAME_PATTERN, value) and not value.endswith("\n"):
        return value
    step = None
    if isinstance(value, str) and re.search(r"[/\\\s]", value):
        step = "the name becomes a folder: leave out slashes and spaces"
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        step = f'put quotes around it: "{value}"'
    raise_faults([Fault(what="impossible name", got=show(value), allowed=_NAME_ALLOWED, next_step=step)], value)


def _read_labels(value: Any) -> tuple[str, ...]:
    if value not in (list(LABELS[:1]), list(LABELS)):
        raise_faults([Fault(what="unknown labels", got=show(value), allowed="[liver] | [liver, tumour]")], value)
    return tuple(value)


def _read_sizes(value: Any) -> tuple[int, ...]:
    items, prefix = _as_list(value)
    faults = [
        Fault(what="impossible size", path=prefix(index), got=show(item), allowed=_SIZE.allowed)
        for index, item in enumerate(items)
        if not _SIZE.accepts(item)
    ]
    if not items:
        faults.append(Fault(what="an empty list", allowed="one size or a list of sizes"))
    if faults:
        raise_faults(faults, value)
    return tuple(sorted(set(items)))


def _read_objective(value: Any) -> tuple[str, ...]:
    items, prefix = _as_list(value)
    known = tuple(METRICS)
    faults = [unknown("metric", item, known, prefix(index)) for index, item in enumerate(items) if item not in known]
    if not items:
        faults.append(Fault(what="an empty list", allowed=" | ".join(known)))
    if not faults and len(set(items)) < len(items):
        faults.append(Fault(what="a metric is given twice", got=show(items), next_step="name each once"))
    if faults:
        raise_faults(faults, value)
    return tuple(items)


def _as_list(value: Any) -> tuple[list[Any], Callable[[int], tuple[int, ...]]]:
    """The items of a list or of a lone value, and how each is addressed."""
    return (value, lambda index: (index,)) if isinstance(value, list) else ([value], lambda index: ())


def _read_cache(value: Any) -> bool | str:
    if not isinstance(value, (bool, str)) or value == "":
        raise_faults([Fault(what="not a cache", got=show(value), allowed="true | false | a folder")], value)
    return value


def _read_pattern(value: Any) -> str | None:
    if value is None:
        return None
    allowed = "a regular expression with one group, for example 'volume-(\\d+)'"
    try:
        groups = re.compile(value).groups
    except (re.error, TypeError, OverflowError, RecursionError) as error:
        raise_faults([Fault(what=f"not a regular expression ({error})", got=show(value), allowed=allowed)], value)
    if groups != 1:
        step = "the group is the patient; write further groups as (?:…)"
        raise_faults(
            [Fault(what=f"the pattern has {groups} groups", got=show(value), allowed=allowed, next_step=step)], value
        )
    return str(value)


def _collected(read: Callable[[Any], tuple[_Value, list[Fault]]]) -> Callable[[Any], _Value]:
    """Turn a reader that returns its faults into a validator that raises them."""

    def checked(value: Any) -> _Value:
        result, faults = read(value)
        if faults:
            raise_faults(faults, value)
        return result

    return checked


def plain_dimensions(dimensions: tuple[Dimension, ...]) -> dict[str, Any]:
    """Dimensions as the spec's YAML writes them."""
    return {dimension.name: dimension.as_plain() for dimension in dimensions}


def _plain_architectures(choices: tuple[ArchitectureChoice, ...] | None) -> Mapping[str, Any] | None:
    return None if choices is None else {choice.name: plain_dimensions(choice.dimensions) for choice in choices}


_SIDE = {"type": "integer", "minimum": _SIZE.low, "maximum": _SIZE.high, "multipleOf": _SIZE.step}
_METRIC = {"enum": list(METRICS)}

Name = Annotated[str, PlainValidator(checked_name), WithJsonSchema({"type": "string", "pattern": NAME_PATTERN})]
Labels = Annotated[
    tuple[str, ...],
    PlainValidator(_read_labels),
    PlainSerializer(list, return_type=Any),
    WithJsonSchema({"enum": [list(LABELS[:1]), list(LABELS)]}),
]
Sizes = Annotated[
    tuple[int, ...],
    PlainValidator(_read_sizes),
    PlainSerializer(list, return_type=Any),
    WithJsonSchema({"anyOf": [_SIDE, {"type": "array", "items": _SIDE, "minItems": 1}]}),
]
Metrics = Annotated[
    tuple[str, ...],
    PlainValidator(_read_objective),
    PlainSerializer(lambda names: names[0] if len(names) == 1 else list(names), return_type=Any),
    WithJsonSchema({"anyOf": [_METRIC, {"type": "array", "items": _METRIC, "minItems": 1, "uniqueItems": True}]}),
]
CachePlace = Annotated[
    bool | str, PlainValidator(_read_cache), WithJsonSchema({"type": ["boolean", "string"], "minLength": 1})
]
Pattern = Annotated[
    str | None, PlainValidator(_read_pattern), WithJsonSchema({"type": ["string", "null"], "format": "regex"})
]
SpaceField = Annotated[
    tuple[Dimension, ...],
    PlainValidator(_collected(read_space)),
    PlainSerializer(plain_dimensions, return_type=Any),
    WithJsonSchema({LATER: "Space"}),
]
ArchitecturesField = Annotated[
    tuple[ArchitectureChoice, ...],
    PlainValidator(_collected(read_architectures)),
    PlainSerializer(_plain_architectures, return_type=Any),
    WithJsonSchema({LATER: "Architectures"}),
]
