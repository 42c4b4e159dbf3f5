"""Optuna's side of a search: the studies of a stage, and what their trials are asked for, called and told.

No sampler carries random state from one proposal to the next: each proposal has a seed of its own, so that whoever makes the
same calls has the same studies.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sweeps.search.listener import Listener
from sweeps.search.plan import SearchPlan, usable
from sweeps.search.sampler import build_pruner, build_sampler, derived_seed, models, remembers, view
from sweeps.search.untried import value_of

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

    from sweeps.search.lean_tpe import Generators
    from sweeps.spec.space import Dimension, Space

JOINT = "joint"


class Studies:
    """One study an architecture, by its name, or one for all under `JOINT`.

    Attributes:
        joint: whether there is one for all.
        views: what samplers that make a model of the trials are shown of each study; empty where the sampler is none of them.
    """

    def __init__(self, space: Space, plan: SearchPlan) -> None:
        self._space, self._plan = space, plan
        self.joint = plan.per_architecture == JOINT and plan.sampler != "grid"
        keys = (JOINT,) if self.joint else tuple(space.architectures)
        self._trials = plan.trials // len(keys)
        self._generators = _generators()
        self._studies = {key: new_study(plan, key, self._trials) for key in keys}
        watched = self._studies if models(plan.sampler) else {}
        self.views = {key: view(plan.sampler, study) for key, study in watched.items()}
        self._proposed: Counter[str] = Counter()
        self._scored: Counter[str] = Counter()
        self._values: dict[str, list[float]] = {}

    def of(self, key: str) -> optuna.Study:
        """The study itself."""
        return self._studies[key]

    def key_of(self, architecture: str) -> str:
        """Whose study it is that an architecture's trials belong to."""
        return JOINT if self.joint else architecture

    def ask(self, key: str, *, redraw: int = 0) -> tuple[optuna.Trial, str]:
        """A new trial and its architecture, which a joint study chooses.

        Args:
            key: of the study.
            redraw: how often it was asked before for the same proposal.
        """
        trial = self._ask(key, replay=False, redraw=redraw)
        return trial, choose_architecture(trial, self._space) if self.joint else key

    def sample(self, trial: optuna.Trial, architecture: str) -> dict[str, Any]:
        """The parameters that a trial has, drawn by its study's sampler."""
        chosen = {
            dimension.name: suggest(trial, dimension, label(self._space, dimension, architecture, self.joint))
            for dimension in self._space.for_architecture(architecture)
        }
        return self._space.assemble(architecture, chosen)

    def adopt(self, key: str, architecture: str, parameters: Mapping[str, Any], *, redraw: int = 0) -> optuna.Trial:
        """A trial with these parameters, made as `ask` makes one, so that stateful samplers go the same way."""
        sampled = [] if self._plan.sampler == "grid" else list(self._space.for_architecture(architecture))
        values = {label(self._space, item, architecture, self.joint): value_of(parameters, item) for item in sampled}
        fixed = {"architecture": architecture, **values} if self.joint else values
        self._studies[key].enqueue_trial(fixed)
        trial = self._ask(key, replay=True, redraw=redraw)
        if sampled and remembers(self._plan.sampler):
            _ = trial.relative_params  # the sampler leaves its marks when it draws; the draw itself is not used
        if self.joint:
            choose_architecture(trial, self._space)
        for item in sampled:
            suggest(trial, item, label(self._space, item, architecture, self.joint))
        return trial

    def proposed(self, key: str) -> None:
        """A trial of the study was proposed: the next one has another seed."""
        self._proposed[key] += 1

    def tell(self, key: str, trial: optuna.Trial, uid: str, state: str, values: Sequence[float]) -> None:
        """Close a trial.

        Args:
            key: of its study.
            trial: as asked for, or adopted.
            uid: under which `pass_over` finds its values.
            state: see `Proposer.tell`.
            values: the objectives at the selected epoch.
        """
        from optuna.trial import TrialState

        study = self._studies[key]
        if state == "finished" and usable(values):
            self._values[uid] = list(values)
            frozen = study.tell(trial, list(values))
            self._scored[key] += 1
        elif self._counts_as_worst(key, state):
            frozen = study.tell(trial, state=TrialState.PRUNED)
        else:
            frozen = study.tell(trial, state=TrialState.FAIL)
        self._spread(key, frozen)

    def pass_over(self, key: str, trial: optuna.Trial, uid: str) -> None:
        """Close a trial whose set is that of another one, with what is known of that.

        Samplers that make a model know it from the study already, and would count it twice. Those that breed or step from
        what they proposed themselves go on from it as if it had been trained.
        """
        from optuna.trial import TrialState

        study, values = self._studies[key], self._values.get(uid)
        goes_on = values is not None and remembers(self._plan.sampler)
        frozen = study.tell(trial, values) if goes_on else study.tell(trial, state=TrialState.FAIL)
        self._spread(key, frozen)

    def _counts_as_worst(self, key: str, state: str) -> bool:
        """Whether a trial without a final score is nevertheless one to learn from: Optuna knows those as pruned.

        One without any score is the worst of them. Before another has one it would be the best there is, too.
        """
        known = state == "pruned" or (state == "refused" and self._scored[key] > 0)
        return known and len(self._plan.directions) == 1

    def _spread(self, key: str, ended: FrozenTrial) -> None:
        """Tell whoever wants to know of every end, rather than going through all trials to find out."""
        if key in self.views:
            self.views[key].told(ended)
        pruner = self._studies[key].pruner
        if isinstance(pruner, Listener):
            pruner.told(ended)

    def _ask(self, key: str, *, replay: bool, redraw: int) -> optuna.Trial:
        """A new trial of a study, drawn by a sampler whose only random state is the trial's own seed."""
        plan, study, seen = self._plan, self._studies[key], self.views.get(key)
        again = (f"again {redraw}",) if redraw else ()
        own = derived_seed(plan.seed, plan.stage, key, str(self._proposed[key]), *again)
        # A replay does not use the draws of a sampler that learns nothing but what the study holds.
        name = "random" if replay and not remembers(plan.sampler) else plan.sampler
        shared = derived_seed(plan.seed, plan.stage, key)
        study.sampler = build_sampler(
            name, seed=shared, own_seed=own, trials=self._trials, seen=seen, generators=self._generators
        )
        trial = study.ask()
        if seen is not None:
            seen.asked(trial)
        return trial


