"""A SavedModel as the same bytes in every process.

TensorFlow numbers functions by a counter that goes on through the life of a process, and keeps them in no order. Nothing else
of the program differs: variables, nodes and objects are called as the network's layers are. `fingerprint.pb` cannot be kept:
it holds a random UUID, and a hash of the objects that is another one now and then for the same bytes (TensorFlow 2.21). It is
optional, TensorFlow loads without it, and the seal of the model's folder tells more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

PROGRAM, FINGERPRINT = "saved_model.pb", "fingerprint.pb"
_NUMBERED = re.compile(r"(.*?)_(\d+)")
_SPECIFIED = "_user_specified_name"
"""What TensorFlow notes of a function's arguments; where nobody specified a name, a counter stands for it."""


def calm(folder: Path) -> None:
    """Give functions numbers of their own and put them in order; leave the fingerprint out.

    Args:
        folder: of a SavedModel that was just written.

    Raises:
        OSError: the disk is full or cannot be written.
        Exception: whatever protobuf raises of what TensorFlow has not written.
    """
    from tensorflow.core.protobuf import saved_model_pb2

    model = saved_model_pb2.SavedModel()
    model.ParseFromString((folder / PROGRAM).read_bytes())
    for graph in model.meta_graphs:
        _calm_graph(graph)
    (folder / PROGRAM).write_bytes(model.SerializeToString(deterministic=True))
    (folder / FINGERPRINT).unlink(missing_ok=True)


def _calm_graph(graph: Any) -> None:
    library = graph.graph_def.library
    names = numbered_anew(function.signature.name for function in library.function)
    for function in library.function:
        for position, argument in function.arg_attr.items():
            if _SPECIFIED in argument.attr and argument.attr[_SPECIFIED].s.isdigit():
                argument.attr[_SPECIFIED].s = str(position).encode()
    changes: dict[str | bytes, str | bytes] = {}
    for old, new in names.items():
        changes |= {old: new, old.encode(): new.encode()}
    replace_texts(graph, changes)
    _sort(library, "function", lambda function: str(function.signature.name))
    _sort(library, "gradient", lambda gradient: str(gradient.function_name))


def numbered_anew(names: Iterable[str]) -> dict[str, str]:
    """Names that end in a counter, with their place among those of one stem instead: `f_30`, `f_2451` to `f_0`, `f_1`."""
    stems: dict[str, list[tuple[int, str]]] = {}
    for name in names:
        if parts := _NUMBERED.fullmatch(name):
            stems.setdefault(parts[1], []).append((int(parts[2]), name))
    return {
        name: f"{stem}_{place}" for stem, members in stems.items() for place, (_, name) in enumerate(sorted(members))
    }


def replace_texts(message: Any, changes: Mapping[str | bytes, str | bytes]) -> None:
    """Replace texts of a protocol buffer that are, whole, among `changes`, be they values, bytes or keys of maps; in place."""
    for field, value in message.ListFields():
        if isinstance(value, Mapping):
            _replace_in_map(value, changes)
        elif field.message_type is not None:
            for each in (value,) if hasattr(value, "ListFields") else value:
                replace_texts(each, changes)
        elif isinstance(value, (str, bytes)):
            if value in changes:
                setattr(message, field.name, changes[value])
        elif field.type in (field.TYPE_STRING, field.TYPE_BYTES):
            value[:] = [changes.get(each, each) for each in value]


def _replace_in_map(found: Any, changes: Mapping[str | bytes, str | bytes]) -> None:
    for key in list(found):
        value = found[key]
        if hasattr(value, "ListFields"):
            replace_texts(value, changes)
        elif value in changes:
            found[key] = changes[value]
    # Two keys may change places, so that all of them go before the first new one comes.
    moved = [(changes[key], found[key]) for key in list(found) if key in changes]
    copies = [(key, _copy(value)) for key, value in moved]
    for key in [key for key in found if key in changes]:
        del found[key]
    for key, value in copies:
        if hasattr(value, "ListFields"):
            found[key].CopyFrom(value)
        else:
            found[key] = value


def _copy(value: Any) -> Any:
    if not hasattr(value, "ListFields"):
        return value
    copy = type(value)()
    copy.CopyFrom(value)
    return copy


def _sort(message: Any, field: str, key: Callable[[Any], str]) -> None:
    items = sorted(getattr(message, field), key=key)
    message.ClearField(field)
    getattr(message, field).extend(items)
