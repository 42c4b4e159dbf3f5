"""What to try next: conditional spaces, equal budgets, one Optuna study an architecture (or one for all).

Knows nothing of Ray: asked for a proposal, told of scores. All that it knows can be told again: whoever repeats the same
`adopt`, `report` and `tell` calls has the same studies, rungs included, and gets the same next proposal. To that end no
sampler carries random state from one proposal to the next: each proposal has a seed of its own.

No parameter set is proposed twice. A sampler that chooses one that was tried is told what is known of it and asked again,
`REDRAWS` times at most, with seeds that no other proposal has; then it gets the nearest set that was not tried. What it had
chosen stands in the proposal (`drawn`), so that whoever tells the search again tells the sampler of that too.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sweeps.errors import SweepError
from sweeps.search.listener import Listener
from sweeps.search.plan import Known, Proposal, SearchPlan, trial_uid, usable
from sweeps.search.sampler import build_sampler, derived_seed, models, remembers, view
from sweeps.search.studies import choose_architecture, label, new_study, suggest
from sweeps.search.tried import Tried
from sweeps.search.untried import Untried, fits, value_of

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

    from sweeps.search.lean_tpe import Generators
    from sweeps.spec.space import Space

JOINT = "joint"
REDRAWS = 4
"""How often a sampler is asked again for one proposal."""
LEAD = 2
"""Trials that an architecture may be ahead of another where that saves the compilation of a network. Small, so that an
interrupted search has tried all of them nearly as often."""


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
        self._values: dict[str, list[float]] = {}
        self._scored: Counter[str] = Counter()
        self._open: dict[str, _Open] = {}
        self._asked: Counter[str] = Counter()
        self._proposed: Counter[str] = Counter({name: 0 for name in space.architectures})
        self._updates: Counter[str] = Counter()
        self._queues: dict[str, list[dict[str, Any]]] = {}
        if plan.sampler == "grid":
            self._queues = {name: list(space.grid_points(name)) for name in space.architectures}
        joint = plan.per_architecture == JOINT and plan.sampler != "grid"
        keys = (JOINT,) if joint else tuple(space.architectures)
        self._trials = plan.trials // len(keys)
        self._generators = _generators()
        self._studies = {key: new_study(plan, key, self._trials) for key in keys}
        self._seen = (
            {key: view(plan.sampler, study) for key, study in self._studies.items()} if models(plan.sampler) else {}
        )

    def ask(self, number: int, epochs: int = 0, preferred: frozenset[str] = frozenset()) -> Proposal:
        """The next parameter set.

        Args:
            number: the trial's number in the sweep.
            epochs: its length, the plan's when 0.
            preferred: architectures that may come up to `LEAD` trials before their turn, but get no more of them in all.
                Each architecture has a sampler of its own, which is asked the same questions in the same order.

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
        key = JOINT if JOINT in self._studies else self._next_architecture(length, preferred)
        trial, architecture, parameters, drawn = self._draw(key, length)
        self._asked[key] += 1
        self._proposed[architecture] += 1
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
        key = JOINT if JOINT in self._studies else architecture
        if architecture in self._queues:
            dimensions = {item.name: item for item in self.space.dimensions(architecture)}
            values = (
                {name: value_of(parameters, item) for name, item in dimensions.items()} if inside else dict(parameters)
            )
            # Told again in the order in which they were proposed, the first one is it.
            if values in self._queues[architecture]:
                self._queues[architecture].remove(values)
        if not again and architecture in self._proposed:
            self._proposed[architecture] += 1
        trial = None
        if inside:
            redraws = [item for item in drawn if fits(self.space, *item[1:])]
            for redraw, (known, name, chosen) in enumerate(redraws):
                self._pass_over(key, self._adopted(key, name, chosen, redraw=redraw), known)
            trial = self._adopted(key, architecture, parameters, redraw=len(redraws))
            self._asked[key] += 1
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
        from optuna.trial import TrialState

        told = self._open.pop(uid)
        self._updates[told.architecture] += updates
        if told.trial is None:
            return
        study = self._studies[told.key]
        if state == "finished" and usable(values):
            self._values[uid] = list(values)
            frozen = study.tell(told.trial, list(values))
            self._scored[told.key] += 1
        elif self._counts_as_worst(told.key, state):
            frozen = study.tell(told.trial, state=TrialState.PRUNED)
        else:
            frozen = study.tell(told.trial, state=TrialState.FAIL)
        self._spread(told.key, frozen)

    def study(self, key: str) -> optuna.Study:
        """The study of an architecture, or of `joint`."""
        return self._studies[key]

    @property
    def points_left(self) -> int | None:
        """Grid points that were not proposed yet; None without a grid."""
        return sum(len(points) for points in self._queues.values()) if self._queues else None

    def _next_architecture(self, epochs: int, preferred: frozenset[str]) -> str:
        """The architecture that has had the least of the budget, or nearly so if it is preferred; the spec's order breaks
        ties. One whose sets were all proposed leaves the rest of its budget to the others.
        """
        candidates = [name for name in self.space.architectures if self._sets_left(name, epochs) != 0]
        if self.plan.per_architecture != "equal_updates":
            near = [name for name in candidates if name in preferred and self._nearly_due(name, candidates)]
            return min(near or candidates, key=lambda name: self._proposed[name])
        running = Counter(item.architecture for item in self._open.values())
        done = sum(self._updates.values())
        mean = done / max(1, sum(self._proposed.values()) - len(self._open))
        return min(candidates, key=lambda name: (self._updates[name] + mean * running[name], self._proposed[name]))

    def _nearly_due(self, architecture: str, candidates: Sequence[str]) -> bool:
        """Whether its turn may be brought forward without giving it more trials in all than its equal share."""
        share, more = divmod(self.plan.trials, len(self.space.architectures))
        share += list(self.space.architectures).index(architecture) < more
        proposed = self._proposed[architecture]
        return proposed < share and proposed - min(self._proposed[name] for name in candidates) < LEAD

    def _sets_left(self, name: str, epochs: int) -> int | None:
        """See `sets_left`, for one architecture."""
        return len(self._queues[name]) if name in self._queues else self._untried.left(name, epochs)

    def _draw(self, key: str, epochs: int) -> tuple[optuna.Trial, str, dict[str, Any], tuple[str, ...]]:
        """A trial with a set that was not tried, and the trials whose sets were chosen before it."""
        drawn: list[str] = []
        while True:
            trial = self._ask(key, replay=False, redraw=len(drawn))
            architecture = choose_architecture(trial, self.space) if key == JOINT else key
            queue = self._queues.get(architecture)
            if queue:
                return trial, architecture, dict(queue.pop(0)), ()
            parameters = self._sample(trial, architecture, key == JOINT)
            known = self._untried.tried.find(architecture, parameters, epochs)
            if known is None:
                return trial, architecture, parameters, tuple(drawn)
            self._pass_over(key, trial, known.uid)
            drawn.append(known.uid)
            if len(drawn) > REDRAWS:
                architecture, parameters = self._nearest(key, architecture, parameters, epochs)
                trial = self._adopted(key, architecture, parameters, redraw=len(drawn))
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

    def _counts_as_worst(self, key: str, state: str) -> bool:
        """Whether a trial without a final score is nevertheless one to learn from: Optuna knows those as pruned.

        One without any score is the worst of them. Before another has one it would be the best there is, too.
        """
        known = state == "pruned" or (state == "refused" and self._scored[key] > 0)
        return known and len(self.plan.directions) == 1

    def _pass_over(self, key: str, trial: optuna.Trial, uid: str) -> None:
        """Close a trial whose set is that of another one, with what is known of that.

        Samplers that make a model know it from the study already, and would count it twice. Those that breed or step from
        what they proposed themselves go on from it as if it had been trained.
        """
        from optuna.trial import TrialState

        study, values = self._studies[key], self._values.get(uid)
        goes_on = values is not None and remembers(self.plan.sampler)
        frozen = study.tell(trial, values) if goes_on else study.tell(trial, state=TrialState.FAIL)
        self._spread(key, frozen)

    def _spread(self, key: str, ended: FrozenTrial) -> None:
        """Tell whoever wants to know of every end, rather than going through all trials to find out."""
        if key in self._seen:
            self._seen[key].told(ended)
        pruner = self._studies[key].pruner
        if isinstance(pruner, Listener):
            pruner.told(ended)

    def _ask(self, key: str, *, replay: bool, redraw: int = 0) -> optuna.Trial:
        """A new trial of a study, drawn by a sampler whose only random state is the trial's own seed."""
        study = self._studies[key]
        again = (f"again {redraw}",) if redraw else ()
        own = derived_seed(self.plan.seed, self.plan.stage, key, str(self._asked[key]), *again)
        name = self.plan.sampler
        if replay and not remembers(name):
            name = "random"  # its draws are not used, and it learns nothing that the study does not hold
        shared = derived_seed(self.plan.seed, self.plan.stage, key)
        seen = self._seen.get(key)
        study.sampler = build_sampler(
            name, seed=shared, own_seed=own, trials=self._trials, seen=seen, generators=self._generators
        )
        trial = study.ask()
        if seen is not None:
            seen.asked(trial)
        return trial

    def _adopted(self, key: str, architecture: str, parameters: Mapping[str, Any], *, redraw: int = 0) -> optuna.Trial:
        """An Optuna trial with these parameters, made as `ask` makes one, so that stateful samplers go the same way."""
        joint = key == JOINT
        sampled = [] if self.plan.sampler == "grid" else list(self.space.for_architecture(architecture))
        values = {label(self.space, item, architecture, joint): value_of(parameters, item) for item in sampled}
        fixed = {"architecture": architecture, **values} if joint else values
        self._studies[key].enqueue_trial(fixed)
        trial = self._ask(key, replay=True, redraw=redraw)
        if sampled and remembers(self.plan.sampler):
            _ = trial.relative_params  # the sampler leaves its marks when it draws; the draw itself is not used
        if joint:
            choose_architecture(trial, self.space)
        for item in sampled:
            suggest(trial, item, label(self.space, item, architecture, joint))
        return trial

    def _sample(self, trial: optuna.Trial, architecture: str, joint: bool) -> dict[str, Any]:
        chosen = {
            dimension.name: suggest(trial, dimension, label(self.space, dimension, architecture, joint))
            for dimension in self.space.for_architecture(architecture)
        }
        return self.space.assemble(architecture, chosen)


def _generators() -> Generators:
    from sweeps.search.lean_tpe import Generators

    return Generators()
