"""What a driver and those around it say to one another: what a worker is told, who looks on, and what would start soonest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sweeps.search.plan import Proposal
from sweeps.search.slot_time import SlotTime
from sweeps.search.states import State


class View(Protocol):
    """Whoever watches a sweep: the live table, plain lines, or a test."""

    def event(self, name: str, uid: str, fields: Mapping[str, Any]) -> None:
        """Called after the event is in the ledger (`epoch` events are not written there)."""


class Preference(Protocol):
    """Which trials would start soonest where there is room for one; they go first where the search leaves a choice."""

    @property
    def architectures(self) -> frozenset[str]:
        """Architectures of which some trial would."""

    def holds(self, proposal: Proposal) -> bool:
        """Whether this trial would."""


@dataclass(slots=True)
class Launch:
    """What a worker is told of the trial that it is to run."""

    proposal: Proposal
    attempt: int
    state: State | None
    time: SlotTime

    def payload(self) -> dict[str, Any]:
        """The trial's part of the worker's configuration."""
        chosen = self.proposal
        return {
            "uid": chosen.uid,
            "architecture": chosen.architecture,
            "parameters": dict(chosen.parameters),
            "seed": chosen.seed,
            "fold": chosen.fold,
            "epochs": chosen.epochs,
            "attempt": self.attempt,
            "state": self.state.path if self.state else None,
        }
