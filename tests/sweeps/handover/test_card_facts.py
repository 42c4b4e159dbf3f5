"""What a card is told of a sweep: from ledgers alone, old and new."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from liverseg.handover.card import CardFacts, model_card
from results.ranking import best_trials
from results.records import Sweep
from results.statistics import FEWEST, summarise
from results.statistics.casewise import PatientFigures
from sweeps.handover.card_facts import _score, card_facts
from sweeps.spec import Spec
from tests.liverseg.handover.card.samples import described, member
from tests.results.ledger_factory import FakeLedger, patients, realistic
from tests.results.opened_ledger import add_opening, add_scores, opened_sweep
from tests.results.plots.test_plots import folded
from tests.results.strata_ledger import Patient, ledger_of
from tests.sweeps.spec.texts import SMALL, load_text

COHORT = (
    Patient("case-00", 2.0, 1.0, 0.95, 0.2),
    Patient("case-01", 3.0, 1.0, 0.94, 0.0),
    Patient("case-02", 20.0, 2.5, 0.93, 0.6),
    Patient("case-03", 80.0, 5.0, 0.92, 0.8),
    Patient("case-04", 0.0, 5.0, 0.96, false_ml=6.0),
    Patient("case-05", 0.0, 5.0, 0.97),
)


def spec_of(tmp_path: Path, *overrides: str) -> Spec:
    return load_text(tmp_path, SMALL, *overrides).spec


def sweep_of(**changes: Any) -> Sweep:
    names = [one.name for one in COHORT]
    split = {"fingerprint": "5911", "train": names[:3], "validation": names[3:5], "test": names[5:]}
    cases = {name: f"{number:012x}" for number, name in enumerate(names)}
    sweep = folded(ledger_of({"unet": COHORT}, **({"split": split} | changes)))
    return replace(sweep, sweep=replace(sweep.sweep, cases=cases))


def facts_of(sweep: Sweep, spec: Spec, count: int = 1) -> CardFacts:
    found = card_facts(sweep, best_trials(sweep)[:count], spec)
    card = model_card(described(*(member(network.trial) for network in found.networks)), found)
    json.dumps(card, allow_nan=False)
    return found


def test_scores_are_those_of_patients_with_intervals(tmp_path: Path) -> None:
    (network,) = facts_of(sweep_of(), spec_of(tmp_path)).networks
    liver, tumour = network.validation.scores
    wanted = summarise([one.liver for one in COHORT])
    assert (liver.label, liver.patients, liver.mean) == ("liver", 6, wanted.mean)
    assert (liver.low, liver.high, liver.median) == (wanted.ci_low, wanted.ci_high, wanted.median)
    assert liver.low < liver.mean < liver.high and liver.hd95_mm == 2.0
    assert (tumour.patients, round(tumour.mean, 9), tumour.failures) == (4, 0.4, 1)
    assert tumour.hd95_mm == 4.0, "the missed one is infinite, and not the median"


@pytest.mark.parametrize(
    ("distances", "median"),
    [
        ((10.0, 40.0), 25.0),
        ((10.0, 12.0, 30.0), 12.0),
        ((10.0, 12.0, 16.0, math.inf), 14.0),
        ((10.0, 12.0, math.inf, math.inf), math.inf),
    ],
)
def test_a_median_distance_is_no_smaller_than_that_of_the_reports(distances: tuple[float, ...], median: float) -> None:
    figures = [
        PatientFigures(f"case-{number}", True, 1.0, 1.0, {"dice_liver": 0.9, "hd95_liver": value})
        for number, value in enumerate(distances)
    ]
    assert _score(figures, "liver").hd95_mm == median


def test_a_false_tumour_counts_in_no_mean_but_by_itself(tmp_path: Path) -> None:
    (network,) = facts_of(sweep_of(), spec_of(tmp_path)).networks
    free = network.validation.free
    assert free is not None and (free.patients, free.clean, free.false_ml) == (2, 1, 3.0)


def test_tumours_are_told_by_size(tmp_path: Path) -> None:
    (network,) = facts_of(sweep_of(), spec_of(tmp_path)).networks
    assert [(size.name, size.patients, round(size.mean, 3)) for size in network.validation.sizes] == [
        ("under 5 mL", 2, 0.1),
        ("5 to 50 mL", 1, 0.6),
        ("over 50 mL", 1, 0.8),
    ]


def test_parts_are_counted_by_patient_scan_and_slice(tmp_path: Path) -> None:
    data = facts_of(sweep_of(), spec_of(tmp_path)).data
    shown = [(part.name, part.patients, part.cases, part.slices, part.tumour_free) for part in data.parts]
    assert shown == [("train", 3, 3, 300, 0), ("validation", 2, 2, 200, 1), ("test", 1, 1, 100, 1)]
    assert len({part.fingerprint for part in data.parts}) == 3 and all(part.fingerprint for part in data.parts)
    assert (data.spacing_mm, data.tumour_ml) == ((1.0, 5.0), (2.0, 80.0))
    assert data.fingerprints["split"] == "5911"


def test_several_scans_of_a_patient_are_one_patient(tmp_path: Path) -> None:
    names = [one.name for one in COHORT]
    split = {"fingerprint": "5911", "train": ["case-00"], "validation": ["case-03"], "test": ["case-05"]}
    same = {"case-01": "case-00", "case-02": "case-00", "case-04": "case-03"}
    data = facts_of(sweep_of(split=split, patients=same), spec_of(tmp_path)).data
    shown = [(part.patients, part.cases, part.tumour_free) for part in data.parts]
    assert shown == [(1, 3, 0), (1, 2, 0), (1, 1, 1)] and len(names) == 6


def test_the_parts_are_those_of_the_fold(tmp_path: Path) -> None:
    folds = [
        {"train": ["case-02", "case-03", "case-04"], "validation": ["case-00", "case-01"]},
        {"train": ["case-00", "case-01"], "validation": ["case-02", "case-03", "case-04"]},
    ]
    split = {"fingerprint": "5911", **folds[0], "test": ["case-05"], "folds": folds}
    sweep = sweep_of(split=split)
    sweep = replace(sweep, trials=tuple(replace(trial, fold=1) for trial in sweep.trials))
    data = facts_of(sweep, spec_of(tmp_path)).data
    assert (data.fold, data.folds) == (1, 2)
    assert [(part.name, part.patients) for part in data.parts] == [("train", 2), ("validation", 3), ("test", 1)]
    assert [bool(part.fingerprint) for part in data.parts] == [False, False, True]


def test_the_licence_and_the_rest_come_from_the_spec(tmp_path: Path) -> None:
    spec = spec_of(
        tmp_path, "data.license=CC BY 4.0", "prepare.slices=body", "train.early_stopping=7", "train.plateau=5"
    )
    facts = facts_of(sweep_of(), spec)
    assert (facts.data.license, facts.data.training_slices, facts.data.split_seed) == ("CC BY 4.0", "body", 7)
    assert "after 7 epochs" in facts.early_stopping and "5 epochs brought less than 0.005" in facts.early_stopping
    bare = facts_of(sweep_of(), spec_of(tmp_path))
    assert (bare.data.license, bare.early_stopping, bare.fewest) == ("", "", FEWEST)


def test_the_best_of_several_is_called_optimistic_and_others_are_not_called_the_best(tmp_path: Path) -> None:
    sweep, spec = folded(realistic(12, cases=7, epochs=2)), spec_of(tmp_path)
    facts = facts_of(sweep, spec, 2)
    assert "is optimistic" in facts.selection and "Chosen anew on resampled patients" in facts.selection
    assert [network.rank for network in facts.networks] == [1, 2] and facts.ranked == len(best_trials(sweep))
    assert card_facts(sweep, best_trials(sweep)[1:2], spec).selection == ""
    assert facts_of(sweep_of(), spec).selection == "", "there was nothing to select from"


def test_test_patients_that_were_never_opened_are_locked(tmp_path: Path) -> None:
    facts = facts_of(folded(realistic(6, cases=7, epochs=2)), spec_of(tmp_path))
    assert "locked" in facts.test and not facts.openings and not facts.networks[0].tests


@pytest.mark.parametrize("times", [1, 2])
def test_openings_are_counted_and_their_scores_shown(tmp_path: Path, times: int) -> None:
    facts = facts_of(opened_sweep(times=times), spec_of(tmp_path))
    assert [test.opening for test in facts.networks[0].tests] == list(range(1, times + 1))
    assert len(facts.openings) == times and ("opened once" if times == 1 else "opened 2 times") in facts.test
    liver, tumour = facts.networks[0].tests[0].scored.scores
    assert liver.patients == tumour.patients + 1 == facts.openings[0].patients
    assert liver.mean == pytest.approx(0.6, abs=0.1) and liver.low < liver.mean < liver.high
    free = facts.networks[0].tests[0].scored.free
    assert free is not None and (free.patients, free.clean) == (1, 1)


def test_a_trial_that_was_not_opened_has_no_test_scores(tmp_path: Path) -> None:
    ledger = realistic(12, cases=7, epochs=2)
    last = best_trials(folded(ledger))[-1]
    add_opening(ledger, [last.uid])
    add_scores(ledger, [last.uid])
    facts = facts_of(folded(ledger), spec_of(tmp_path))
    assert facts.networks[0].tests == () and len(facts.openings) == 1


def test_an_older_ledger_leaves_open_what_it_does_not_tell(tmp_path: Path) -> None:
    sweep = folded(ledger_of({"unet": COHORT}, facts=False, full=False))
    facts = facts_of(sweep, spec_of(tmp_path))
    (network,) = facts.networks
    assert (facts.data.spacing_mm, facts.data.tumour_ml) == (None, None)
    assert all((part.cases, part.slices, part.tumour_free) == (None, None, None) for part in facts.data.parts)
    assert network.validation.sizes == () and math.isnan(network.validation.scores[0].hd95_mm)
    free = network.validation.free
    assert free is not None and (free.patients, free.clean) == (2, 1) and math.isnan(free.false_ml)


def test_a_network_of_livers_only_has_no_tumour_figures(tmp_path: Path) -> None:
    ledger: FakeLedger = realistic(3, cases=7, epochs=2, tumour=False, sweep={"labels": ["liver"]})
    validation = facts_of(folded(ledger), spec_of(tmp_path, "data.labels=[liver]")).networks[0].validation
    assert [score.label for score in validation.scores] == ["liver"] and validation.free is None


def test_no_patient_is_named(tmp_path: Path) -> None:
    sweep = opened_sweep()
    text = json.dumps(facts_of(sweep, spec_of(tmp_path)).as_json())
    assert not any(name in text for name in patients(30))
