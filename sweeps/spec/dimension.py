"""One parameter's values: a fixed value, a list to choose from, or a range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


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
    def first(self) -> Any:
        """The first choice, or the low end of a range."""
        if self.kind == "categorical":
            return self.choices[0]
        return int(self.bounds[0]) if self.kind == "int" else self.bounds[0]

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


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
