"""More of a sweep: more trials, longer trainings, another space, failed trials once more, or a new sweep that knows the old.

Each is a change to what is to be done, in ledger events; going on is `sweeps.resume`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from results.ranking import best_trials
from results.records import FAILURE_KINDS, TrialRecord
from sweeps.errors import UsageError
from sweeps.resume import Resumption
from sweeps.search.states import newest_state
from sweeps.spec import stages_of
from sweeps.stages import extended_spec

Events = Sequence[tuple[str, Mapping[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """What is asked for.

    Attributes:
        trials: so many more.
        epochs: length of trainings from now on; the `best` best trials so far are trained on to it.
        best: how many those are.
        space: `space` and `architectures` for what is to come, as the spec's YAML writes them.
        file: where the space comes from, for messages.
    """

    trials: int = 0
    epochs: int | None = None
    best: int = 3
    space: Mapping[str, Any] | None = None
    file: str = ""

    def __call__(self, found: Resumption) -> Events:
        """The `extended` event.

        Raises:
            UsageError: nothing is asked for, or it is not possible here.
            SpecError: the space is none.
        """
        if not self.trials and self.epochs is None:
            raise UsageError(
                "nothing to extend by",
                where="liversweep extend",
                allowed="--trials N, --epochs N, or both",
                next_step="for example --trials 20",
            )
        longer = self._longer(found) if self.epochs is not None else []
        if self.space is not None:
            self._check_space(found)
        elif self.trials:
            _check_grid(found, self.trials)
        facts: dict[str, Any] = {"trials": found.sweep.sweep.trials + self.trials + len(longer), "added": self.trials}
        if self.epochs is not None:
            facts |= {"epochs": self.epochs, "longer": longer}
        if self.space is not None:
            facts["space"] = dict(self.space)
        return [("extended", facts)]

    def _longer(self, found: Resumption) -> list[str]:
        """The best trials that have their end state on disk and trained for less than is asked for."""
        assert self.epochs is not None
        if self.epochs <= found.spec.train.epochs:
            raise UsageError(
                "not longer than the trials are already",
                where="--epochs",
                got=self.epochs,
                allowed=f"more than {found.spec.train.epochs}",
            )
        chosen = [trial for trial in best_trials(found.sweep, self.best) if self._can_go_on(found, trial)]
        if not chosen and not self.trials:
            raise UsageError(
                "none of the best trials left a state from which it could go on",
                where=found.sweep.sweep.name,
                next_step="add trials that train longer: --trials N together with --epochs",
            )
        return [trial.uid for trial in chosen]

    def _can_go_on(self, found: Resumption, trial: TrialRecord) -> bool:
        """Whether the trial has a state, and nothing went on from it to this length before."""
        state = newest_state(found.folder.path, trial.uid)
        taken = {other.continues for other in found.sweep.trials if other.planned_epochs == self.epochs}
        return state is not None and trial.uid not in taken and state.position.epochs < (self.epochs or 0)

    def _check_space(self, found: Resumption) -> None:
        assert self.space is not None
        if not self.trials:
            raise UsageError("another space is for new trials", where="--space", next_step="say how many: --trials N")
        if stages_of(found.spec)[-1].name != found.standing.stage.name:
            raise UsageError(
                "the sweep has not come to its last stage, whose space this would change",
                where=f"stage {found.standing.stage.name}",
                next_step="let it finish first: liversweep resume",
            )
        extended_spec(found.spec, self.space, self.file)


@dataclass(frozen=True, slots=True)
class Retry:
    """Failed trials once more, with the same parameters and seed.

    Attributes:
        kinds: which kinds of failure; empty for all.
    """

    kinds: tuple[str, ...] = ()

    def __call__(self, found: Resumption) -> Events:
        """One `queued` event a trial.

        Raises:
            UsageError: no such kind, or no trial failed so.
        """
        unknown = [kind for kind in self.kinds if kind not in FAILURE_KINDS]
        if unknown:
            raise UsageError(
                "unknown kind of failure", where="--kind", got=", ".join(unknown), allowed=", ".join(FAILURE_KINDS)
            )
        failed = [trial for trial in found.sweep.trials if trial.state == "failed"]
        chosen = [trial for trial in failed if not self.kinds or trial.failure in self.kinds]
        if not chosen:
            kinds = ", ".join(sorted({trial.failure for trial in failed})) or "no trial failed"
            raise UsageError(
                "no trial to try again", where=found.sweep.sweep.name, got=", ".join(self.kinds) or None, allowed=kinds
            )
        return [("queued", {"uid": trial.uid, "reason": "retry"}) for trial in chosen]


def _check_grid(found: Resumption, trials: int) -> None:
    left = found.standing.points_left
    if left is not None and left < trials + found.standing.left:
        raise UsageError(
            "the grid has not that many points left",
            where="--trials",
            got=trials,
            allowed=f"at most {max(0, left - found.standing.left)}",
            next_step="give a larger space: --space FILE",
        )
