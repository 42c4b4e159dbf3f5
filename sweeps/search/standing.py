"""Where a sweep stands: what is open, what is left, what the samplers know. Pure state, driven by events.

The live driver and the rebuild from a ledger go through the same methods in the same order, so a resumed sweep stands
exactly where the interrupted one stood.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import replace

from results.sweep_parts import Objective, Replication
from sweeps.search.open_trial import End, OpenTrial
from sweeps.search.plan import Best, Known, Proposal, Stage, trial_uid
from sweeps.search.proposer import Proposer
from sweeps.search.replicates import Replicates, Settled

ENDS = ("finished", "pruned", "failed")
ONCE = Replication()


class Standing:
    """The state of a search over its stages.

    Args:
        stages: one after the other.
        objectives: the first one is reported epoch by epoch and decides who is best.
        epochs: length of a new trial.
        replication: how settings are repeated on other folds and with other seeds.
        architectures: how many take part.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        objectives: Sequence[Objective],
        epochs: int,
        replication: Replication = ONCE,
        architectures: int = 1,
    ) -> None:
        self.stages, self.objectives, self.epochs = list(stages), tuple(objectives), epochs
        self.open: dict[str, OpenTrial] = {}
        self.queue: deque[str] = deque()
        self.longer: deque[str] = deque()
        self.ended: dict[str, str] = {}
        self.ends: list[End] = []
        self.best: Best | None = None
        self.replicates = Replicates(replication, objectives, architectures)
        self._waiting: dict[str, OpenTrial] = {}
        self._attempts: dict[str, int] = {}
        self._known: list[Known] = []
        self._proposals: dict[str, Proposal] = {}
        self._number = 0
        self._stage = 0
        self._left = self.stages[0].trials
        self._proposers: dict[str, Proposer] = {}
        self._proposer: Proposer | None = None

    @property
    def proposer(self) -> Proposer:
        """The proposer of the present stage; made when it is first asked for, so that a stage without trials needs none."""
        if self._proposer is None:
            self._proposer = self.stages[self._stage].open(self.best)
        return self._proposer

    @property
    def stage(self) -> Stage:
        """The present stage."""
        return self.stages[self._stage]

    def missing_points(self, index: int, size: int | None) -> int:
        """How many trials of a stage its grid has no point for; 0 for a stage that is over, or without a grid.

        Args:
            index: of the stage.
            size: points of its grid if no trial had used one up; None without a grid.
        """
        if size is None or index < self._stage:
            return 0
        if index > self._stage:
            return max(0, self.stages[index].trials - size)
        return max(0, self._left - (self.proposer.points_left or 0)) if self._left else 0

    @property
    def counts(self) -> Counter[str]:
        """Trials by end state."""
        return Counter(self.ended.values())

    @property
    def left(self) -> int:
        """Trials that are still to be suggested, over all stages, repetitions included; while the search goes on, at most."""
        own = self._left + len(self.longer) + sum(stage.trials for stage in self.stages[self._stage + 1 :])
        running = sum(not trial.proposal.replicate_of for trial in self.open.values())
        return own + self.replicates.coming(own + running, self.over)

    @property
    def over(self) -> bool:
        """Whether the search itself has ended: what is still to come are repetitions of what it found."""
        last = self._stage + 1 >= len(self.stages) and not self._left and not self.longer
        return last and all(trial.proposal.replicate_of for trial in self.open.values())

    @property
    def done(self) -> bool:
        """Whether no trial is open and none is to come."""
        return not self.open and self.left == 0

    def suggest(self, preferred: frozenset[str] = frozenset()) -> Proposal | None:
        """A new trial of the present stage, or of the next one when this one is used up and nothing of it runs; else None.

        Trials that go on from an ended one come first, then repetitions that are due.

        Args:
            preferred: architectures that go first where their turn has nearly come, see `Proposer.ask`.

        Raises:
            SweepError: a grid is used up, or a stage has no best trial to start from.
        """
        if self.longer:
            liked = (uid for uid in self.longer if self._proposals[uid].architecture in preferred)
            return self._continuing(next(liked, self.longer[0]))
        if due := self.replicates.due(self.over):
            return self.replicates.repetition(*due, self._number)
        while self._left == 0:
            if self.open or self._stage + 1 >= len(self.stages):
                return None
            self._enter(self._stage + 1)
        return self.proposer.ask(self._number, self.epochs, preferred)

    def suggested(self, proposal: Proposal) -> None:
        """A proposal of `suggest` was taken."""
        self._take(proposal)

    def restore(self, proposal: Proposal) -> None:
        """A ledger says that this trial was suggested."""
        if not proposal.continues and not proposal.replicate_of:
            while self.stages[self._stage].name != proposal.stage:
                self._enter(self._stage + 1)
            self.proposer.adopt(proposal.uid, proposal.architecture, proposal.parameters)
        self._take(proposal)

    def started(self, uid: str, attempt: int, epoch: int = 0) -> None:
        """A worker has begun the trial, after `epoch` epochs that its state holds."""
        trial = self.open[uid]
        if trial.proposal.continues:
            trial.epochs = max(trial.epochs, epoch)  # those of the trial that it continues are no news
        trial.attempt, trial.running, trial.parked, trial.again = attempt, True, False, False
        if uid in self.queue:
            self.queue.remove(uid)

    def report(self, uid: str, epoch: int, value: float) -> bool:
        """An epoch's score; True when the trial should end early. Epochs that were told before are not told again."""
        trial = self.open[uid]
        if epoch <= trial.epochs:
            return False
        trial.epochs = epoch
        trial.reports.append(value)
        trial.stop_early = uid in self._proposers and self._proposers[uid].report(uid, epoch, value)
        return trial.stop_early

    def requeue(self, uid: str) -> None:
        """Give the trial to another worker, before any new one."""
        self.open[uid].running = False
        if uid not in self.queue:
            self.queue.append(uid)

    def retry(self, uid: str) -> None:
        """Try a failed trial again."""
        proposal = self._proposals[uid]
        del self.ended[uid]
        self.replicates.reopened(proposal)
        if uid in self._proposers:
            self._proposers[uid].adopt(uid, proposal.architecture, proposal.parameters, again=True)
        self.open[uid] = OpenTrial(proposal, attempt=self._attempts[uid], again=True)
        self.queue.append(uid)

    def end(self, uid: str, state: str, values: Sequence[float] = (), updates: int = 0) -> None:
        """The trial has ended for good with this state and these objective values."""
        trial = self.open.pop(uid)
        proposal = trial.proposal
        if uid in self.queue:
            self.queue.remove(uid)
        self.ended[uid] = state
        self._attempts[uid] = trial.attempt
        if proposal.replicate_of:
            self.ends.append(End(uid, state, tuple(values), proposal.replicate_of))
        else:
            self._waiting[uid] = trial
        if settled := self.replicates.ended(proposal, state, values, updates):
            self._settle(settled)

    def extend(self, added: int, epochs: int | None, longer: Iterable[str], stage: Stage | None) -> None:
        """More trials, longer trials, or another space for what is to come.

        Args:
            added: trials on top of what is left of the last stage.
            epochs: length of trials from now on; None keeps it.
            longer: ended trials that new ones go on from, up to `epochs`.
            stage: replaces the last stage's way of proposing; its sampler learns what the old one knew.
        """
        self.epochs = epochs or self.epochs
        self.longer.extend(longer)
        last = len(self.stages) - 1
        if self._stage == last:
            self._left += added
        else:
            held = self.stages[last]
            self.stages[last] = Stage(held.name, held.trials + added, held.open)
        if stage is not None:
            self._replace(last, stage)

    def learn(self, known: Iterable[Known]) -> int:
        """Tell the first stage's sampler of trials of other sweeps; how many lie in its space."""
        here = [replace(item, stage=self.stage.name) for item in known]
        self._known += here
        return sum(self.proposer.learn(item) for item in here)

    def proposal(self, uid: str) -> Proposal:
        """The proposal of any trial of the sweep."""
        return self._proposals[uid]

    def _settle(self, found: Settled) -> None:
        """The score of a setting is known, and the search hears of it."""
        uid = found.proposal.uid
        reports = self._waiting.pop(uid).reports
        self.ends.append(End(uid, found.state, found.values))
        if uid in self._proposers:
            self._proposers[uid].tell(uid, found.state, found.values, updates=found.updates)
            self._known.append(_known(found, reports))
        if found.state == "finished" and found.values:
            self._consider(found.proposal, found.values[0])

    def _take(self, proposal: Proposal) -> None:
        if proposal.continues:
            self.longer.remove(proposal.continues)
        elif proposal.replicate_of:
            self.replicates.taken(proposal)
        else:
            self._left -= 1
            self._proposers[proposal.uid] = self.proposer
        self._number = max(self._number, proposal.number + 1)
        self._proposals[proposal.uid] = proposal
        self.open[proposal.uid] = OpenTrial(proposal)

    def _continuing(self, uid: str) -> Proposal:
        """A trial that trains an ended one further: same parameters and seed, no business of any sampler."""
        old = self._proposals[uid]
        name = trial_uid(self._number, old.stage, old.architecture, old.parameters, old.seed, old.fold)
        known = (old.stage, old.architecture, old.parameters, old.seed, old.fold)
        return Proposal(name, self._number, *known, self.epochs, uid)

    def _enter(self, index: int) -> None:
        self._stage, self._left, self._proposer = index, self.stages[index].trials, None

    def _replace(self, last: int, stage: Stage) -> None:
        """The last stage's new way of proposing learns all that the old one knew, open trials included."""
        self.stages[last] = Stage(stage.name, self.stages[last].trials, stage.open)
        if self._stage != last:
            return
        proposer = self._proposer = stage.open(self.best)
        for known in self._known:
            if known.stage == stage.name:
                proposer.learn(known)
        # One that failed may be tried again: then it is the new way of proposing that is to hear of it.
        here = {uid: proposer for uid in self._proposers if self._proposals[uid].stage == stage.name}
        self._proposers.update(here)
        for uid, trial in (*self.open.items(), *self._waiting.items()):
            if uid in self._proposers:
                proposal = trial.proposal
                proposer.adopt(uid, proposal.architecture, proposal.parameters, again=True)
                for epoch, value in enumerate(trial.reports, start=1):
                    proposer.report(uid, epoch, value)

    def _consider(self, proposal: Proposal, value: float) -> None:
        gain = self.objectives[0].gain
        if math.isnan(value) or (self.best is not None and gain(value) <= gain(self.best.value)):
            return
        self.best = Best(proposal.uid, proposal.architecture, dict(proposal.parameters), value)


def _known(found: Settled, reports: Sequence[float]) -> Known:
    proposal = found.proposal
    return Known(
        proposal.uid,
        proposal.stage,
        proposal.architecture,
        proposal.parameters,
        found.state,
        found.values,
        tuple(reports),
        found.updates,
    )
