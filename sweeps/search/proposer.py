"""What to try next: conditional spaces, equal budgets, one Optuna study an architecture (or one for all).

Knows nothing of Ray: asked for a proposal, told of scores. Everything it knows can be told again from the ledger.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sweeps.search.sampler import build_pruner, build_sampler, derived_seed

if TYPE_CHECKING:
    import optuna

    from sweeps.spec.space import Dimension, Space

JOINT = "joint"


@dataclass(frozen=True, slots=True)
class Proposal:
    """One set of parameters to try. `parameters` holds hyperparameters and the architecture's options, flat."""

    uid: str
    number: int
    stage: str
    architecture: str
    parameters: Mapping[str, Any]
    seed: int
    fold: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPlan:
    """How one stage is searched, in resolved values.

    Attributes:
        stage: name of the stage.
        trials: how many trials the stage has.
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


class Proposer:
    """Proposes parameter sets for one stage and learns from their scores."""

    def __init__(self, space: Space, plan: SearchPlan) -> None:
        self.space, self.plan = space, plan
        self._open: dict[str, tuple[str, optuna.Trial]] = {}
        self._proposed: Counter[str] = Counter({name: 0 for name in space.architectures})
        self._updates: Counter[str] = Counter()
        self._queues: dict[str, list[dict[str, Any]]] = {}
        if plan.sampler == "grid":
            self._queues = {name: list(space.grid_points(name)) for name in space.architectures}
        joint = plan.per_architecture == JOINT and plan.sampler != "grid"
        keys = (JOINT,) if joint else tuple(space.architectures)
        self._studies = {key: self._study(key, plan.trials // len(keys)) for key in keys}

    def ask(self, number: int) -> Proposal:
        """The next parameter set. `number` is the trial's number in the sweep.

        Raises:
            LookupError: a grid has no point left.
        """
        key = JOINT if JOINT in self._studies else self._next_architecture()
        trial = self._studies[key].ask()
        architecture = (
            trial.suggest_categorical("architecture", list(self.space.architectures)) if key == JOINT else key
        )
        queue = self._queues.get(architecture)
        parameters = dict(queue.pop(0)) if queue else self._sample(trial, architecture, key == JOINT)
        self._proposed[architecture] += 1
        uid = trial_uid(number, self.plan.stage, architecture, parameters, self.plan.trial_seed)
        self._open[uid] = (key, trial)
        return Proposal(uid, number, self.plan.stage, architecture, parameters, self.plan.trial_seed)

    def report(self, uid: str, epoch: int, value: float) -> bool:
        """Note a trial's score after `epoch` (from 1); True when the trial should be stopped early.

        A NaN score is not noted and never stops a trial. With several objectives nothing is stopped.
        """
        if len(self.plan.directions) > 1 or math.isnan(value):
            return False
        trial = self._open[uid][1]
        trial.report(value, epoch)
        return trial.should_prune()

    def tell(self, uid: str, state: str, values: Sequence[float], *, architecture: str, updates: int = 0) -> None:
        """Close a trial.

        Args:
            uid: as proposed.
            state: `finished`, `pruned`, or anything else for a trial without a usable score.
            values: the objectives at the selected epoch (the best one, never the last).
            architecture: the trial's architecture.
            updates: gradient updates it spent.
        """
        from optuna.trial import TrialState

        key, trial = self._open.pop(uid)
        self._updates[architecture] += updates
        usable = bool(values) and not any(math.isnan(value) for value in values)
        if state == "finished" and usable:
            self._studies[key].tell(trial, list(values))
        elif state == "pruned" and len(self.plan.directions) == 1:
            self._studies[key].tell(trial, state=TrialState.PRUNED)
        else:
            self._studies[key].tell(trial, state=TrialState.FAIL)

    def study(self, key: str) -> optuna.Study:
        """The study of an architecture, or of `joint`."""
        return self._studies[key]

    def _next_architecture(self) -> str:
        """The architecture that has had the least of the budget; the spec's order breaks ties."""
        candidates = [name for name in self.space.architectures if self._queues.get(name, True)]
        if not candidates:
            raise LookupError("every point of the grid was proposed")
        if self.plan.per_architecture != "equal_updates":
            return min(candidates, key=lambda name: self._proposed[name])
        running = Counter(self._architecture_of(uid) for uid in self._open)
        done = sum(self._updates.values())
        mean = done / max(1, sum(self._proposed.values()) - len(self._open))
        return min(candidates, key=lambda name: (self._updates[name] + mean * running[name], self._proposed[name]))

    def _architecture_of(self, uid: str) -> str:
        return self._open[uid][0]

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

    def _study(self, key: str, trials: int) -> optuna.Study:
        import optuna
        from optuna.study import StudyDirection

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        seed = derived_seed(self.plan.seed, self.plan.stage, key)
        return optuna.create_study(
            sampler=build_sampler(self.plan.sampler, seed=seed, trials=trials),
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


def trial_uid(
    number: int, stage: str, architecture: str, parameters: Mapping[str, Any], seed: int, fold: int = 0
) -> str:
    """`t<number>-<hash>`: the number makes it unique, the hash of all that defines the trial makes a mix-up visible."""
    defining = json.dumps([stage, architecture, dict(parameters), seed, fold], sort_keys=True, separators=(",", ":"))
    return f"t{number:04d}-{hashlib.sha256(defining.encode()).hexdigest()[:8]}"
