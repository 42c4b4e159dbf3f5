"""What to try next: conditional spaces, equal budgets, no parameter set twice.

Knows nothing of Ray: asked for a proposal, told of scores. All that it knows can be told again: whoever repeats the same
`adopt`, `report` and `tell` calls has the same studies, rungs included, and gets the same next proposal.

A sampler that chooses one that was tried is told what is known of it and asked again,
`REDRAWS` times at most, with seeds that no other proposal has; then it gets the nearest set that was not tried. What it had
chosen stands in the proposal (`drawn`), so that whoever tells the search again tells the sampler of that too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sweeps.errors import SweepError
from sweeps.search.grid import Grid
from sweeps.search.plan import Known, Proposal, SearchPlan, trial_uid
from sweeps.search.studies import JOINT, Studies
from sweeps.search.tried import Tried
from sweeps.search.turns import Turns
from sweeps.search.untried import Untried, fits

if TYPE_CHECKING:
    import optuna

    from sweeps.spec.space import Space

REDRAWS = 4
"""How often a sampler is asked again for one proposal."""


@dataclass(frozen=True, slots=True)
class _Open:
    """A trial that was asked for and not told of. `trial` is None where the space does not hold its parameters."""

    key: str
    architecture: str
    trial: optuna.Trial | None


class Proposer:
    """Proposes parameter sets for one stage and learns from their scores."""

    def __init__(self, space: Space, plan: SearchPlan) -> None:
        self.space, self.plan = space, plan
        self._untried = Untried(space, Tried())
        self._open: dict[str, _Open] = {}
        self._turns = Turns(plan, space.architectures)
        self._grid = Grid(space) if plan.sampler == "grid" else None
        self._studies = Studies(space, plan)

    def ask(self, number: int, epochs: int = 0, preferred: frozenset[str] = frozenset()) -> Proposal:
        """The next parameter set.

        Args:
            number: the trial's number in the sweep.
            epochs: its length, the plan's when 0.
            preferred: architectures that may come before their turn, see `Turns.next`. Each architecture has a sampler of its
                own, which is asked the same questions in the same order.

        Raises:
            SweepError: every parameter set was proposed.
        """
        length = epochs or self.plan.epochs
        if self.sets_left(length) == 0:
            raise SweepError(
                "every parameter set of the space was proposed",
                where=f"stage {self.plan.stage}",
                next_step="give a larger space: liversweep extend NAME --space FILE",
            )
        key = JOINT if self._studies.joint else self._next_architecture(length, preferred)
        trial, architecture, parameters, drawn = self._draw(key, length)
        self._studies.proposed(key)
        self._turns.taken(architecture)
        uid = trial_uid(number, self.plan.stage, architecture, parameters, self.plan.trial_seed)
        self._open[uid] = _Open(key, architecture, trial)
        self._untried.tried.add(uid, architecture, parameters, length)
        seed = self.plan.trial_seed
        return Proposal(uid, number, self.plan.stage, architecture, parameters, seed, epochs=length, drawn=drawn)

    def share(self, tried: Tried) -> None:
        """Take the place of what it knows of sets that are not to be proposed; its own are added to `tried` from now on."""
        self._untried = Untried(self.space, tried)

    def sets_left(self, epochs: int) -> int | None:
        """Parameter sets of the space that were not proposed for so many epochs; None when there is no end to them."""
        lefts = [self._sets_left(name, epochs) for name in self.space.architectures]
        return None if None in lefts else sum(left for left in lefts if left is not None)

    def adopt(
        self,
        uid: str,
        architecture: str,
        parameters: Mapping[str, Any],
        *,
        again: bool = False,
        drawn: Sequence[tuple[str, str, Mapping[str, Any]]] = (),
    ) -> bool:
        """Take up a trial that was proposed before, by this search or another.

        Args:
            uid: its name, for `report` and `tell`.
            architecture: of the trial.
            parameters: of the trial; what it does not say has the default value.
            again: it was proposed here before and counts once.
            drawn: uid, architecture and parameters of the trials whose sets the sampler had chosen before this one.

        Returns:
            False when the space does not hold such a trial: the sampler then never hears of it.
        """
        inside = fits(self.space, architecture, parameters)
        key = self._studies.key_of(architecture)
        if self._grid is not None:
            self._grid.proposed(architecture, parameters, inside=inside)
        if not again:
            self._turns.taken(architecture)
        trial = None
        if inside:
            redraws = [item for item in drawn if fits(self.space, *item[1:])]
            for redraw, (known, name, chosen) in enumerate(redraws):
                self._studies.pass_over(key, self._studies.adopt(key, name, chosen, redraw=redraw), known)
            trial = self._studies.adopt(key, architecture, parameters, redraw=len(redraws))
            self._studies.proposed(key)
        self._open[uid] = _Open(key, architecture, trial)
        return inside

    def learn(self, known: Known) -> bool:
        """Take in an ended trial whole; False when the space does not hold it. It uses up nothing of the budget."""
        inside = self.adopt(known.uid, known.architecture, known.parameters, again=True)
        for epoch, value in enumerate(known.reports, start=1):
            self.report(known.uid, epoch, value)
        self.tell(known.uid, known.state, known.values)
        return inside

    def report(self, uid: str, epoch: int, value: float) -> bool:
        """Note a trial's score after `epoch` (from 1); True when the trial should be stopped early.

        A NaN score is not noted and never stops a trial. With several objectives nothing is stopped.
        """
        trial = self._open[uid].trial
        if trial is None or len(self.plan.directions) > 1 or math.isnan(value):
            return False
        trial.report(value, epoch)
        return trial.should_prune()

    def tell(self, uid: str, state: str, values: Sequence[float], *, updates: int = 0) -> None:
        """Close a trial.

        Args:
            uid: as proposed.
            state: `finished`, `pruned`, `refused` for one that cannot work with these parameters, or anything else for a trial
                without a usable score. Once others have one, a sampler that makes a model takes the refused for the worst of all.
            values: the objectives at the selected epoch (the best one, never the last).
            updates: gradient updates it spent.
        """
        told = self._open.pop(uid)
        self._turns.spent(told.architecture, updates)
        if told.trial is not None:
            self._studies.tell(told.key, told.trial, uid, state, values)

    def study(self, key: str) -> optuna.Study:
        """The study of an architecture, or of `joint`."""
        return self._studies.of(key)

    @property
    def points_left(self) -> int | None:
        """Grid points that were not proposed yet; None without a grid."""
        return None if self._grid is None else self._grid.left

    def _next_architecture(self, epochs: int, preferred: frozenset[str]) -> str:
        candidates = [name for name in self.space.architectures if self._sets_left(name, epochs) != 0]
        return self._turns.next(candidates, preferred, (item.architecture for item in self._open.values()))

    def _sets_left(self, name: str, epochs: int) -> int | None:
        """See `sets_left`, for one architecture."""
        return self._untried.left(name, epochs) if self._grid is None else self._grid.left_of(name)

    def _draw(self, key: str, epochs: int) -> tuple[optuna.Trial, str, dict[str, Any], tuple[str, ...]]:
        """A trial with a set that was not tried, and the trials whose sets were chosen before it."""
        drawn: list[str] = []
        while True:
            trial, architecture = self._studies.ask(key, redraw=len(drawn))
            if self._grid is not None:
                return trial, architecture, self._grid.next(architecture), ()
            parameters = self._studies.sample(trial, architecture)
            known = self._untried.tried.find(architecture, parameters, epochs)
            if known is None:
                return trial, architecture, parameters, tuple(drawn)
            self._studies.pass_over(key, trial, known.uid)
            drawn.append(known.uid)
            if len(drawn) > REDRAWS:
                architecture, parameters = self._nearest(key, architecture, parameters, epochs)
                trial = self._studies.adopt(key, architecture, parameters, redraw=len(drawn))
                return trial, architecture, parameters, tuple(drawn)

    def _nearest(
        self, key: str, architecture: str, parameters: dict[str, Any], epochs: int
    ) -> tuple[str, dict[str, Any]]:
        """What a sampler gets that chooses only what was tried; not called when all of its space was."""
        if key == JOINT:
            found = self._untried.nearest_of_any(architecture, parameters, epochs)
        else:
            near = self._untried.nearest(architecture, parameters, epochs)
            found = None if near is None else (architecture, near)
        if found is None:
            raise SweepError("the space has fewer parameter sets than its dimensions say", where=self.plan.stage)
        return found
