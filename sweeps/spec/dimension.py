"""One parameter's values: a fixed value, a list to choose from, or a range.

In YAML a scalar is fixed, a list is a choice, and `{log: [low, high]}`, `{uniform: [low, high]}`, `{int: [low, high]}`
(the last two with an optional `step`) are ranges. `{choice: […]}` says a list in so many words.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from liverseg.config import Parameter
from sweeps.spec.faults import Fault, Path, show, unknown

RANGES = ("log", "uniform", "int")
FORMS = "one value | [a, b, …] | {log: [low, high]} | {uniform: [low, high]} | {int: [low, high]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """One parameter of a search space.

    Attributes:
        name: the parameter.
        kind: `categorical` uses `choices`; `float` and `int` use `low`, `high` (both inclusive), `log` and `step`.
        fixed: a categorical with one choice that the spec gave as a plain value; nothing samples it.
    """

    name: str
    kind: Literal["categorical", "float", "int"]
    low: float | None = None
    high: float | None = None
    log: bool = False
    step: float | None = None
    choices: tuple[Any, ...] = ()
    fixed: bool = False

    @property
    def value(self) -> Any:
        """The value of a fixed dimension."""
        return self.choices[0]

    @property
    def bounds(self) -> tuple[float, float]:
        """`(low, high)` of a range."""
        assert self.low is not None and self.high is not None, "only ranges have bounds"
        return self.low, self.high

    @property
    def size(self) -> int | None:
        """How many values there are; None when a range is continuous."""
        if self.kind == "categorical":
            return len(self.choices)
        if self.kind == "float" and self.step is None:
            return None
        low, high = self.bounds
        return round((high - low) / (self.step or 1)) + 1

    @property
    def enumerable(self) -> bool:
        """Whether a grid can list the values: choices, and ranges with steps of equal length."""
        return self.size is not None and not self.log

    def points(self) -> tuple[Any, ...]:
        """All values in order. Only for dimensions with a `size`."""
        if self.kind == "categorical":
            return self.choices
        low, step = self.bounds[0], self.step or 1
        count = self.size
        assert count is not None, "a continuous range has no list of points"
        if self.kind == "int":
            return tuple(int(low + index * step) for index in range(count))
        return tuple(float(f"{low + index * step:.12g}") for index in range(count))

    def contains(self, value: Any) -> bool:
        """Whether `value` lies in this dimension."""
        if self.kind == "categorical":
            return any(
                value == choice and isinstance(value, bool) == isinstance(choice, bool) for choice in self.choices
            )
        if isinstance(value, bool) or not isinstance(value, int if self.kind == "int" else (int, float)):
            return False
        low, high = self.bounds
        steps = (value - low) / self.step if self.step else 0.0
        return low <= value <= high and abs(steps - round(steps)) < 1e-9

    def as_plain(self) -> Any:
        """The value as the spec's YAML writes it."""
        if self.kind == "categorical":
            return self.value if self.fixed else list(self.choices)
        if self.kind == "int":
            plain: dict[str, Any] = {"int": [int(bound) for bound in self.bounds]}
            if self.log:
                plain = {"log": plain["int"]}
        else:
            plain = {"log" if self.log else "uniform": list(self.bounds)}
        if self.step is not None:
            plain["step"] = self.step
        return plain

    def describe(self) -> str:
        """The values in words, for tables."""
        if self.kind == "categorical":
            return " | ".join(_word(choice) for choice in self.choices)
        low, high = self.bounds
        text = f"{low:g} … {high:g}" + (", log" if self.log else "")
        return text + (f", step {self.step:g}" if self.step is not None else "")


def read_dimension(parameter: Parameter, raw: Any, path: Path = ()) -> tuple[Dimension | None, list[Fault]]:
    """Read the YAML value of one parameter and check it against what the parameter accepts.

    Returns:
        The dimension, or None and everything that is wrong with the value.
    """
    if isinstance(raw, list):
        return _choices(parameter, raw, path)
    if not isinstance(raw, dict):
        value, faults = _one(parameter, raw, path)
        return (
            (None, faults)
            if faults
            else (Dimension(name=parameter.name, kind="categorical", choices=(value,), fixed=True), [])
        )
    forms = [key for key in raw if key in (*RANGES, "choice")]
    stray = [key for key in raw if key not in (*RANGES, "choice", "step")]
    if stray or len(forms) != 1:
        if stray and not forms:
            fault = unknown("kind of range", stray[0], (*RANGES, "choice"), (*path, stray[0]))
            return None, [
                Fault(
                    what=fault.what,
                    path=fault.path,
                    got=fault.got,
                    allowed=FORMS,
                    next_step=fault.next_step,
                    at_key=True,
                )
            ]
        return None, [Fault(what="not one range", path=path, got=show(raw), allowed=FORMS)]
    form = forms[0]
    if form == "choice":
        if "step" in raw:
            return None, [Fault(what="a choice has no step", path=(*path, "step"), next_step="remove step")]
        items = raw[form]
        if not isinstance(items, list):
            return None, [Fault(what="not a list", path=(*path, form), got=show(items), allowed="[a, b, …]")]
        return _choices(parameter, items, (*path, form))
    return _range(parameter, form, raw[form], raw.get("step"), path)


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
    """The step's width, which the parameter may demand (sizes) and the range must be a multiple of."""
    inside = (*path, "step")
    if form == "log":
        if step is not None:
            return None, [
                Fault(
                    what="a logarithmic range has no step",
                    path=inside,
                    got=show(step),
                    next_step="remove step, or write a list",
                )
            ]
        if parameter.step is not None:
            return None, [
                Fault(
                    what=f"{parameter.name} goes in steps of {parameter.step}",
                    path=path,
                    got="log",
                    allowed="a list, or int",
                )
            ]
        return None, []
    if step is None:
        step = parameter.step
    if step is None:
        return None, []
    whole = parameter.kind == "int"
    if not _is_number(step) or step <= 0 or (whole and not isinstance(step, int)):
        return None, [
            Fault(
                what="impossible step",
                path=inside,
                got=show(step),
                allowed=f"a {'whole ' if whole else ''}number above 0",
            )
        ]
    if parameter.step is not None and step % parameter.step:
        return None, [
            Fault(what="impossible step", path=inside, got=show(step), allowed=f"a multiple of {parameter.step}")
        ]
    count = (raw[1] - raw[0]) / step
    if round(count) < 1 or abs(count - round(count)) > 1e-6:
        return None, [
            Fault(
                what="the step does not divide the range",
                path=inside,
                got=show(step),
                allowed=f"a divisor of {raw[1] - raw[0]:g}",
            )
        ]
    return step, []


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
