"""Where a sweep stands: what is open, what has ended, what comes next. Pure state, driven by events.

How far it has come along its stages is its `Course`; what its samplers were told is their `Knowledge`.

The live driver and the rebuild from a ledger go through the same methods in the same order, so a resumed sweep stands
exactly where the interrupted one stood.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterable, Sequence

from results.sweep_parts import Objective, Replication
from sweeps.search.course import Course
from sweeps.search.knowledge import Knowledge
from sweeps.search.open_trial import End, OpenTrial
from sweeps.search.plan import Best, Known, Proposal, Stage, trial_uid
from sweeps.search.proposer import Proposer
from sweeps.search.replicates import Replicates, Settled

ENDS = ("finished", "pruned", "failed")
MISFIT = "memory"
"""Kind of failure of a trial that was refused, as it cannot fit into its memory."""
HOPELESS = frozenset({MISFIT, "oom", "nan", "invalid"})
"""Kinds of failure that come of the parameters: samplers learn to leave such sets. A crash, a deadline or bad data may not."""
ONCE = Replication()


class Standing:
    """The state of a search over its stages.

    Args:
        stages: one after the other.
        objectives: the first one is reported epoch by epoch and decides who is best.
        epochs: length of a new trial.
        replication: how settings are repeated on other folds and with other seeds.
        architectures: how many take part.

    Attributes:
        course: how far it has come along its stages.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        objectives: Sequence[Objective],
        epochs: int,
        replication: Replication = ONCE,
        architectures: int = 1,
    ) -> None:
        self.course, self.objectives = Course(stages, epochs), tuple(objectives)
        self.open: dict[str, OpenTrial] = {}
        self.queue: deque[str] = deque()
        self.longer: deque[str] = deque()
        self.ended: dict[str, str] = {}
        self.ends: list[End] = []
        self.replicates = Replicates(replication, objectives, architectures)
        self._waiting: dict[str, OpenTrial] = {}
        self._attempts: dict[str, int] = {}
        self._knowledge = Knowledge()
        self._proposals: dict[str, Proposal] = {}
        self._number = 0

    @property
    def proposer(self) -> Proposer:
        """The proposer of the present stage."""
        return self.course.proposer

    @property
    def stage(self) -> Stage:
        """The present stage."""
        return self.course.stage

    @property
    def best(self) -> Best | None:
        """The best trial so far, the first of equals; None as long as none has a score."""
        return self.course.best

    @property
    def counts(self) -> Counter[str]:
        """Trials by end state."""
        return Counter(self.ended.values())

    @property
    def left(self) -> int:
        """Trials that are still to be suggested, over all stages, repetitions included; while the search goes on, at most."""
        own = self.course.left + len(self.longer)
        running = sum(not trial.proposal.replicate_of for trial in self.open.values())
        return own + self.replicates.coming(own + running, self.over)

    @property
    def over(self) -> bool:
        """Whether the search itself has ended: what is still to come are repetitions of what it found."""
        last = self.course.at_last and not self.course.more and not self.longer
        return last and all(trial.proposal.replicate_of for trial in self.open.values())

    @property
    def done(self) -> bool:
        """Whether no trial is open and none is to come."""
        return not self.open and self.left == 0

    def suggest(self, preferred: frozenset[str] = frozenset()) -> Proposal | None:
        """A new trial of the present stage, or of the next one when this one is used up and nothing of it runs; else None.

        Trials that go on from an ended one come first, then repetitions that are due.

        A stage is used up, too, once every parameter set of its space was tried.

        Args:
            preferred: architectures that go first where their turn has nearly come, see `Proposer.ask`.

        Raises:
            SweepError: a stage has no best trial to start from.
        """
        if self.longer:
            liked = (uid for uid in self.longer if self._proposals[uid].architecture in preferred)
            return self._continuing(next(liked, self.longer[0]))
        if due := self.replicates.due(self.over):
            return self.replicates.repetition(*due, self._number)
        while not self.course.more:
            if self.open or self.course.at_last:
                return None
            self.course.advance()
        return self.proposer.ask(self._number, self.course.epochs, preferred)

    def suggested(self, proposal: Proposal) -> None:
        """A proposal of `suggest` was taken."""
        self._take(proposal)

    def restore(self, proposal: Proposal) -> None:
        """A ledger says that this trial was suggested."""
        if not proposal.continues and not proposal.replicate_of:
            while self.stage.name != proposal.stage:
                self.course.advance()
            named = [(uid, self._proposals[uid]) for uid in proposal.drawn]
            drawn = [(uid, known.architecture, known.parameters) for uid, known in named]
            self.proposer.adopt(proposal.uid, proposal.architecture, proposal.parameters, drawn=drawn)
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
        trial.stop_early = self._knowledge.report(uid, epoch, value)
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
        self._knowledge.again(uid)
        self.open[uid] = OpenTrial(proposal, attempt=self._attempts[uid], again=True)
        self.queue.append(uid)

    def refused(self, uid: str) -> None:
        """The trial, whose failure follows, cannot work with its parameters: samplers learn that, see `Proposer.tell`."""
        self._knowledge.refused(uid)

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

        Trials for which the space had no parameter set are not asked for once more.

        Args:
            added: trials on top of what is left of the last stage.
            epochs: length of trials from now on; None keeps it.
            longer: ended trials that new ones go on from, up to `epochs`.
            stage: replaces the last stage's way of proposing; its sampler learns what the old one knew.
        """
        self.course.extend(added, epochs)
        for uid in longer:
            self.longer.append(uid)
            self.course.note(self._proposals[uid], self.course.epochs)
        if stage is not None and (proposer := self.course.replace_last(stage)):
            self._knowledge.hand_over(stage.name, proposer, (*self.open.values(), *self._waiting.values()))

    def learn(self, known: Iterable[Known]) -> int:
        """Tell the first stage's sampler of trials of other sweeps; how many lie in its space."""
        return sum(self.proposer.learn(item) for item in self._knowledge.inherit(known, self.stage.name))

    def proposal(self, uid: str) -> Proposal:
        """The proposal of any trial of the sweep."""
        return self._proposals[uid]

    def _settle(self, found: Settled) -> None:
        """The score of a setting is known, and the search hears of it."""
        uid = found.proposal.uid
        reports = self._waiting.pop(uid).reports
        self.ends.append(End(uid, found.state, found.values))
        self._knowledge.settled(found, reports)
        if found.state == "finished" and found.values:
            self._consider(found.proposal, found.values[0])

    def _take(self, proposal: Proposal) -> None:
        if proposal.continues:
            self.longer.remove(proposal.continues)
        elif proposal.replicate_of:
            self.replicates.taken(proposal)
        else:
            self.course.taken()
            self._knowledge.taken(proposal, self.proposer)
        if not proposal.replicate_of:
            self.course.note(proposal, proposal.epochs)
        self._number = max(self._number, proposal.number + 1)
        self._proposals[proposal.uid] = proposal
        self.open[proposal.uid] = OpenTrial(proposal)

    def _continuing(self, uid: str) -> Proposal:
        """A trial that trains an ended one further: same parameters and seed, no business of any sampler."""
        old = self._proposals[uid]
        name = trial_uid(self._number, old.stage, old.architecture, old.parameters, old.seed, old.fold)
        known = (old.stage, old.architecture, old.parameters, old.seed, old.fold)
        return Proposal(name, self._number, *known, self.course.epochs, uid)

    def _consider(self, proposal: Proposal, value: float) -> None:
        gain = self.objectives[0].gain
        if math.isnan(value) or (self.best is not None and gain(value) <= gain(self.best.value)):
            return
        self.course.best = Best(proposal.uid, proposal.architecture, dict(proposal.parameters), value)
