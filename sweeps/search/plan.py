"""The words in which the search speaks: what is proposed, how a stage is searched, what is known of earlier trials."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sweeps.search.proposer import Proposer


_IF_ANY = ("continues", "replicate_of", "drawn")


@dataclass(frozen=True, slots=True)
class Proposal:
    """One trial to run.

    Attributes:
        uid: see `trial_uid`.
        number: position in the order of suggestions, from 0.
        parameters: hyperparameters and the architecture's options, flat.
        epochs: how long it trains.
        continues: uid of the trial from whose end it goes on; empty when it starts from nothing.
        replicate_of: uid of the trial whose setting it repeats on another fold or with another seed; empty otherwise.
        drawn: trials whose parameter sets the sampler had chosen once more before it came to this one.
    """

    uid: str
    number: int
    stage: str
    architecture: str
    parameters: Mapping[str, Any]
    seed: int
    fold: int = 0
    epochs: int = 0
    continues: str = ""
    replicate_of: str = ""
    drawn: tuple[str, ...] = ()

    def payload(self) -> dict[str, Any]:
        """The `suggested` event."""
        plain = {name: getattr(self, name) for name in self.__slots__}
        plain = {name: value for name, value in plain.items() if name not in _IF_ANY or value}
        lists = {"drawn": list(self.drawn)} if self.drawn else {}
        return plain | {"parameters": dict(self.parameters)} | lists

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any], epochs: int) -> Proposal:
        """Read back a `suggested` event; `epochs` is the length where the event does not say."""
        known = {name: payload[name] for name in cls.__slots__ if name in payload}
        return cls(**({"epochs": epochs} | known | {"drawn": tuple(payload.get("drawn") or ())}))


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPlan:
    """How one stage is searched, in resolved values.

    Attributes:
        stage: name of the stage.
        trials: how many trials the spec gives the stage; extensions do not change it, since samplers are tuned to it.
        per_architecture: `equal` (trials), `equal_updates` or `joint`.
        sampler: a name of `sweeps.spec.catalogue.SAMPLERS`.
        scheduler: resolved mapping with `kind`.
        directions: `maximize` or `minimize`, one an objective.
        epochs: epochs of a full trial.
        seed: fixes the samplers.
        trial_seed: seed of every trial's weights and data order.
    """

    stage: str
    trials: int
    per_architecture: str
    sampler: str
    scheduler: Mapping[str, Any]
    directions: tuple[str, ...]
    epochs: int
    seed: int
    trial_seed: int


@dataclass(frozen=True, slots=True)
class Known:
    """A trial that has ended, as a sampler is told of it.

    Attributes:
        state: `finished`, `pruned`, `failed` or `refused`, see `Proposer.tell`.
        values: the objectives at the selected epoch; empty without a usable score.
        reports: first objective after each epoch, NaN where it was none.
        updates: gradient updates spent.
    """

    uid: str
    stage: str
    architecture: str
    parameters: Mapping[str, Any]
    state: str
    values: tuple[float, ...] = ()
    reports: tuple[float, ...] = ()
    updates: int = 0


@dataclass(frozen=True, slots=True)
class Best:
    """The best trial so far, from which a following stage starts."""

    uid: str
    architecture: str
    parameters: Mapping[str, Any]
    value: float


@dataclass(frozen=True, slots=True)
class Stage:
    """One part of the search.

    Attributes:
        name: shown in tables; every trial bears it.
        trials: how many it has.
        open: makes its proposer, given the best trial of the stages before.
    """

    name: str
    trials: int
    open: Callable[[Best | None], Proposer]


def trial_uid(
    number: int, stage: str, architecture: str, parameters: Mapping[str, Any], seed: int, fold: int = 0
) -> str:
    """`t<number>-<hash>`: the number makes it unique, the hash of all that defines the trial makes a mix-up visible."""
    defining = json.dumps([stage, architecture, dict(parameters), seed, fold], sort_keys=True, separators=(",", ":"))
    return f"t{number:04d}-{hashlib.sha256(defining.encode()).hexdigest()[:8]}"


def usable(values: Sequence[float]) -> bool:
    """Whether there is a value for a sampler: at least one, and none of them NaN."""
    return bool(values) and all(value == value for value in values)
