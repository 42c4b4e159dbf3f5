"""The course of a search through its stages: which one is present, what it and the later ones have left, and who proposes.

A stage is used up when it has had its trials, or once every parameter set of its space was tried.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sweeps.search.plan import Best, Proposal, Stage
from sweeps.search.proposer import Proposer
from sweeps.search.tried import Tried


class Course:
    """Where a search is among its stages.

    Args:
        stages: one after the other.
        epochs: length of a new trial.

    Attributes:
        stages: as given, with what extensions made of the last one.
        epochs: length of a trial from now on.
        best: the best trial so far, from which the next stage starts; None as long as none has a score.
    """

    def __init__(self, stages: Sequence[Stage], epochs: int) -> None:
        self.stages, self.epochs = list(stages), epochs
        self.best: Best | None = None
        self._at = 0
        self._left = self.stages[0].trials
        self._proposer: Proposer | None = None
        self._tried: dict[str, Tried] = defaultdict(Tried)
        self._cut: dict[str, int] = {}

    @property
    def stage(self) -> Stage:
        """The present stage."""
        return self.stages[self._at]

    @property
    def proposer(self) -> Proposer:
        """The proposer of the present stage; made when it is first asked for, so that a stage without trials needs none."""
        if self._proposer is None:
            self._proposer = self._opened(self.stage)
        return self._proposer

    @property
    def at_last(self) -> bool:
        """Whether no stage follows the present one."""
        return self._at + 1 >= len(self.stages)

    @property
    def more(self) -> int:
        """Trials that the present stage still has, and its space parameter sets for."""
        if not self._left:
            return 0
        sets = self.proposer.sets_left(self.epochs)
        return self._left if sets is None else min(self._left, sets)

    @property
    def left(self) -> int:
        """Trials that are still to be proposed, over all stages."""
        return self.more + sum(stage.trials for stage in self.stages[self._at + 1 :])

    @property
    def used_up(self) -> bool:
        """Whether the last stage has trials left to suggest and no parameter set for any of them."""
        return self.at_last and self._left > 0 and not self.more

    @property
    def missing(self) -> dict[str, int]:
        """Stages whose spaces have fewer parameter sets than trials were asked for, and by how many, as far as is known."""
        known, present = dict(self._cut), self._left - self.more
        if present:
            known[self.stage.name] = known.get(self.stage.name, 0) + present
        return known

    def missing_points(self, index: int, size: int | None) -> int:
        """How many trials of a stage its grid has no point for; 0 for a stage that is over, or without a grid.

        Args:
            index: of the stage.
            size: points of its grid if no trial had used one up; None without a grid.
        """
        if size is None or index < self._at:
            return 0
        if index > self._at:
            return max(0, self.stages[index].trials - size)
        return max(0, self._left - (self.proposer.points_left or 0)) if self._left else 0

    def advance(self) -> None:
        """Go on to the next stage, whatever the present one has left.

        Raises:
            IndexError: there is none.
        """
        self._forgo()
        self._left, self._proposer = self.stages[self._at + 1].trials, None
        self._at += 1

    def taken(self) -> None:
        """A trial of the present stage was proposed."""
        self._left -= 1

    def note(self, proposal: Proposal, epochs: int) -> None:
        """The trial's parameter set is trained for so many epochs: no search is to do that again."""
        self._tried[proposal.stage].add(proposal.uid, proposal.architecture, proposal.parameters, epochs)

    def extend(self, added: int, epochs: int | None) -> None:
        """More trials for the last stage, of another length where one is given.

        Trials for which the present space had no parameter set are not asked for once more.
        """
        self._forgo()
        self.epochs = epochs or self.epochs
        if self.at_last:
            self._left += added
        else:
            last = self.stages[-1]
            self.stages[-1] = Stage(last.name, last.trials + added, last.open)

    def replace_last(self, stage: Stage) -> Proposer | None:
        """Another way of proposing for what is to come of the last stage; its proposer, if that stage is the present one."""
        self.stages[-1] = Stage(stage.name, self.stages[-1].trials, stage.open)
        if not self.at_last:
            return None
        self._proposer = self._opened(stage)
        return self._proposer

    def _opened(self, stage: Stage) -> Proposer:
        proposer = stage.open(self.best)
        proposer.share(self._tried[stage.name])
        return proposer

    def _forgo(self) -> None:
        """Give up the trials for which the present stage has no parameter set."""
        self._cut, self._left = self.missing, self.more
