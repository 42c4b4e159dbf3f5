"""From the trials of a sweep to comparable scores: trials that differ in nothing but seed and fold are replicates."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from results.ranking import best_by_architecture, best_trials
from results.records import Sweep, TrialRecord
from results.statistics.scores import LABELS, PatientScore, Scores, gather_scores

_DICE = {"liver": "dice_liver", "tumour": "dice_tumour"}


@dataclass(frozen=True, slots=True)
class Replicates:
    """Finished trials of one architecture, stage, length and set of parameters: at most one for each seed and fold.

    Where several have the same seed and fold (a sampler may propose the same twice) the first is kept: trained alike,
    they would only count the same run again.
    """

    trials: tuple[TrialRecord, ...]

    @property
    def uid(self) -> str:
        """Name of the first of them."""
        return self.trials[0].uid

    @property
    def architecture(self) -> str:
        """The architecture."""
        return self.trials[0].architecture


def replicates(trials: Iterable[TrialRecord]) -> tuple[Replicates, ...]:
    """Finished trials with scores of single patients, grouped, in the order of their numbers."""
    groups: dict[str, dict[tuple[int, int], TrialRecord]] = {}
    for trial in sorted(trials, key=lambda trial: trial.number):
        if trial.state == "finished" and trial.cases:
            groups.setdefault(_setting(trial), {}).setdefault((trial.seed, trial.fold), trial)
    return tuple(Replicates(tuple(group.values())) for group in groups.values())


def _setting(trial: TrialRecord) -> str:
    """All that decides how a trial is trained, but its seed and fold, as text."""
    setting = [trial.architecture, trial.stage, trial.planned_epochs, dict(trial.parameters)]
    return json.dumps(setting, sort_keys=True, default=repr)


def architecture_scores(sweep: Sweep, selected: Mapping[str, TrialRecord | None] | None = None) -> Scores:
    """Scores of one setting of each architecture, with all its replicates; models are architectures, best first.

    Args:
        sweep: the sweep.
        selected: the trial that stands for each architecture; None for the best ones. Its replicates are added. Those
            without a trial, or whose trial has no scores of single patients, are left out.
    """
    chosen = selected
    if chosen is None:
        chosen = best_by_architecture(sweep.trials, sweep.sweep.objectives)
    groups = {trial.uid: group for group in replicates(sweep.trials) for trial in group.trials}
    found = {
        name: groups.get(trial.uid, Replicates((trial,)))
        for name, trial in chosen.items()
        if trial is not None and trial.cases
    }
    return gather_replicates(found, sweep.sweep.labels)


def setting_scores(sweep: Sweep) -> Scores:
    """Scores of every setting with a ranked trial, with its replicates; models are named by the uid of their first trial."""
    ranked = best_trials(sweep)
    return gather_replicates({group.uid: group for group in replicates(ranked)}, sweep.sweep.labels)


def gather_replicates(groups: Mapping[str, Replicates], labels: Sequence[str]) -> Scores:
    """Scores of groups of trials by the name of the model; `labels` that are not scored by patient are left out."""
    records = [score for name, group in groups.items() for trial in group.trials for score in _records(name, trial)]
    return gather_scores(records, labels=[label for label in labels if label in LABELS], models=tuple(groups))


def _records(model: str, trial: TrialRecord) -> Iterator[PatientScore]:
    liver, tumour = (patient_dice(trial, label) for label in LABELS)
    ill = {case.patient for case in trial.cases if case.has_tumour}
    for patient, dice in liver.items():
        yield PatientScore(model, trial.seed, trial.fold, patient, dice, tumour[patient], patient in ill)


def patient_dice(trial: TrialRecord, label: str) -> dict[str, float]:
    """Dice of a label by patient: mean over the patient's cases with a number; NaN when no case has one.

    Tumour counts only where there is tumour: a false finding in a tumour-free patient is a matter of specificity, and
    its Dice of 0 is part of no mean, as in the scores that rank.
    """
    found: dict[str, list[float]] = {}
    for case in trial.cases:
        value = getattr(case, _DICE[label])
        counts = value == value and (label != "tumour" or case.has_tumour)
        found.setdefault(case.patient, []).extend([value] if counts else [])
    return {patient: sum(values) / len(values) if values else float("nan") for patient, values in found.items()}
