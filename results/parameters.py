"""Searched parameters as axes: the position of each value, and whether positions are choices, a range or a log range."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from results.records import Sweep, TrialRecord
from results.text import printable

MOST_CHOICES = 8
_LEAST_LOG_RATIO = 100.0
_RANGE = "…"
_LOG = re.compile(r"\blog\b")
Choice = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Axis:
    """The values of one parameter in order.

    Attributes:
        name: of the parameter.
        choices: its values, numbers first; empty for a range.
        low, high: limits of a range, as observed; of choices the first and last position.
        log: whether a range is spaced by its logarithm.
        architectures: whether it is no parameter but the choice of the architecture.
    """

    name: str
    choices: tuple[Choice, ...] = ()
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    architectures: bool = False

    def has(self, trial: TrialRecord) -> bool:
        """Whether a trial has a value here; a parameter may belong to some architectures only."""
        return self.architectures or self.name in trial.parameters

    def place(self, trial: TrialRecord) -> float:
        """Where a trial that has a value is."""
        return self.position(trial.architecture if self.architectures else trial.parameters[self.name])

    def position(self, value: Any) -> float:
        """Where a value is: the number of a choice, or the number itself (its natural logarithm with `log`)."""
        if self.choices:
            return float(self.choices.index(_choice(value)))
        return math.log(value) if self.log else float(value)

    @property
    def ends(self) -> tuple[float, float]:
        """Positions of the limits."""
        return (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)

    @property
    def words(self) -> tuple[str, ...]:
        """The choices as text."""
        return tuple(value_text(choice) for choice in self.choices)


def parameter_axis(sweep: Sweep, name: str, trials: Iterable[TrialRecord]) -> Axis:
    """The axis of a parameter over those trials that have it.

    Texts are choices, and so are numbers with at most `MOST_CHOICES` values, unless the sweep's space describes a range. A range
    is logarithmic where the space says so; where that says nothing, when its values are positive and span two powers of ten.
    """
    return make_axis(name, [trial.parameters[name] for trial in trials if name in trial.parameters], sweep.sweep.space)


def architecture_axis(names: Iterable[str]) -> Axis:
    """The architectures as an axis, in this order."""
    choices = tuple(names)
    return Axis("architecture", choices, 0.0, float(max(len(choices) - 1, 0)), architectures=True)


def make_axis(name: str, values: Sequence[Any], space: Mapping[str, Any] | None = None) -> Axis:
    """The axis of these values; `space` describes parameters in words, as a ledger does."""
    distinct = list(dict.fromkeys(map(_choice, values)))
    numbers = [value for value in distinct if is_number(value)]
    words = _words(name, space or {})
    few = len(numbers) <= MOST_CHOICES and not any(_RANGE in text for text in words)
    if few or len(numbers) < max(len(distinct), 2):
        ordered = tuple(sorted(distinct, key=_order))
        return Axis(name, ordered, 0.0, float(max(len(ordered) - 1, 0)))
    low, high = float(min(numbers)), float(max(numbers))
    return Axis(name, (), low, high, low > 0 and _is_log(words, high / low))


def value_text(value: Any) -> str:
    """A value in few characters, printable."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    return f"{value:.4g}" if isinstance(value, float) else printable(str(value))


def is_number(value: Any) -> TypeGuard[int | float]:
    """Whether a value can be placed on a range."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _words(name: str, space: Mapping[str, Any]) -> list[str]:
    """What the space says of a parameter, for all architectures or for some."""
    return [str(text) for key, text in space.items() if key == name or key.endswith(f".{name}")]


def _is_log(words: Sequence[str], ratio: float) -> bool:
    return any(map(_LOG.search, words)) if words else ratio >= _LEAST_LOG_RATIO


def _choice(value: Any) -> Choice:
    """A value that can be looked up: lists and mappings by their text."""
    return value if isinstance(value, (str, int, float, bool, type(None))) else repr(value)


def _order(value: Choice) -> tuple[int, float, str]:
    return (0, float(value), "") if is_number(value) else (1, 0.0, str(value))
