"""What a model card says of the sweep that the model comes from, taken from its ledger and its spec."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from results.fingerprints import test_fingerprint, train_fingerprint, validation_fingerprint
from results.metrics import metric
from results.ranking import rank_trials
from results.records import Sweep, SweepRecord, TrialRecord
from results.sweep_parts import CaseFacts
from sweeps.spec import Spec

if TYPE_CHECKING:
    from liverseg.handover.card import (
        CardFacts,
        DataFacts,
        FreeFacts,
        NetworkFacts,
        PartFacts,
        PatientScores,
        ScoreFacts,
        SizeFacts,
        TestFacts,
    )
    from results.statistics.casewise import PatientFigures


def card_facts(sweep: Sweep, trials: Sequence[TrialRecord], spec: Spec) -> CardFacts:
    """The facts of a model's card.

    Args:
        sweep: what the ledger says.
        trials: whose networks are in the model, all of one fold, the best first.
        spec: of the sweep, as it is now.

    What an older ledger does not tell (facts of single cases, full scores) is left open, never guessed.
    """
    from liverseg.handover.card import CardFacts, OpeningFacts
    from results.statistics import FEWEST

    record = sweep.sweep
    places = {item.trial.uid: item.rank for item in rank_trials(sweep.trials, record.objectives)}
    return CardFacts(
        sweep=record.name,
        started=record.started[:16].replace("T", " "),
        objective=" and ".join(metric(objective.metric).title for objective in record.objectives),
        ranked=sum(rank is not None for rank in places.values()),
        architectures=record.architectures,
        data=_data(record, trials[0].fold, spec),
        networks=tuple(_network(trial, places.get(trial.uid), sweep) for trial in trials),
        openings=tuple(
            OpeningFacts(opening.number, opening.time[:10], len(opening.trials), len(opening.patients), opening.note)
            for opening in record.openings
        ),
        selection=_selection(sweep, trials[0], places),
        test=_test(sweep),
        early_stopping=_early_stopping(spec),
        fewest=FEWEST,
        versions=record.versions,
    )


def _selection(sweep: Sweep, first: TrialRecord, places: Mapping[str, int | None]) -> str:
    """What the best score owes to having been the best; empty where there was nothing to select from."""
    from results.reports.summary import searched, selection_sentence, sweep_optimism

    if places.get(first.uid) != 1 or searched(sweep) < 2:
        return ""
    return selection_sentence(sweep, sweep_optimism(sweep))


def _test(sweep: Sweep) -> str:
    from results.reports.openings import locked_sentence, opened_sentence

    return opened_sentence(sweep) if sweep.sweep.openings else locked_sentence(sweep)


def _early_stopping(spec: Spec) -> str:
    train = spec.train
    rules = []
    if train.early_stopping:
        rules.append(f"after {train.early_stopping} epochs without a better validation score")
    if train.plateau is not None:
        rules.append(f"when {train.plateau.epochs} epochs brought less than {train.plateau.gain:g} on validation")
    return " or ".join(rules)


def _data(record: SweepRecord, fold: int, spec: Spec) -> DataFacts:
    from liverseg.handover.card import DataFacts

    known = record.case_facts.values()
    tumours = [facts.tumour_ml for facts in known if facts.tumour_ml > 0]
    return DataFacts(
        license=spec.data.license or "",
        cases=record.data.cases,
        slices=record.data.slices,
        tumour_free=record.data.tumour_free,
        left_out=len(record.data.skipped),
        reviewed=len(record.data.reviewed),
        parts=_parts(record, fold),
        fold=fold,
        folds=max(len(record.split.folds), 1),
        split_seed=spec.data.split.seed,
        training_slices=spec.prepare.slices,
        spacing_mm=_span(facts.spacing_mm[2] for facts in known),
        tumour_ml=_span(tumours),
        fingerprints={"data": record.hashes.get("data", ""), "split": record.split.fingerprint},
    )


def _span(values: Iterable[float]) -> tuple[float, float] | None:
    """Smallest and largest; None unless all are known."""
    found = list(values)
    return (min(found), max(found)) if found and all(map(math.isfinite, found)) else None


def _parts(record: SweepRecord, fold: int) -> tuple[PartFacts, ...]:
    """The parts of one fold; a part without a patient is left out."""
    split = record.split
    train, validation = split.train, split.validation
    single = not split.folds
    if not single and fold < len(split.folds):
        train, validation = split.folds[fold].train, split.folds[fold].validation
    parts = (
        # With several folds the record's fingerprints are not those of one fold's parts.
        _part(record, "train", train, train_fingerprint(record) if single else ""),
        _part(record, "validation", validation, validation_fingerprint(record) if single else ""),
        _part(record, "test", split.test, test_fingerprint(record)),
    )
    return tuple(part for part in parts if part.patients)


def _part(record: SweepRecord, name: str, patients: Sequence[str], fingerprint: str) -> PartFacts:
    from liverseg.handover.card import PartFacts

    inside = set(patients)
    by_patient: dict[str, list[CaseFacts]] = {}
    for case in record.cases:
        patient = record.patients.get(case, case)
        if patient in inside:
            by_patient.setdefault(patient, []).append(record.case_facts.get(case, CaseFacts()))
    facts = [one for several in by_patient.values() for one in several]
    complete = len(by_patient) == len(inside)
    slices = sum(one.slices for one in facts) if complete and all(one.slices for one in facts) else None
    known = complete and not any(math.isnan(one.tumour_ml) for one in facts)
    free = sum(all(one.tumour_ml == 0 for one in several) for several in by_patient.values()) if known else None
    return PartFacts(name, len(inside), len(facts) if complete else None, slices, free, fingerprint)


def _network(trial: TrialRecord, rank: int | None, sweep: Sweep) -> NetworkFacts:
    from liverseg.handover.card import NetworkFacts, TestFacts, TrainingFacts

    tests: list[TestFacts] = [
        TestFacts(score.opening, _scored(replace(trial, cases=score.cases, scores_json=score.scores_json), sweep))
        for score in trial.tests
    ]
    return NetworkFacts(
        trial=trial.uid,
        rank=rank,
        state=trial.state,
        training=TrainingFacts(
            planned=trial.planned_epochs,
            epochs=trial.epochs,
            updates=trial.updates,
            seconds=trial.seconds,
            ended=trial.stop_reason,
            weights=trial.cost.parameters,
            ms_per_slice=trial.cost.inference_ms_per_slice,
        ),
        validation=_scored(trial, sweep),
        tests=tuple(tests),
    )


def _scored(trial: TrialRecord, sweep: Sweep) -> PatientScores:
    """Scores of one trial on the patients of its cases; the patient is the unit, not the scan."""
    from liverseg.handover.card import PatientScores
    from results.statistics.casewise import patient_figures

    figures = patient_figures((trial,), sweep.sweep.case_facts)
    scores = tuple(score for label in sweep.sweep.labels if (score := _score(figures, label)).patients)
    if "tumour" not in sweep.sweep.labels:
        return PatientScores(scores)
    return PatientScores(scores, _free(figures), _sizes(figures))


def _score(figures: Sequence[PatientFigures], label: str) -> ScoreFacts:
    import numpy as np

    from liverseg.handover.card import ScoreFacts
    from results.statistics import summarise

    found = summarise([one.score(f"dice_{label}") for one in figures])
    distances = [value for one in figures if not math.isnan(value := one.score(f"hd95_{label}"))]
    # Infinite distances count: half of them and more make the median infinite, and none may make it smaller.
    hd95 = float(np.median(distances)) if distances else math.nan
    return ScoreFacts(label, found.n, found.mean, found.ci_low, found.ci_high, found.median, found.failures, hd95)


def _free(figures: Sequence[PatientFigures]) -> FreeFacts | None:
    from liverseg.handover.card import FreeFacts

    free = [one for one in figures if not one.has_tumour]
    if not free:
        return None
    volumes = [one.score("false_ml") for one in free]
    mean = math.nan if any(map(math.isnan, volumes)) else math.fsum(volumes) / len(volumes)
    return FreeFacts(len(free), sum(one.score("clean") == 1 for one in free), mean)


def _sizes(figures: tuple[PatientFigures, ...]) -> tuple[SizeFacts, ...]:
    """Tumour Dice by size; nothing unless the size of every patient's tumours is known."""
    from liverseg.handover.card import SizeFacts
    from results.statistics import summarise
    from results.statistics.strata import scored_in, size_strata

    strata = size_strata({"": figures})
    if strata.unknown:
        return ()
    found = [(stratum.name, summarise(scored_in(figures, stratum, "dice_tumour"))) for stratum in strata.filled]
    return tuple(SizeFacts(name, one.n, one.mean, one.ci_low, one.ci_high) for name, one in found if one.n)
