"""The trials for which the test patients were opened: their scores on validation patients beside those on test patients."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from results.records import Sweep, TestScore, TrialRecord
from results.statistics.replicates import Replicates, gather_replicates
from results.statistics.scores import Scores
from results.sweep_parts import Opening


@dataclass(frozen=True, slots=True, eq=False)
class OpeningScores:
    """What one opening of the test patients gave.

    Attributes:
        opening: which.
        validation, test: of the trials that were tested, on both kinds of patients. Models are architectures, in the order
            in which they were selected; patients are averaged over all trials of an architecture, which repeat one setting.
        missing: selected trials without a score on the test patients.
    """

    opening: Opening
    validation: Scores
    test: Scores
    missing: tuple[str, ...]


def opening_scores(sweep: Sweep, opening: Opening) -> OpeningScores:
    """The scores of one opening of a sweep."""
    trials = [sweep.trial(uid) for uid in opening.trials]
    found = [(trial, score) for trial in trials if (score := score_in(trial, opening)) is not None]
    tested = {trial.uid for trial, _ in found}
    return OpeningScores(
        opening=opening,
        validation=_scores((trial for trial, _ in found), sweep.sweep.labels),
        test=_scores((replace(trial, cases=score.cases) for trial, score in found), sweep.sweep.labels),
        missing=tuple(uid for uid in opening.trials if uid not in tested),
    )


def score_in(trial: TrialRecord, opening: Opening) -> TestScore | None:
    """The trial's score in an opening; None when it has none."""
    return next((score for score in trial.tests if score.opening == opening.number), None)


def _scores(trials: Iterable[TrialRecord], labels: Sequence[str]) -> Scores:
    groups: dict[str, tuple[TrialRecord, ...]] = {}
    for trial in trials:
        groups[trial.architecture] = (*groups.get(trial.architecture, ()), trial)
    return gather_replicates({name: Replicates(group) for name, group in groups.items()}, labels)
