"""Learning-rate schedules: the rate of the next update. It is assigned to a variable, so nothing is compiled anew."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from liverseg.errors import ConfigError


class Schedule(Protocol):
    """The learning rate as a function of the update, and of the validation scores seen."""

    def rate(self, update: int) -> float:
        """The rate of update `update`, counted from 0."""

    def observe(self, val_dice: float) -> None:
        """Take note of an epoch's validation score; NaN is never an improvement."""

    def state(self) -> dict[str, Any]:
        """Plain values from which `restore` continues."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state`."""


@dataclass(slots=True)
class Constant:
    """The same rate all along."""

    initial: float

    def rate(self, update: int) -> float:
        """The initial rate."""
        return self.initial

    def observe(self, val_dice: float) -> None:
        """Scores change nothing."""

    def state(self) -> dict[str, Any]:
        """Nothing to remember."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Nothing to restore."""


@dataclass(slots=True)
class Cosine:
    """Half a cosine from the initial rate to 0 over the planned updates (Loshchilov and Hutter 2017, no restarts)."""

    initial: float
    updates: int

    def rate(self, update: int) -> float:
        """The rate of an update; 0 at and after the last planned one."""
        done = min(1.0, update / self.updates)
        return self.initial * 0.5 * (1.0 + math.cos(math.pi * done))

    def observe(self, val_dice: float) -> None:
        """Scores change nothing."""

    def state(self) -> dict[str, Any]:
        """Nothing to remember: the update says it all."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Nothing to restore."""


@dataclass(slots=True)
class Plateau:
    """The rate is multiplied by `factor` whenever `patience` epochs in a row brought no better validation score."""

    initial: float
    factor: float = 0.5
    patience: int = 3
    best: float = -math.inf
    waited: int = 0
    cuts: int = 0

    def rate(self, update: int) -> float:
        """The rate that now holds."""
        return self.initial * self.factor**self.cuts

    def observe(self, val_dice: float) -> None:
        """Count epochs without improvement; NaN is none."""
        if val_dice > self.best:
            self.best, self.waited = val_dice, 0
            return
        self.waited += 1
        if self.waited >= self.patience:
            self.cuts, self.waited = self.cuts + 1, 0

    def state(self) -> dict[str, Any]:
        """Best score so far (None before the first), epochs waited, cuts made."""
        return {"best": None if math.isinf(self.best) else self.best, "waited": self.waited, "cuts": self.cuts}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state`."""
        self.best = -math.inf if state["best"] is None else float(state["best"])
        self.waited, self.cuts = int(state["waited"]), int(state["cuts"])


def build_schedule(name: str, initial: float, planned_updates: int) -> Schedule:
    """The schedule called `name`.

    Raises:
        ConfigError: no schedule has that name.
    """
    if name == "constant":
        return Constant(initial)
    if name == "cosine":
        return Cosine(initial, max(1, planned_updates))
    if name == "plateau":
        return Plateau(initial)
    raise ConfigError("unknown schedule", where="schedule", got=name, allowed="constant | cosine | plateau")
