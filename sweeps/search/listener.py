"""Whoever is told of the ends of a study's trials, rather than going through all trials to find out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


@runtime_checkable
class Listener(Protocol):
    """A pruner or a view of a study that is to be told of every end."""

    def told(self, trial: FrozenTrial) -> None:
        """A trial has ended, with a score or without."""
