"""What the samplers of a search know: which trials are theirs, and all that they were told, so that it can be told again.

A trial that goes on from an ended one, or repeats one, belongs to no sampler.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sweeps.search.open_trial import OpenTrial
from sweeps.search.plan import Known, Proposal
from sweeps.search.proposer import Proposer
from sweeps.search.replicates import Settled


class Knowledge:
    """Passes on to each trial's proposer how the trial goes and ends, and remembers it for whoever takes its place."""

    def __init__(self) -> None:
        self._own: dict[str, tuple[Proposal, Proposer]] = {}
        self._known: list[Known] = []
        self._refused: set[str] = set()

    def taken(self, proposal: Proposal, proposer: Proposer) -> None:
        """A trial that this proposer proposed, and is to hear of."""
        self._own[proposal.uid] = proposal, proposer

    def report(self, uid: str, epoch: int, value: float) -> bool:
        """Pass an epoch's score on, see `Proposer.report`; False for a trial that is no sampler's."""
        return uid in self._own and self._own[uid][1].report(uid, epoch, value)

    def refused(self, uid: str) -> None:
        """The trial, whose failure follows, cannot work with its parameters: samplers learn that, see `Proposer.tell`."""
        self._refused.add(uid)

    def again(self, uid: str) -> None:
        """A trial that has failed is tried once more."""
        self._refused.discard(uid)
        if uid in self._own:
            proposal, proposer = self._own[uid]
            proposer.adopt(uid, proposal.architecture, proposal.parameters, again=True)

    def settled(self, found: Settled, reports: Sequence[float]) -> None:
        """Pass on what came of a setting.

        Args:
            found: the setting, its state and its score.
            reports: first objective after each epoch of the search's own trial.
        """
        uid = found.proposal.uid
        if uid not in self._own:
            return
        state = "refused" if uid in self._refused else found.state
        self._own[uid][1].tell(uid, state, found.values, updates=found.updates)
        self._known.append(_known(found, state, reports))

    def inherit(self, known: Iterable[Known], stage: str) -> list[Known]:
        """Remember trials of other sweeps as those of a stage, and return them as such."""
        here = [replace(item, stage=stage) for item in known]
        self._known += here
        return here

    def hand_over(self, stage: str, proposer: Proposer, running: Iterable[OpenTrial]) -> None:
        """Teach a stage's new way of proposing all that the old one knew, and tell it of that stage's trials from now on.

        Args:
            stage: name of the stage, which is the present one.
            proposer: the new one.
            running: trials whose score is not known yet.
        """
        for known in self._known:
            if known.stage == stage:
                proposer.learn(known)
        # One that failed may be tried again: then it is the new way of proposing that is to hear of it.
        for uid, (proposal, _) in self._own.items():
            if proposal.stage == stage:
                self._own[uid] = proposal, proposer
        for trial in running:
            proposal = trial.proposal
            if proposal.uid in self._own:
                proposer.adopt(proposal.uid, proposal.architecture, proposal.parameters, again=True)
                for epoch, value in enumerate(trial.reports, start=1):
                    proposer.report(proposal.uid, epoch, value)


def _known(found: Settled, state: str, reports: Sequence[float]) -> Known:
    proposal = found.proposal
    return Known(
        proposal.uid,
        proposal.stage,
        proposal.architecture,
        proposal.parameters,
        state,
        found.values,
        tuple(reports),
        found.updates,
    )
