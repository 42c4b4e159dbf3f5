"""What to try next: conditional spaces, equal budgets, one Optuna study an architecture (or one for all).

Knows nothing of Ray: asked for a proposal, told of scores. All that it knows can be told again: whoever repeats the same
`adopt`, `report` and `tell` calls has the same studies, rungs included, and gets the same next proposal. To that end no
sampler carries random state from one proposal to the next: each proposal has a seed of its own.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from liverseg.config import PARAMETERS
from sweeps.errors import SweepError
from sweeps.search.plan import Known, Proposal, SearchPlan, trial_uid, usable
from sweeps.search.recall import MOST
from sweeps.search.sampler import build_pruner, build_sampler, derived_seed, models, remembers

if TYPE_CHECKING:
    import optuna

    from sweeps.search.seen_study import SeenStudy
    from sweeps.spec.space import Dimension, Space

JOINT = "joint"
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
        self._studies = {key: self._study(key) for key in keys}
        self._seen = self._views() if models(plan.sampler) else {}

    def ask(self, number: int, epochs: int = 0, preferred: frozenset[str] = frozenset()) -> Proposal:
        """The next parameter set.

        Args:
            number: the trial's number in the sweep.
            epochs: its length, the plan's when 0.
            preferred: architectures that may come up to `LEAD` trials before their turn, but get no more of them in all.
                Each architecture has a sampler of its own, which is asked the same questions in the same order.

        Raises:
            SweepError: a grid has no point left.
        """
        key = JOINT if JOINT in self._studies else self._next_architecture(preferred)
        trial = self._ask(key, replay=False)
        architecture = self._architecture(trial) if key == JOINT else key
        queue = self._queues.get(architecture)
        parameters = dict(queue.pop(0)) if queue else self._sample(trial, architecture, key == JOINT)
        self._proposed[architecture] += 1
        uid = trial_uid(number, self.plan.stage, architecture, parameters, self.plan.trial_seed)
        self._open[uid] = _Open(key, architecture, trial)
        seed, length = self.plan.trial_seed, epochs or self.plan.epochs
        return Proposal(uid, number, self.plan.stage, architecture, parameters, seed, epochs=length)

    def adopt(self, uid: str, architecture: str, parameters: Mapping[str, Any], *, again: bool = False) -> bool:
        """Take up a trial that was proposed before, by this search or another.

        Args:
            uid: its name, for `report` and `tell`.
            architecture: of the trial.
            parameters: of the trial; what it does not say has the default value.
            again: it was proposed here before and counts once.

        Returns:
            False when the space does not hold such a trial: the sampler then never hears of it.
        """
        fits = self._fits(architecture, parameters)
        key = JOINT if JOINT in self._studies else architecture
        if architecture in self._queues:
            dimensions = {item.name: item for item in self.space.dimensions(architecture)}
            values = {name: _value(parameters, item) for name, item in dimensions.items()} if fits else dict(parameters)
            # Told again in the order in which they were proposed, the first one is it.
            if values in self._queues[architecture]:
                self._queues[architecture].remove(values)
        if not again and architecture in self._proposed:
            self._proposed[architecture] += 1
        self._open[uid] = _Open(key, architecture, self._adopted(key, architecture, parameters) if fits else None)
        return fits

    def learn(self, known: Known) -> bool:
        """Take in an ended trial whole; False when the space does not hold it. It uses up nothing of the budget."""
        fits = self.adopt(known.uid, known.architecture, known.parameters, again=True)
        for epoch, value in enumerate(known.reports, start=1):
            self.report(known.uid, epoch, value)
        self.tell(known.uid, known.state, known.values)
        return fits

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
            state: `finished`, `pruned`, or anything else for a trial without a usable score.
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
            frozen = study.tell(told.trial, list(values))
        elif state == "pruned" and len(self.plan.directions) == 1:
            frozen = study.tell(told.trial, state=TrialState.PRUNED)
        else:
            frozen = study.tell(told.trial, state=TrialState.FAIL)
        if told.key in self._seen:
            self._seen[told.key].told(frozen)

    def study(self, key: str) -> optuna.Study:
        """The study of an architecture, or of `joint`."""
        return self._studies[key]

    @property
    def points_left(self) -> int | None:
        """Grid points that were not proposed yet; None without a grid."""
        return sum(len(points) for points in self._queues.values()) if self._queues else None

    def _next_architecture(self, preferred: frozenset[str]) -> str:
        """The architecture that has had the least of the budget, or nearly so if it is preferred; the spec's order breaks
        ties.
        """
        candidates = [name for name in self.space.architectures if self._queues.get(name, True)]
        if not candidates:
            raise SweepError(
                "every point of the grid was proposed",
                where=f"stage {self.plan.stage}",
                next_step="give a larger space: liversweep extend NAME --space FILE",
            )
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

    def _ask(self, key: str, *, replay: bool) -> optuna.Trial:
        """A new trial of a study, drawn by a sampler whose only random state is the trial's own seed."""
        study = self._studies[key]
        own = derived_seed(self.plan.seed, self.plan.stage, key, str(self._asked[key]))
        self._asked[key] += 1
        name = self.plan.sampler
        if replay and not remembers(name):
            name = "random"  # its draws are not used, and it learns nothing that the study does not hold
        shared = derived_seed(self.plan.seed, self.plan.stage, key)
        seen = self._seen.get(key)
        study.sampler = build_sampler(name, seed=shared, own_seed=own, trials=self._trials, seen=seen)
        trial = study.ask()
        if seen is not None:
            seen.asked(trial)
        return trial

    def _adopted(self, key: str, architecture: str, parameters: Mapping[str, Any]) -> optuna.Trial:
        """An Optuna trial with these parameters, made as `ask` makes one, so that stateful samplers go the same way."""
        joint = key == JOINT
        sampled = [] if self.plan.sampler == "grid" else list(self.space.for_architecture(architecture))
        values = {self._label(item, architecture, joint): _value(parameters, item) for item in sampled}
        fixed = {"architecture": architecture, **values} if joint else values
        self._studies[key].enqueue_trial(fixed)
        trial = self._ask(key, replay=True)
        if sampled and remembers(self.plan.sampler):
            _ = trial.relative_params  # the sampler leaves its marks when it draws; the draw itself is not used
        if joint:
            self._architecture(trial)
        for item in sampled:
            suggest(trial, item, self._label(item, architecture, joint))
        return trial

    def _architecture(self, trial: optuna.Trial) -> str:
        return str(trial.suggest_categorical("architecture", list(self.space.architectures)))

    def _fits(self, architecture: str, parameters: Mapping[str, Any]) -> bool:
        """Whether this space could have proposed these parameters."""
        if architecture not in self.space.architectures:
            return False
        dimensions = {item.name: item for item in self.space.dimensions(architecture)}
        inside = all(item.contains(_value(parameters, item)) for item in dimensions.values())
        others = [name for name in parameters if name not in dimensions]
        return inside and all(name in PARAMETERS and parameters[name] == PARAMETERS[name].default for name in others)

    def _sample(self, trial: optuna.Trial, architecture: str, joint: bool) -> dict[str, Any]:
        chosen = {
            dimension.name: suggest(trial, dimension, self._label(dimension, architecture, joint))
            for dimension in self.space.for_architecture(architecture)
        }
        return self.space.assemble(architecture, chosen)

    def _label(self, dimension: Dimension, architecture: str, joint: bool) -> str:
        """Optuna's name of a dimension: in a joint study only dimensions that all architectures share keep their own."""
        if not joint:
            return dimension.name
        shared = all(dimension in self.space.for_architecture(name) for name in self.space.architectures)
        return dimension.name if shared else f"{architecture}.{dimension.name}"

    def _views(self) -> dict[str, SeenStudy]:
        from sweeps.search.seen_study import SeenStudy

        return {key: SeenStudy(study, MOST) for key, study in self._studies.items()}

    def _study(self, key: str) -> optuna.Study:
        import optuna
        from optuna.study import StudyDirection

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        return optuna.create_study(
            # Hyperband sorts trials into brackets by the study's name and the trial's number.
            study_name=f"{self.plan.stage}.{key}",
            sampler=build_sampler("random", seed=0, own_seed=0, trials=self._trials),
            pruner=build_pruner(self.plan.scheduler, epochs=self.plan.epochs),
            directions=[StudyDirection[word.upper()] for word in self.plan.directions],
        )


def suggest(trial: optuna.Trial, dimension: Dimension, label: str) -> Any:
    """One value of a dimension from an Optuna trial."""
    if dimension.kind == "categorical":
        return trial.suggest_categorical(label, list(dimension.choices))
    low, high = dimension.bounds
    if dimension.kind == "int":
        return trial.suggest_int(label, int(low), int(high), step=int(dimension.step or 1), log=dimension.log)
    return trial.suggest_float(label, low, high, step=dimension.step, log=dimension.log)


def _value(parameters: Mapping[str, Any], dimension: Dimension) -> Any:
    """A trial's value of a dimension, its default where the trial does not say; None when there is no default."""
    if dimension.name in parameters:
        return parameters[dimension.name]
    return PARAMETERS[dimension.name].default if dimension.name in PARAMETERS else None
