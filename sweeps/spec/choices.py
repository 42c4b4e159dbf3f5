"""The search space and the architectures as YAML gives them: names with values, each checked against its parameter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from liverseg.config import PARAMETERS, Parameter
from liverseg.errors import ConfigError
from liverseg.models.specs import architecture, architecture_names
from sweeps.spec.dimension import Dimension
from sweeps.spec.faults import Fault, did_you_mean, show, unknown
from sweeps.spec.values import read_dimension


@dataclass(frozen=True, slots=True)
class ArchitectureChoice:
    """One architecture that takes part.

    Attributes:
        name: registered name.
        dimensions: values of its own options, and its own values for shared parameters.
    """

    name: str
    dimensions: tuple[Dimension, ...] = ()


def read_space(raw: Any) -> tuple[tuple[Dimension, ...], list[Fault]]:
    """Read `space`: a mapping of shared parameters to values; nothing is an empty space."""
    return _read_dimensions({} if raw is None else raw, PARAMETERS, "unknown parameter", _where_options_go)


def read_fixed(raw: Mapping[str, Any]) -> tuple[tuple[Dimension, ...], list[Fault]]:
    """Read shared parameters that are given one value each (the section `train`)."""
    dimensions, faults = _read_dimensions(dict(raw), PARAMETERS, "unknown parameter", _where_options_go)
    for dimension in dimensions:
        if not dimension.fixed:
            step = "several values and ranges belong under search.space"
            faults.append(
                Fault(what="must be one value", path=(dimension.name,), got=show(raw[dimension.name]), next_step=step)
            )
    return dimensions, faults


def read_architectures(raw: Any) -> tuple[tuple[ArchitectureChoice, ...], list[Fault]]:
    """Read `architectures`: a mapping of names to options, or a list of names."""
    known = architecture_names()
    if isinstance(raw, list):
        wrong = [unknown("architecture", item, known, (index,)) for index, item in enumerate(raw) if item not in known]
        return ((), wrong) if wrong else read_architectures(dict.fromkeys(raw))
    if not isinstance(raw, dict) or not raw:
        return (), [_no_architecture(raw)]
    choices: list[ArchitectureChoice] = []
    faults: list[Fault] = []
    for name, options in raw.items():
        choice, wrong = _read_architecture(name, options, known)
        choices.append(choice)
        faults += wrong
    return tuple(choices), faults


def options_of(name: str) -> Mapping[str, Parameter]:
    """The options of an architecture by name; empty when there is no such architecture."""
    try:
        return {option.name: option for option in architecture(name).options}
    except ConfigError:
        return {}


def _no_architecture(raw: Any) -> Fault:
    allowed = "at least one of " + " | ".join(architecture_names())
    return Fault(what="names no architecture", got=show(raw), allowed=allowed, next_step="write for example `unet: {}`")


def _read_architecture(name: str, raw: Any, known: tuple[str, ...]) -> tuple[ArchitectureChoice, list[Fault]]:
    nothing = ArchitectureChoice(name)
    if name not in known:
        return nothing, [unknown("architecture", name, known, (name,), at_key=True)]
    try:
        spec = architecture(name)
    except ConfigError as error:
        return nothing, [
            Fault(what=error.what, path=(name,), got=error.got, allowed=error.allowed, next_step=error.next_step)
        ]
    parameters = {option.name: option for option in spec.options} | dict(PARAMETERS)
    dimensions, faults = _read_dimensions(
        {} if raw is None else raw, parameters, f"{name} has no such option", lambda key: None
    )
    return ArchitectureChoice(name, dimensions), [fault.below(name) for fault in faults]


def _read_dimensions(
    raw: Any, parameters: Mapping[str, Parameter], complaint: str, hint: Callable[[str], str | None]
) -> tuple[tuple[Dimension, ...], list[Fault]]:
    if not isinstance(raw, dict):
        return (), [Fault(what="must be a mapping", got=show(raw), allowed="name: value lines")]
    dimensions: list[Dimension] = []
    faults: list[Fault] = []
    for name, value in raw.items():
        if name in parameters:
            dimension, wrong = read_dimension(parameters[name], value, (name,))
            faults += wrong
            dimensions += [dimension] if dimension else []
            continue
        step = hint(name) or did_you_mean(name, parameters)
        allowed = " | ".join(parameters)
        faults.append(Fault(what=complaint, path=(name,), got=show(name), allowed=allowed, next_step=step, at_key=True))
    return tuple(dimensions), faults


def _where_options_go(name: str) -> str | None:
    for candidate in architecture_names():
        if name in options_of(candidate):
            return f"architectures have it: write it under search.architectures, for example {candidate}: {{{name}: …}}"
    return None
