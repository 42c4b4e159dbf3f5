"""Plain values to a `Spec`, with every fault in one pass.

Pydantic stops at a section whose validator fails, and rules over several sections need a whole spec. So what is wrong
is taken out (or replaced, where it is required) and the rest is validated again, until it is right; then the rules run.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from liverseg.config import PARAMETERS
from sweeps.spec.checks import check
from sweeps.spec.faults import Fault, Path, did_you_mean, show
from sweeps.spec.model import Spec, TrainSection

_MAX_ROUNDS = 20
_PLACEHOLDERS: Mapping[str, Any] = {
    "name": "unnamed",
    "data": {"root": "."},
    "root": ".",
    "search": {"architectures": {"unet": {}}},
    "architectures": {"unet": {}},
    "kind": "none",
}
_TYPES: Mapping[str, str] = {
    "int": "a whole number",
    "float": "a number",
    "string": "text",
    "bool": "true | false",
    "model": "a mapping",
    "dict": "a mapping",
    "tuple": "a list",
}
_BOUNDS: Mapping[str, tuple[str, str]] = {
    "greater_than_equal": ("ge", "at least {}"),
    "greater_than": ("gt", "more than {}"),
    "less_than_equal": ("le", "at most {}"),
    "less_than": ("lt", "less than {}"),
}
_SAME_FOR_STAGES = "is the same for all stages; only trials, sampler, space and architectures may differ"
_HINTS: Mapping[tuple[str, str], str] = {
    ("stages", "objective"): f"search.objective {_SAME_FOR_STAGES}",
    ("stages", "scheduler"): f"search.scheduler {_SAME_FOR_STAGES}",
    ("search", "epochs"): "write it under train",
    ("search", "deadline"): "write it under trial",
    ("train", "base_filters"): "write it under search.architectures",
    ("train", "stall"): "write it under trial",
    ("search", "stall"): "write it under trial",
    ("trial", "keep"): "write it as a section of its own",
    ("train", "keep"): "write it as a section of its own",
}


def validate(values: Mapping[str, Any], unread: Sequence[Path] = ()) -> tuple[Spec | None, list[Fault]]:
    """Validate plain values.

    Args:
        values: the mapping of a spec file.
        unread: paths that are missing from `values` because they could not be read; nothing more is said about them.

    Returns:
        The spec, or None if anything is wrong, and all faults.
    """
    rest: dict[str, Any] = {key: value for key, value in copy.deepcopy(dict(values)).items() if value is not None}
    removed = list(unread)
    faults: list[Fault] = []
    for _ in range(_MAX_ROUNDS):
        try:
            spec = Spec.model_validate(rest)
        except ValidationError as error:
            for fault in (_fault(details) for details in error.errors()):
                if not any(path[: len(fault.path)] == fault.path for path in removed):
                    faults.append(fault)
                _take_out(rest, _removable(fault.path))
            removed += [fault.path for fault in faults]
            continue
        faults += check(spec, [_removable(path) for path in removed])
        return (None if faults or unread else spec), faults
    return None, faults


def _fault(details: Any) -> Fault:
    """A pydantic error in our words."""
    path: Path = tuple(details["loc"])
    kind, context, got = str(details["type"]), details.get("ctx", {}), details["input"]
    if kind == "fault":
        own: Fault = context["fault"]
        return replace(own, path=path)
    if kind == "extra_forbidden":
        return _unknown_key(path)
    if kind == "missing":
        return Fault(what="is required", path=path, next_step=f"add the line {path[-1]}: …")
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return Fault(what="impossible value", path=path, got=show(got), allowed=words.format(f"{context[name]:g}"))
    if kind == "finite_number":
        return Fault(what="impossible value", path=path, got=show(got), allowed="a finite number")
    if kind == "string_too_short":
        return Fault(what="empty", path=path, allowed="text")
    if kind == "too_long":
        return Fault(what="too many", path=path, got=show(len(got)), allowed=f"at most {context['max_length']}")
    wanted = _TYPES.get(kind.partition("_")[0])
    return Fault(what="wrong type" if wanted else str(details["msg"]), path=path, got=show(got), allowed=wanted)


def _unknown_key(path: Path) -> Fault:
    known = _keys_at(path[:-1])
    section = str(path[0]) if len(path) > 1 else ""
    step = _HINTS.get((section, str(path[-1]))) or did_you_mean(path[-1], known)
    return Fault(
        what="unknown key", path=path, got=show(path[-1]), allowed=" | ".join(known), next_step=step, at_key=True
    )


def _keys_at(path: Path) -> tuple[str, ...]:
    """The keys that the section at `path` knows, as YAML spells them."""
    model: type[BaseModel] = Spec
    for part in path:
        if isinstance(part, str):
            model = _section(model, part)
    fields = [field.alias or name for name, field in model.model_fields.items() if not field.exclude]
    return (*(name for name in fields if name != "schema_version"), *(PARAMETERS if model is TrainSection else ()))


def _section(model: type[BaseModel], key: str) -> type[BaseModel]:
    annotation = model.model_fields[key].annotation
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    raise KeyError(key)


def _removable(path: Path) -> Path:
    """What must go so that the rest makes sense: a whole parameter, a whole list."""
    prefix = {"stages": 2, "search": 1}.get(str(path[0]), 0) if path else 0
    inside = path[prefix:]
    if inside[:1] == ("space",):
        return path[: prefix + 2]
    if inside[:1] == ("architectures",):
        return path[: prefix + 3]
    index = next((index for index, part in enumerate(inside) if isinstance(part, int)), len(inside))
    # a stage that is no mapping takes the list of stages with it
    return path[: prefix + index] if inside or prefix < 2 else path[:1]


def _take_out(values: dict[str, Any], path: Path) -> None:
    """Remove the value at `path`; what is not there was missing and gets a placeholder."""
    parent: Any = values
    for part in path[:-1]:
        if isinstance(parent, dict) and part not in parent:
            return  # gone with something above it
        parent = parent[part]
    if not hasattr(parent, "__delitem__"):
        _take_out(values, path[:-1])  # one value that stands for a section
    elif path[-1] in parent:
        del parent[path[-1]]
    elif path[-1] in _PLACEHOLDERS:
        parent[path[-1]] = copy.deepcopy(_PLACEHOLDERS[str(path[-1])])
