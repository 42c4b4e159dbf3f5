"""What each parameter of a sweep could be, for a reader who wants one range a parameter, over all stages and extensions.

The search itself has a space a stage and an architecture. A reader that shows many trials at once needs each parameter under
one name with one range that holds them all. Pure values; knows nothing of Optuna.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from liverseg.config import PARAMETERS
from liverseg.errors import LiversegError
from results.records import Sweep, TrialRecord
from results.text import printable
from sweeps.errors import SweepError
from sweeps.spec import Spec, spec_from_resolved, stages_of
from sweeps.spec.dimension import Dimension
from sweeps.spec.space import Space
from sweeps.stages import extended_spec

Known = Mapping[tuple[str, str], Sequence[Dimension]]
"""Dimensions by architecture and parameter."""

_EXACT = 2**53


@dataclass(frozen=True, slots=True)
class Range:
    """The values of one parameter; see `sweeps.spec.dimension.Dimension`.

    Attributes:
        sampled: whether a search chose it, or trials differ in it.
        as_text: whether values are to be written as JSON, since among the choices some could not be told apart or are lists.
    """

    kind: Literal["categorical", "float", "int"]
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    step: float | None = None
    choices: tuple[Any, ...] = ()
    sampled: bool = False
    as_text: bool = False

    def plain(self, value: Any) -> Any:
        """A trial's value as one of this range."""
        if self.kind == "float":
            return float(value)
        if self.kind == "int":
            return int(value)
        return _as_text(value) if self.as_text else value


def known_dimensions(sweep: Sweep) -> Known:
    """Every dimension that the sweep's spec and its extensions gave, over all stages. Empty for a ledger that keeps no spec.

    Raises:
        SweepError, LiversegError: the ledger's spec is none for this program.
    """
    found: dict[tuple[str, str], list[Dimension]] = {}
    for spec in _specs(sweep):
        for stage in stages_of(spec):
            space = Space.from_spec(spec, stage.name)
            for architecture in space.architectures:
                for dimension in space.dimensions(architecture):
                    kept = found.setdefault((architecture, dimension.name), [])
                    if dimension not in kept:
                        kept.append(dimension)
    return found


def _specs(sweep: Sweep) -> Iterable[Spec]:
    if not sweep.sweep.spec:
        return
    plain = json.loads(json.dumps(sweep.sweep.spec))
    if isinstance(plain.get("data"), dict):
        plain["data"].setdefault("root", ".")  # a ledger does not say where scans lie
    spec = spec_from_resolved(plain, "the ledger's spec")
    yield spec
    for extension in sweep.sweep.extended:
        if extension.space:
            spec = extended_spec(spec, extension.space)
            yield spec


def known_or_none(sweep: Sweep) -> tuple[Known, str]:
    """As `known_dimensions`; nothing, and why, where the ledger has no usable spec."""
    try:
        known = known_dimensions(sweep)
    except (SweepError, LiversegError) as error:
        return {}, printable(str(error))
    return known, "" if known else "the ledger keeps no spec"


def labels_of(trials: Sequence[TrialRecord], architectures: int) -> dict[tuple[str, str], str]:
    """A name for each parameter of each architecture: shared parameters keep theirs, options of one get it in front.

    `base_filters` of one network says nothing about another's. With one architecture every parameter keeps its name.
    """
    labels: dict[tuple[str, str], str] = {}
    taken: dict[str, str] = {}
    for trial in trials:
        for name in trial.parameters:
            shared = name in PARAMETERS or architectures == 1
            whole = name if shared else f"{trial.architecture}.{name}"
            labels.setdefault((trial.architecture, name), distinct(taken, whole))
    return labels


def distinct(taken: dict[str, str], text: str) -> str:
    """`text` fit to be shown, the same at each call, and never the same for two texts."""
    if text not in taken:
        shown, number = printable(text), 2
        while shown in taken.values():
            shown, number = f"{printable(text)} ({number})", number + 1
        taken[text] = shown
    return taken[text]


def ranges_of(trials: Sequence[TrialRecord], labels: Mapping[tuple[str, str], str], known: Known) -> dict[str, Range]:
    """The range of each label: what the spec allowed, widened to what trials had."""
    values: dict[str, list[Any]] = {}
    dimensions: dict[str, list[Dimension]] = {}
    for trial in trials:
        for name, value in trial.parameters.items():
            key = (trial.architecture, name)
            values.setdefault(labels[key], []).append(value)
            wanted = dimensions.setdefault(labels[key], [])
            wanted += [item for item in known.get(key, ()) if item not in wanted]
    return {label: make_range(dimensions[label], values[label]) for label in values}


def make_range(dimensions: Sequence[Dimension], values: Sequence[Any]) -> Range:
    """One range that holds all values of the dimensions and all of `values`; there must be at least one value.

    Without a dimension numbers with decimals have a range, and whatever else a list.
    """
    listed = [choice for dimension in dimensions for choice in dimension.choices]
    spans = [dimension for dimension in dimensions if dimension.kind != "categorical"]
    numeric = all(_is_number(value) for value in (*listed, *values))
    choices = _unique([*listed, *values])
    if numeric:
        choices.sort()
    sampled = any(not dimension.fixed for dimension in dimensions) or len(_unique(values)) > 1
    if numeric and (spans or (not dimensions and all(isinstance(value, float) for value in values))):
        return _span(spans, [*listed, *values], sampled)
    as_text = any(not isinstance(choice, (str, int, float, bool, type(None))) for choice in choices)
    as_text = as_text or len({type(choice) is bool for choice in choices if isinstance(choice, (int, float))}) > 1
    as_text = as_text or any(isinstance(choice, int) and abs(choice) > _EXACT for choice in choices)
    shown = tuple(_unique([_as_text(choice) for choice in choices])) if as_text else tuple(choices)
    return Range("categorical", choices=shown, sampled=sampled, as_text=as_text)


def _span(spans: Sequence[Dimension], numbers: Sequence[float], sampled: bool) -> Range:
    ends = [bound for span in spans for bound in span.bounds]
    low, high = min([*ends, *numbers]), max([*ends, *numbers])
    whole = bool(spans) and all(span.kind == "int" for span in spans) and all(isinstance(n, int) for n in numbers)
    wide = not spans and low > 0 and high / low >= 100
    log = low > 0 and (wide or any(span.log for span in spans))
    steps = {span.step for span in spans}
    step = next(iter(steps)) if len(steps) == 1 and not log else None
    if step is not None and any(abs(k - round(k)) > 1e-9 for k in ((n - low) / step for n in (*numbers, *ends))):
        step = None
    return Range("int" if whole else "float", low, high, log, step, sampled=sampled)


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return abs(value) <= _EXACT if isinstance(value, int) else math.isfinite(value)


def _unique(values: Iterable[Any]) -> list[Any]:
    """The values without repetitions; `True` and `1` are two."""
    found: list[Any] = []
    seen: set[str] = set()
    for value in values:
        key = f"{type(value) is bool}{float(value)!r}" if _is_number(value) else _as_text(value)
        if key not in seen:
            seen.add(key)
            found.append(value)
    return found


def _as_text(value: Any) -> str:
    """JSON; whole numbers without a point, so that 0 and 0.0 are one."""
    whole = _is_number(value) and float(value).is_integer()
    return json.dumps(int(value) if whole else value, sort_keys=True)
