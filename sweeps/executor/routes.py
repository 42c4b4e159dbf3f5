"""Which worker gets which trial: one that has the trial's graph compiled, as far as the order of the search allows.

Compiling anew costs seconds, resetting a compiled network a fraction of one. Trials end one by one, so there is hardly ever
more than one worker free to choose from: the choice is among trials. Tune gives the next trial to the worker that was freed
last, and this tells the driver what that worker holds. It is an advice: a wrong one costs a compilation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from liverseg.training.graph import graph_of
from sweeps.executor.setting import TrialSetting
from sweeps.executor.trainer import trial_config
from sweeps.search.plan import Proposal


class Routes:
    """Remembers what the worker that was freed last has compiled, and knows what a trial needs.

    Args:
        setting: what all trials share.
    """

    def __init__(self, setting: TrialSetting) -> None:
        self._setting = setting
        self._held: frozenset[str] = frozenset()

    @property
    def architectures(self) -> frozenset[str]:
        """Architectures of which the free worker has some graph; empty for a new worker."""
        return frozenset(label.rpartition("-")[0] for label in self._held)

    def freed(self, result: Mapping[str, Any] | None) -> None:
        """A trial has let go of its worker, with this last result; None when the worker is gone."""
        graphs: Iterable[str] = (result or {}).get("graphs") or ()
        self._held = frozenset(graphs)

    def taken(self) -> None:
        """The free worker has got its next trial."""
        self._held = frozenset()

    def holds(self, proposal: Proposal) -> bool:
        """Whether the free worker has compiled what this trial needs."""
        if proposal.architecture not in self.architectures:
            return False
        return graph_of(trial_config(proposal.payload(), self._setting)).label in self._held
