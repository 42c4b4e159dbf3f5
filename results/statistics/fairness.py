"""Whether an architecture lost because it got less: every loser against the winner as that was at the loser's budget.

Trials, gradient updates and seconds are three budgets, and an architecture may have had less by one and not by another. What
the winner had reached with the loser's budget is read from the order in which its trials ended; that order is one of
many, so the expected best of as many trials (`results.statistics.expected_best`) stands beside it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from results.ranking import best_by_architecture
from results.records import Sweep, TrialRecord
from results.statistics.expected_best import expected_best
from results.statistics.spending import MEASURES, Course, Measure, search_courses
from results.sweep_parts import Objective

LESS = 0.8
"""Under this share of the winner's budget an architecture got less: trials end at different lengths, so that a few per cent
say nothing."""
STILL = 0.02
"""A rise of more than this share of the best score counts as still improving."""
FEWEST_TO_RISE = 4
"""Fewer trials, or epochs, have no last quarter to improve in."""

Reading = Literal["as much", "explains it", "explains part", "does not explain it"]
Outcome = Literal["less", "mixed", "part", "despite", "cheaper", "as much", "not behind", "unscored"]


@dataclass(frozen=True, slots=True)
class Share:
    """One budget of a loser beside that of the winner.

    Attributes:
        measure: of the budget.
        spent, winner_spent: on the loser and on the winner.
        winner_then: the winner's best at the loser's budget; NaN when it had no score by then.
        gap_then: by how much the winner was better then; negative when it was worse, minus infinity without a score.
        reading: `as much`: the loser got at least `LESS` of it. Otherwise whether that explains the final gap: all of it (the
            winner was not ahead then), part (it was ahead by less than half), or not.
    """

    measure: Measure
    spent: float
    winner_spent: float
    winner_then: float
    gap_then: float
    reading: Reading

    @property
    def ratio(self) -> float:
        """`spent` / `winner_spent`."""
        return self.spent / self.winner_spent


@dataclass(frozen=True, slots=True)
class Fight:
    """One architecture against the winner.

    Attributes:
        architecture, winner: their names.
        trials: how many of the architecture's ended.
        best, winner_best: best first objectives of their searches; NaN without a score.
        gap: by how much the winner is better.
        shares: of the budgets that the ledger tells.
        drawn: the architecture's trials with a score.
        expected: what the winner would reach with so many of its trials, on average; NaN when it has not so many.
        late_trials: by how much the search rose in the last quarter of the trials; 0 unless by more than `STILL`.
        late_epochs: by how much the best trial rose in the last quarter of its epochs; likewise.
    """

    architecture: str
    winner: str
    trials: int
    best: float
    winner_best: float
    gap: float
    shares: tuple[Share, ...]
    drawn: int
    expected: float
    late_trials: float
    late_epochs: float

    @property
    def outcome(self) -> Outcome:
        """Why the architecture is behind, in one word.

        `as much`: neither trials nor updates were fewer, or neither is known. `cheaper`: likewise, but its trials took less
            time, and with that time the winner was not ahead. `less`: every known budget is smaller, and each explains the gap.
            `mixed`: one explains it, another does not, or was as large as the winner's. `part`: none explains it, one
            explains part. `despite`: smaller, and the winner was ahead with that budget too.
        """
        if math.isnan(self.best):
            return "unscored"
        if self.gap <= 0:
            return "not behind"
        readings = {share.reading for share in self.shares}
        given = {share.reading for share in self.shares if share.measure != "seconds"}
        if given <= {"as much"}:
            return "cheaper" if "explains it" in readings else "as much"
        if readings == {"explains it"}:
            return "less"
        if "explains it" in readings:
            return "mixed"
        return "part" if "explains part" in readings else "despite"

    @property
    def fair(self) -> bool:
        """Whether the comparison stands: there is a score, and neither fewer trials nor fewer updates explain any of the gap.

        Seconds do not count here: with equal trials and updates a slower network takes more of them.
        """
        if self.outcome == "unscored":
            return False
        told = (share.reading for share in self.shares if share.measure != "seconds")
        return self.gap <= 0 or not {"explains it", "explains part"}.intersection(told)


def fights(sweep: Sweep) -> tuple[Fight, ...]:
    """Every other architecture against the best one, in the order of the ranking; empty where none has a score."""
    order = best_by_architecture(sweep.trials, sweep.sweep.objectives, sweep.sweep.architectures)
    winner = next((name for name, best in order.items() if best is not None), None)
    if winner is None:
        return ()
    courses = search_courses(sweep)
    return tuple(_fight(sweep, courses[name], courses[winner]) for name in order if name != winner)


def _fight(sweep: Sweep, loser: Course, winner: Course) -> Fight:
    objective = sweep.sweep.objective
    gap = objective.gain(winner.best) - objective.gain(loser.best)
    measures = [measure for measure in MEASURES if loser.total(measure) and winner.total(measure)]
    gains = [objective.gain(score) for score in winner.scores]
    (expected,) = expected_best(gains, [len(loser.scores)])
    return Fight(
        architecture=loser.architecture,
        winner=winner.architecture,
        trials=int(loser.total("trials")),
        best=loser.best,
        winner_best=winner.best,
        gap=gap,
        shares=tuple(_share(objective, measure, loser, winner, gap) for measure in measures),
        drawn=len(loser.scores),
        expected=objective.gain(float(expected)),
        late_trials=late_trials(loser, objective),
        late_epochs=late_epochs(best_of(loser), objective),
    )


def _share(objective: Objective, measure: Measure, loser: Course, winner: Course, gap: float) -> Share:
    spent, winner_spent = loser.total(measure), winner.total(measure)
    then = winner.best_within(measure, spent)
    gap_then = -math.inf if math.isnan(then) else objective.gain(then) - objective.gain(loser.best)
    reading: Reading = "as much"
    if spent < LESS * winner_spent:
        reading = "explains it" if gap_then <= 0 else "explains part" if gap_then < gap / 2 else "does not explain it"
    return Share(measure, spent, winner_spent, then, gap_then, reading)


def best_of(course: Course) -> TrialRecord | None:
    """The trial that reached the course's best score first; None without a score."""
    return next((step.trial for step in course.steps if step.score == course.best), None)


def late_trials(course: Course, objective: Objective) -> float:
    """By how much the best score rose in the last quarter of the trials that have one.

    0 with fewer than `FEWEST_TO_RISE`, or for a rise of no more than `STILL` of the best score. In one trial out of four
    searches the best of independent trials comes that late by chance.
    """
    return _late_rise([objective.gain(score) for score in course.scores])


def late_epochs(trial: TrialRecord | None, objective: Objective) -> float:
    """By how much the best objective rose in the last quarter of a training; 0 as for `late_trials`, or without a curve."""
    if trial is None:
        return 0.0
    return _late_rise([objective.gain(value) for value in trial.epoch_values(objective.metric)])


def _late_rise(gains: list[float]) -> float:
    known = [gain if math.isfinite(gain) else -math.inf for gain in gains]
    if len(known) < FEWEST_TO_RISE:
        return 0.0
    before, best = max(known[: len(known) - len(known) // 4]), max(known)
    rise = best - before
    return rise if math.isfinite(rise) and rise > STILL * abs(best) else 0.0
