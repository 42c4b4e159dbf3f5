"""More of a sweep: more trials, longer trainings, another space, failed trials once more, or a new sweep that knows the old.

Each is a change to what is to be done, in ledger events; going on is `sweeps.resume`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from results.ranking import best_trials
from results.records import FAILURE_KINDS, TrialRecord
from sweeps.errors import UsageError
from sweeps.resume import Events, Resumption
from sweeps.search.states import newest_state
from sweeps.spec import stages_of
from sweeps.stages import extended_spec


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
        if not self.trials and self.epochs is None and self.space is None:
            raise UsageError(
                "nothing to extend by",
                where="liversweep extend",
                allowed="--trials N, --epochs N, or both",
                next_step="for example --trials 20",
            )
        facts: dict[str, Any] = {"trials": found.sweep.sweep.trials + self.trials, "added": self.trials}
        if self.epochs is not None:
            longer, left_out = self._longer(found, self.epochs)
            facts |= {"trials": facts["trials"] + len(longer), "epochs": self.epochs, "longer": longer}
            facts |= {"note": left_out} if left_out else {}
        if self.space is not None:
            self._check_space(found)
            facts["space"] = dict(self.space)
        return [("extended", facts)]

    def _longer(self, found: Resumption, epochs: int) -> tuple[list[str], str]:
        """The best trials that can be trained on to `epochs`, and which of the best cannot, in words.

        A trial that another one continues already, to whatever length, is represented by that one.
        """
        continued = {trial.continues for trial in found.sweep.trials if trial.state != "failed"}
        ranked = [trial for trial in best_trials(found.sweep) if trial.uid not in continued][: self.best]
        why = {trial.uid: _obstacle(found, trial) for trial in ranked if trial.epochs < epochs}
        chosen = [uid for uid, obstacle in why.items() if not obstacle]
        left_out = [f"{uid} {obstacle}" for uid, obstacle in why.items() if obstacle]
        present = found.spec.train.epochs
        if epochs < present or (epochs == present and not chosen):
            raise UsageError(
                "not longer than the trials are already", where="--epochs", got=epochs, allowed=f"more than {present}"
            )
        if not chosen and not self.trials:
            raise UsageError(
                "none of the best trials can be trained on",
                where=found.sweep.sweep.name,
                got="; ".join(left_out) or "none",
                next_step="add trials that train longer: --trials N together with --epochs",
            )
        return chosen, f"not trained on: {'; '.join(left_out)}" if left_out else ""

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


def _obstacle(found: Resumption, trial: TrialRecord) -> str:
    """Why a finished trial cannot be trained on; empty when it can."""
    limit = found.spec.train.updates
    if trial.stop_reason != "epochs" or (limit is not None and trial.updates >= limit):
        reason = "updates" if trial.stop_reason == "epochs" else trial.stop_reason
        return f"had come to its end by {reason.replace('_', ' ')}"
    found.folder.fetch_states(trial.uid)
    return "left no whole state on disk (keep.best)" if newest_state(found.folder.path, trial.uid) is None else ""