def new_study(plan: SearchPlan, key: str, trials: int) -> optuna.Study:
    """A study in memory.

    Args:
        plan: how its stage is searched.
        key: the architecture, or another word where it has trials of several.
        trials: as many as its sampler will see.
    """
    import optuna
    from optuna.study import StudyDirection

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(
        # Hyperband sorts trials into brackets by the study's name and the trial's number.
        study_name=f"{plan.stage}.{key}",
        sampler=build_sampler("random", seed=0, own_seed=0, trials=trials),
        pruner=build_pruner(plan.scheduler, epochs=plan.epochs),
        directions=[StudyDirection[word.upper()] for word in plan.directions],
    )


def choose_architecture(trial: optuna.Trial, space: Space) -> str:
    """The architecture of a trial of a joint study."""
    return str(trial.suggest_categorical("architecture", list(space.architectures)))


def label(space: Space, dimension: Dimension, architecture: str, joint: bool) -> str:
    """Optuna's name of a dimension: in a joint study only dimensions that all architectures share keep their own."""
    if not joint:
        return dimension.name
    shared = all(dimension in space.for_architecture(name) for name in space.architectures)
    return dimension.name if shared else f"{architecture}.{dimension.name}"


def suggest(trial: optuna.Trial, dimension: Dimension, name: str) -> Any:
    """One value of a dimension, under that name, from an Optuna trial."""
    if dimension.kind == "categorical":
        return trial.suggest_categorical(name, list(dimension.choices))
    low, high = dimension.bounds
    if dimension.kind == "int":
        return trial.suggest_int(name, int(low), int(high), step=int(dimension.step or 1), log=dimension.log)
    return trial.suggest_float(name, low, high, step=dimension.step, log=dimension.log)


def _generators() -> Generators:
    from sweeps.search.lean_tpe import Generators

    return Generators()
