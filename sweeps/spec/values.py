"""The YAML value of one parameter, read and checked against what the parameter accepts.

A scalar is fixed, a list is a choice, and `{log: [low, high]}`, `{uniform: [low, high]}`, `{int: [low, high]}` (the
last two with an optional `step`) are ranges. `{choice: […]}` says a list in so many words.
"""

from __future__ import annotations

import math
from typing import Any, Literal

from liverseg.config import Parameter
from sweeps.spec.dimension import Dimension
from sweeps.spec.faults import Fault, Path, did_you_mean, show, unknown

RANGES = ("log", "uniform", "int")
FORMS = "one value | [a, b, …] | {log: [low, high]} | {uniform: [low, high]} | {int: [low, high]}"


def read_dimension(parameter: Parameter, raw: Any, path: Path = ()) -> tuple[Dimension | None, list[Fault]]:
    """Read the YAML value of one parameter and check it against what the parameter accepts.

    Returns:
        The dimension, or None and everything that is wrong with the value.
    """
    if isinstance(raw, list):
        return _choices(parameter, raw, path)
    if isinstance(raw, dict):
        return _mapping(parameter, raw, path)
    value, faults = _one(parameter, raw, path)
    if faults:
        return None, faults
    return Dimension(name=parameter.name, kind="categorical", choices=(value,), fixed=True), []


def _mapping(parameter: Parameter, raw: dict[str, Any], path: Path) -> tuple[Dimension | None, list[Fault]]:
    forms = [key for key in raw if key in (*RANGES, "choice")]
    stray = [key for key in raw if key not in (*RANGES, "choice", "step")]
    if stray and not forms:
        step = did_you_mean(stray[0], (*RANGES, "choice"))
        place = (*path, stray[0])
        what = "unknown kind of range"
        return None, [Fault(what=what, path=place, got=show(stray[0]), allowed=FORMS, next_step=step, at_key=True)]
    if stray or len(forms) != 1:
        return None, [Fault(what="not one range", path=path, got=show(raw), allowed=FORMS)]
    form = forms[0]
    if form != "choice":
        return _range(parameter, form, raw[form], raw.get("step"), path)
    if "step" in raw:
        return None, [Fault(what="a choice has no step", path=(*path, "step"), next_step="remove step")]
    if not isinstance(raw[form], list):
        return None, [Fault(what="not a list", path=(*path, form), got=show(raw[form]), allowed="[a, b, …]")]
    return _choices(parameter, raw[form], (*path, form))


def _one(parameter: Parameter, raw: Any, path: Path) -> tuple[Any, list[Fault]]:
    if parameter.accepts(raw):
        return (float(raw) if parameter.kind == "float" else raw), []
    if parameter.kind == "choice":
        return None, [unknown(parameter.name, raw, parameter.choices, path)]
    return None, [Fault(what="impossible value", path=path, got=show(raw), allowed=parameter.allowed)]


def _choices(parameter: Parameter, raw: list[Any], path: Path) -> tuple[Dimension | None, list[Fault]]:
    if not raw:
        return None, [Fault(what="an empty list", path=path, allowed=FORMS)]
    values, faults = [], []
    for index, item in enumerate(raw):
        value, wrong = _one(parameter, item, (*path, index))
        faults += wrong
        if not wrong and value in values:
            faults.append(Fault(what="given twice in the list", path=(*path, index), got=show(item)))
        values.append(value)
    return (None, faults) if faults else (Dimension(name=parameter.name, kind="categorical", choices=tuple(values)), [])


def _range(parameter: Parameter, form: str, raw: Any, step: Any, path: Path) -> tuple[Dimension | None, list[Fault]]:
    inside = (*path, form)
    if parameter.kind not in ("float", "int"):
        return None, [
            Fault(
                what=f"{parameter.name} has no range",
                path=path,
                got=show({form: raw}),
                allowed=f"a list of {parameter.allowed}",
            )
        ]
    if not (isinstance(raw, list) and len(raw) == 2 and all(_is_number(bound) for bound in raw)):
        return None, [
            Fault(what="not the two bounds of a range", path=inside, got=show(raw), allowed=f"{form}: [low, high]")
        ]
    wrong_form = {("float", "int"): "log or uniform", ("int", "uniform"): "int or log"}.get((parameter.kind, form))
    if wrong_form:
        kind = "whole numbers" if parameter.kind == "int" else "numbers with decimals"
        return None, [Fault(what=f"{parameter.name} takes {kind}", path=inside, got=form, allowed=wrong_form)]
    outside = _outside(parameter, raw, inside)
    faults = outside or _order(form, raw, inside)
    width, faults = (None, faults) if faults else _step(parameter, form, raw, step, path)
    if faults:
        return None, faults
    low, high = (float(bound) if parameter.kind == "float" else int(bound) for bound in raw)
    kind_: Literal["float", "int"] = "float" if parameter.kind == "float" else "int"
    return Dimension(name=parameter.name, kind=kind_, low=low, high=high, log=form == "log", step=width), []


def _outside(parameter: Parameter, raw: list[Any], path: Path) -> list[Fault]:
    return [
        Fault(what="a bound is impossible", path=(*path, index), got=show(bound), allowed=parameter.allowed)
        for index, bound in enumerate(raw)
        if not parameter.accepts(bound)
    ]


def _order(form: str, raw: list[Any], path: Path) -> list[Fault]:
    if not raw[0] < raw[1]:
        step = "write one value without a range" if raw[0] == raw[1] else f"swap them: [{raw[1]}, {raw[0]}]"
        return [Fault(what="the low bound must be below the high one", path=path, got=show(raw), next_step=step)]
    if form == "log" and raw[0] <= 0:
        return [
            Fault(what="a logarithmic range starts above 0", path=(*path, 0), got=show(raw[0]), allowed="more than 0")
        ]
    return []


def _step(parameter: Parameter, form: str, raw: list[Any], step: Any, path: Path) -> tuple[float | None, list[Fault]]:
    """The width of the range's steps, which the parameter may demand (sizes go in steps of 32)."""
    inside = (*path, "step")
    if form == "log":
        return None, _logarithmic_step(parameter, step, path)
    width = parameter.step if step is None else step
    if width is None:
        return None, []
    whole = parameter.kind == "int"
    allowed = None
    if not _is_number(width) or width <= 0 or (whole and not isinstance(width, int)):
        allowed = f"a {'whole ' if whole else ''}number above 0"
    elif parameter.step is not None and width % parameter.step:
        allowed = f"a multiple of {parameter.step}"
    if allowed:
        return None, [Fault(what="impossible step", path=inside, got=show(width), allowed=allowed)]
    span = raw[1] - raw[0]
    if round(span / width) < 1 or abs(span / width - round(span / width)) > 1e-6:
        what = "the step does not divide the range"
        return None, [Fault(what=what, path=inside, got=show(width), allowed=f"a divisor of {span:g}")]
    return width, []


def _logarithmic_step(parameter: Parameter, step: Any, path: Path) -> list[Fault]:
    if step is not None:
        advice = "remove step, or write a list"
        return [Fault(what="a logarithmic range has no step", path=(*path, "step"), got=show(step), next_step=advice)]
    if parameter.step is not None:
        what = f"{parameter.name} goes in steps of {parameter.step}"
        return [Fault(what=what, path=path, got="log", allowed="a list, or int")]
    return []


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
