"""Field types for times, sizes and counts that have a limit, or a word that lifts it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from sweeps.spec.faults import Fault, raise_faults, show
from sweeps.spec.quantities import (
    DURATION_ALLOWED,
    ROOM_ALLOWED,
    SIZE_ALLOWED,
    STALL_ALLOWED,
    read_duration_s,
    read_size_bytes,
)

ALL = "all"
OFF = "off"
MOST_KEPT = 100_000

_KEPT_ALLOWED = f"a whole number from 1 to {MOST_KEPT}, or {ALL}"


def _checked(read: Callable[[Any], float], allowed: str) -> Callable[[Any], float]:
    """Turn a reader that raises `ValueError` into a validator with a fault."""

    def checked(value: Any) -> float:
        try:
            return read(value)
        except ValueError as error:
            raise_faults([Fault(what=str(error), got=show(value), allowed=allowed)], value)

    return checked


def _optional(validator: Callable[[Any], float], *words: str) -> Callable[[Any], float | None]:
    """The same validator, for which null and `words` are None."""
    return lambda value: None if value is None or (isinstance(value, str) and value in words) else validator(value)


def _read_kept(value: Any) -> int | None:
    if value == ALL and isinstance(value, str):
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_KEPT:
        raise_faults([Fault(what="impossible value", got=show(value), allowed=_KEPT_ALLOWED)], value)
    return value


_DURATIONS: list[dict[str, Any]] = [
    {"type": "number", "exclusiveMinimum": 0},
    {"type": "string", "pattern": r"^\s*([0-9]+(\.[0-9]+)?[smhd]\s*)+$"},
]
_SIZE_TEXT = {"type": "string", "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*([kKMGT]i?B|B)?\s*$"}
_NULL = {"type": "null"}

_duration = _checked(read_duration_s, DURATION_ALLOWED)
_size = _checked(read_size_bytes, SIZE_ALLOWED)
_room = _checked(partial(read_size_bytes, least=0), ROOM_ALLOWED)
_stall = _checked(read_duration_s, STALL_ALLOWED)

Seconds = Annotated[
    float | None,
    PlainValidator(_optional(_duration)),
    WithJsonSchema({"description": DURATION_ALLOWED, "anyOf": [*_DURATIONS, _NULL]}),
]
SecondsOrOff = Annotated[
    float | None,
    PlainValidator(_optional(_stall, OFF)),
    WithJsonSchema({"description": STALL_ALLOWED, "anyOf": [*_DURATIONS, {"const": OFF}, _NULL]}),
]
Bytes = Annotated[
    int | None,
    PlainValidator(_optional(_size)),
    WithJsonSchema({"description": SIZE_ALLOWED, "anyOf": [{"type": "number", "minimum": 1}, _SIZE_TEXT, _NULL]}),
]
Room = Annotated[
    int,
    PlainValidator(_room),
    WithJsonSchema({"description": ROOM_ALLOWED, "anyOf": [{"type": "number", "minimum": 0}, _SIZE_TEXT]}),
]
CountOrAll = Annotated[
    int | None,
    PlainValidator(_read_kept),
    PlainSerializer(lambda count: ALL if count is None else count, return_type=Any),
    WithJsonSchema(
        {
            "description": _KEPT_ALLOWED,
            "anyOf": [{"type": "integer", "minimum": 1, "maximum": MOST_KEPT}, {"const": ALL}],
        }
    ),
]
