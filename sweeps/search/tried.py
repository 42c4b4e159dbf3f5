"""Which parameter sets of a stage were trained or are about to be, so that none is trained twice by accident.

A repetition on another fold or with another seed, a second attempt and a longer training of the same set are wanted and no
business of this. A set that failed counts as tried: whoever wants it once more says so (`liversweep retry`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from liverseg.config import PARAMETERS
from liverseg.errors import ConfigError
from liverseg.models.specs import architecture

SetKey = tuple[str, int, frozenset[tuple[str, Any]]]


@dataclass(frozen=True, slots=True)
class TriedSet:
    """A parameter set and the first trial that had it."""

    uid: str
    architecture: str
    parameters: Mapping[str, Any]
    epochs: int


class Tried:
    """The sets of one stage, each once. Adding and finding one takes the same time however many there are."""

    def __init__(self) -> None:
        self.sets: list[TriedSet] = []
        self._places: dict[SetKey, int] = {}

    def add(self, uid: str, name: str, parameters: Mapping[str, Any], epochs: int) -> None:
        """A trial of architecture `name` was proposed; nothing where its set is known."""
        key = set_key(name, parameters, epochs)
        if key not in self._places:
            self._places[key] = len(self.sets)
            self.sets.append(TriedSet(uid, name, parameters, epochs))

    def find(self, name: str, parameters: Mapping[str, Any], epochs: int) -> TriedSet | None:
        """The same set for as many epochs; None when it is new."""
        place = self._places.get(set_key(name, parameters, epochs))
        return None if place is None else self.sets[place]


def set_key(name: str, parameters: Mapping[str, Any], epochs: int) -> SetKey:
    """Equal for trainings that are the same but for fold and seed.

    A value that is the default says as much as none, so that sets of two spaces can be compared. Floats are the same to
    12 digits: the rest is what a step's multiples are rounded by.
    """
    defaults = _defaults(name)
    told = frozenset(
        (key, float(f"{value:.12g}") if type(value) is float else value)
        for key, value in parameters.items()
        if key not in defaults or value != defaults[key]
    )
    return name, epochs, told


@cache
def _defaults(name: str) -> Mapping[str, Any]:
    """Of the shared parameters and, where the architecture is known, of its options."""
    try:
        options = architecture(name).options
    except ConfigError:
        options = ()
    return {item.name: item.default for item in (*PARAMETERS.values(), *options)}
