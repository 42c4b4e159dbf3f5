"""Scores of several sweeps as one: models are `sweep: architecture`, patients are shared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from results.comparisons.entries import Entry, distinct
from results.ranking import best_by_architecture
from results.statistics import PatientScore, Scores, architecture_scores, gather_scores, opening_scores


@dataclass(frozen=True, slots=True)
class Model:
    """An architecture of a sweep, as it goes by in a comparison.

    Attributes:
        name: `sweep: architecture`; different from all others.
        entry: name of the sweep.
        architecture: as the sweep calls it.
    """

    name: str
    entry: str
    architecture: str


def validation_scores(entry: Entry) -> Scores:
    """The best setting of each architecture, on validation patients; models are architectures, best first."""
    return architecture_scores(entry.sweep)


def test_scores(entry: Entry) -> Scores | None:
    """What the first opening of the test patients gave; None where they were not opened, or nothing is scored yet.

    Later openings do not count here: only the first finds patients that nothing was decided on.
    """
    if not entry.record.openings:
        return None
    found = opening_scores(entry.sweep, entry.record.openings[0]).test
    return found if found.models else None


def best_only(entry: Entry, scores: Scores) -> Scores:
    """The scores of one model: that whose best trial ranks first on the sweep's own validation patients."""
    order = best_by_architecture(entry.sweep.trials, entry.record.objectives)
    name = next((name for name in order if name in scores.models), "")
    kept = [place for place, model in enumerate(scores.models) if model == name]
    dice = {label: values[kept] for label, values in scores.dice.items()}
    return replace(scores, models=tuple(scores.models[place] for place in kept), dice=dice)


def name_models(found: Sequence[tuple[Entry, Scores]]) -> tuple[Model, ...]:
    """Names for the models of all sweeps, in order."""
    pairs = [(entry.name, architecture) for entry, scores in found for architecture in scores.models]
    names = distinct(f"{entry}: {architecture}" for entry, architecture in pairs)
    return tuple(Model(name, *pair) for name, pair in zip(names, pairs, strict=True))


def merge_scores(found: Sequence[tuple[Entry, Scores]]) -> Scores:
    """One set of scores of all sweeps' models on the labels that all of them scored.

    Patients whom only some sweeps scored are NaN elsewhere: pairs leave them out.
    """
    models = name_models(found)
    labels = [label for label in found[0][1].labels if all(label in scores.labels for _, scores in found)]
    names = {(model.entry, model.architecture): model.name for model in models}
    records = [record for entry, scores in found for record in _records(entry.name, scores, names)]
    return gather_scores(records, labels=labels, models=[model.name for model in models])


def _records(entry: str, scores: Scores, names: Mapping[tuple[str, str], str]) -> Iterator[PatientScore]:
    nothing = np.full((len(scores.models), len(scores.seeds), len(scores.patients)), np.nan)
    liver, tumour = (scores.dice.get(label, nothing) for label in ("liver", "tumour"))
    for i, model in enumerate(scores.models):
        for j, seed in enumerate(scores.seeds):
            for k, patient in enumerate(scores.patients):
                figures = float(liver[i, j, k]), float(tumour[i, j, k])
                yield PatientScore(names[entry, model], seed, 0, patient, *figures, bool(scores.has_tumour[k]))
