"""What a search can choose from: for each architecture its own set of parameters, sampled or fixed.

A parameter set is one flat mapping of the architecture's options and the shared parameters of
`liverseg.config.PARAMETERS`. Spaces are conditional: `base_filters` of one architecture says nothing about another's.
Pure values; nothing here samples.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from liverseg.config import PARAMETERS
from liverseg.errors import ConfigError
from liverseg.models.specs import architecture
from sweeps.spec.dimension import Dimension

if TYPE_CHECKING:
    from sweeps.spec.model import Spec
    from sweeps.spec.stages import Stage

__all__ = ["Dimension", "Space", "space_hash", "split_parameters", "trials_of"]


@dataclass(frozen=True, slots=True)
class Space:
    """The search space of one stage.

    Attributes:
        stage: name of the stage.
        members: each architecture with its dimensions: its options first, then shared parameters, in the
            catalogue's order.
    """

    stage: str
    members: tuple[tuple[str, tuple[Dimension, ...]], ...]

    @classmethod
    def from_spec(cls, spec: Spec, stage: str | None = None, base: Mapping[str, Any] | None = None) -> Space:
        """The space of one stage of a spec.

        Args:
            spec: a loaded spec.
            stage: its name; None is the first stage.
            base: `{"architecture": name, "parameters": {…}}` of the best trial of the stage before. A first stage
                ignores it. Without it, a later stage keeps every architecture of `search` possible and takes what it
                does not name from `train`.

        Raises:
            UsageError: no such stage.
        """
        from sweeps.spec.stages import stage_of

        chosen = stage_of(spec, stage)
        best = base if chosen.from_best else None
        return cls(
            chosen.name,
            tuple((name, _dimensions(spec, chosen, name, own, best)) for name, own in _members(spec, chosen, best)),
        )

    @property
    def architectures(self) -> tuple[str, ...]:
        """The architectures in the order of the spec."""
        return tuple(name for name, _ in self.members)

    def dimensions(self, name: str) -> tuple[Dimension, ...]:
        """All dimensions of an architecture, fixed ones too.

        Raises:
            KeyError: the architecture does not take part.
        """
        return dict(self.members)[name]

    def for_architecture(self, name: str) -> tuple[Dimension, ...]:
        """The dimensions that a sampler chooses for an architecture; empty if everything is fixed."""
        return tuple(dimension for dimension in self.dimensions(name) if not dimension.fixed)

    def fixed_values(self, name: str) -> dict[str, Any]:
        """The values that every trial of an architecture has."""
        return {dimension.name: dimension.value for dimension in self.dimensions(name) if dimension.fixed}

    def assemble(self, name: str, sampled: Mapping[str, Any]) -> dict[str, Any]:
        """The flat parameter set of a trial, in a fixed order, from what a sampler chose.

        Raises:
            ValueError: a sampled dimension is missing, one is too many, or a value lies outside its dimension.
        """
        chosen = {dimension.name for dimension in self.for_architecture(name)}
        if chosen != set(sampled):
            raise ValueError(f"{name} samples {sorted(chosen)}, got {sorted(sampled)}")
        values = {}
        for dimension in self.dimensions(name):
            values[dimension.name] = dimension.value if dimension.fixed else sampled[dimension.name]
            if not dimension.contains(values[dimension.name]):
                raise ValueError(
                    f"{name}.{dimension.name} takes {dimension.describe()}, got {values[dimension.name]!r}"
                )
        return values

    def size(self, name: str) -> int | None:
        """How many different parameter sets an architecture has; None when a range is continuous."""
        total = 1
        for dimension in self.dimensions(name):
            if dimension.size is None:
                return None
            total *= dimension.size
        return total

    def grid_points(self, name: str) -> Iterator[dict[str, Any]]:
        """Every parameter set of an architecture, the last dimension changing fastest.

        Raises:
            ValueError: a dimension cannot be listed (a continuous or logarithmic range).
        """
        dimensions = self.dimensions(name)
        for dimension in dimensions:
            if not dimension.enumerable:
                raise ValueError(f"{name}.{dimension.name} is a range without steps: {dimension.describe()}")
        names = [dimension.name for dimension in dimensions]
        for values in itertools.product(*(dimension.points() for dimension in dimensions)):
            yield dict(zip(names, values, strict=True))

    def describe(self, *, sampled_only: bool = False) -> dict[str, str]:
        """Every parameter in words: `size`, or `unet.base_filters` where architectures differ or only one has it.

        Args:
            sampled_only: leave out what has one fixed value.
        """
        everywhere = self._common()
        words: dict[str, str] = {}
        for name, dimensions in self.members:
            for dimension in dimensions:
                key = dimension.name if dimension in everywhere else f"{name}.{dimension.name}"
                if not (sampled_only and dimension.fixed):
                    words[key] = dimension.describe()
        return words

    def as_plain(self) -> dict[str, Any]:
        """JSON values: architecture to parameter to values as the spec's YAML writes them."""
        return {
            name: {dimension.name: dimension.as_plain() for dimension in dimensions}
            for name, dimensions in self.members
        }

    def fingerprint(self) -> str:
        """sha256 (64 hex digits) of the dimensions by architecture; the order matters only within lists of values."""
        text = json.dumps(self.as_plain(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def _common(self) -> set[Dimension]:
        """Shared parameters that are the same for all architectures."""
        sets = [set(dimensions) for _, dimensions in self.members]
        return {dimension for dimension in set.intersection(*sets) if dimension.name in PARAMETERS} if sets else set()


def split_parameters(name: str, parameters: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Part a flat parameter set into the architecture's options and the shared parameters.

    Raises:
        ConfigError: no such architecture, or a name that is neither.
    """
    options = {option.name for option in architecture(name).options}
    stray = [key for key in parameters if key not in options and key not in PARAMETERS]
    if stray:
        raise ConfigError(
            "unknown parameter", where=name, got=", ".join(stray), allowed=", ".join([*options, *PARAMETERS])
        )
    own = {key: value for key, value in parameters.items() if key in options}
    return own, {key: value for key, value in parameters.items() if key not in options}


def trials_of(spec: Spec, stage: str | None = None) -> int:
    """How many trials a stage has: as the spec says, else as many as its grid has points, else the default.

    Raises:
        ValueError: a grid over a continuous range.
        UsageError: no such stage.
    """
    from sweeps.spec.model import DEFAULT_TRIALS
    from sweeps.spec.stages import stage_of

    chosen = stage_of(spec, stage)
    if chosen.trials is not None:
        return chosen.trials
    if chosen.sampler != "grid":
        return DEFAULT_TRIALS
    space = Space.from_spec(spec, chosen.name)
    # the winner of the stage before is one architecture, whichever it will be
    names = space.architectures if chosen.architectures else space.architectures[:1]
    sizes = [space.size(name) for name in names]
    if None in sizes:
        raise ValueError(f"stage {chosen.name}: a grid cannot list a continuous range")
    return sum(size for size in sizes if size is not None)


def space_hash(spec: Spec) -> str:
    """sha256 over the spaces of all stages, as far as they are known before any trial has run."""
    from sweeps.spec.stages import stages_of

    prints = [[stage.name, Space.from_spec(spec, stage.name).fingerprint()] for stage in stages_of(spec)]
    return hashlib.sha256(json.dumps(prints).encode()).hexdigest()


def _members(spec: Spec, stage: Stage, base: Mapping[str, Any] | None) -> list[tuple[str, tuple[Dimension, ...]]]:
    if stage.architectures:
        return [(choice.name, choice.dimensions) for choice in stage.architectures]
    if base is not None:
        return [(base["architecture"], ())]
    return [(choice.name, ()) for choice in spec.search.architectures]


def _dimensions(
    spec: Spec, stage: Stage, name: str, own: tuple[Dimension, ...], base: Mapping[str, Any] | None
) -> tuple[Dimension, ...]:
    """One architecture's dimensions. Later layers win: train, best of the stage before, space, its own."""
    options = [option.name for option in architecture(name).options]
    layers = {dimension.name: dimension for dimension in (_default_size(spec), *spec.train.fixed)}
    if stage.from_best:
        first = [choice for choice in spec.search.architectures if choice.name == name]
        layers |= {dimension.name: dimension for choice in first for dimension in choice.dimensions if dimension.fixed}
    if base is not None:
        kept = (*PARAMETERS, *options) if base["architecture"] == name else tuple(PARAMETERS)
        layers |= {key: fixed_dimension(key, base["parameters"][key]) for key in kept if key in base["parameters"]}
    layers |= {dimension.name: dimension for dimension in (*stage.space, *own)}
    return tuple(layers[key] for key in (*options, *PARAMETERS) if key in layers)


def fixed_dimension(name: str, value: Any) -> Dimension:
    """A dimension of one value."""
    return Dimension(name=name, kind="categorical", choices=(value,), fixed=True)


def _default_size(spec: Spec) -> Dimension:
    """Without a word about it, trials use the one size that is prepared, or the usual one."""
    prepared = spec.prepare.size or ()
    return fixed_dimension("size", prepared[0] if len(prepared) == 1 else PARAMETERS["size"].default)
