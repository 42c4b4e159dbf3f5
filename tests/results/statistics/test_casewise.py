"""Figures of patients: scans are averaged before trials, and what one scan lacks the others tell."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from results.records import CaseScore, TrialRecord
from results.statistics.casewise import architecture_figures, patient_figures
from results.sweep_parts import CaseFacts
from tests.results.ledger_factory import FakeLedger, suggested_payload, sweep_payload, uid_of
from tests.results.plots.test_plots import folded
from tests.results.strata_ledger import Patient, finished, ledger_of

NAN = math.nan


def trial(*cases: CaseScore, scores: bytes = b"", seed: int = 0) -> TrialRecord:
    return TrialRecord(f"t{seed}", seed, "unet", {}, "", seed, 0, "finished", cases=cases, scores_json=scores)


def test_scans_of_a_patient_are_one_patient() -> None:
    facts = {"a": CaseFacts(10, (1, 1, 1.0), 1500, 4.0), "b": CaseFacts(10, (1, 1, 5.0), 1500, 8.0)}
    cases = [
        CaseScore("a", "p", 0.8, 0.2, True),
        CaseScore("b", "p", 0.6, 0.6, True),
        CaseScore("c", "p", 0.7, NAN, False),
    ]
    (one,) = patient_figures([trial(*cases)], facts)
    assert (one.patient, one.has_tumour) == ("p", True)
    assert one.score("dice_liver") == pytest.approx(0.7) and one.score("dice_tumour") == pytest.approx(0.4)
    assert one.tumour_ml == 6.0 and one.thickness_mm == 3.0
    assert math.isnan(one.score("clean")), "a patient with tumour says nothing of specificity"


def test_trials_are_averaged_after_scans() -> None:
    first = trial(CaseScore("a", "p", 0.8, NAN, False), CaseScore("b", "p", 0.6, NAN, False))
    second = trial(CaseScore("a", "p", 0.1, 0.0, False), seed=1)
    (one,) = patient_figures([first, second], {})
    assert one.score("dice_liver") == pytest.approx((0.7 + 0.1) / 2)
    assert one.score("clean") == 0.5, "clean with one seed, not with the other"
    assert math.isnan(one.thickness_mm) and one.tumour_ml == 0


def test_folds_bring_patients_together() -> None:
    found = patient_figures(
        [trial(CaseScore("b", "q", 0.5, NAN, False)), trial(CaseScore("a", "p", 0.4, NAN, False))], {}
    )
    assert [one.patient for one in found] == ["p", "q"]


def test_one_empty_side_makes_the_distance_infinite_and_lesions_add_up() -> None:
    columns = (
        b'{"columns":["hd95_tumour","lesions_reference","lesions_matched"],"rows":[["inf",2,0],[3.0,3,2],[null,0,0]]}'
    )
    cases = [CaseScore(name, "p", 0.8, 0.5, name != "c") for name in "abc"]
    (one,) = patient_figures([trial(*cases, scores=columns)], {})
    assert one.score("hd95_tumour") == math.inf
    assert (one.score("lesions_reference"), one.score("lesions_matched")) == (5, 2)


def test_false_findings_in_millilitres_and_without_full_scores() -> None:
    patients = [Patient("a", 0, 1.0, false_ml=2.5), Patient("b", 0, 1.0)]
    dirty, clean = architecture_figures(folded(ledger_of({"unet": patients})))["unet"]
    assert (dirty.score("clean"), dirty.score("false_ml"), dirty.score("false_lesions")) == (0, 2.5, 3)
    assert (clean.score("clean"), clean.score("false_ml"), clean.score("false_lesions")) == (1, 0, 0)
    dirty, clean = architecture_figures(folded(ledger_of({"unet": patients}, full=False)))["unet"]
    assert (dirty.score("clean"), clean.score("clean")) == (0, 1)
    assert math.isnan(dirty.score("false_ml")) and math.isnan(dirty.score("false_lesions"))


def test_the_size_is_that_of_the_scored_reference_or_of_the_facts() -> None:
    patients = [Patient("a", 7.0, 1.0)]
    for facts, full, expected in ((True, True, 7.0), (True, False, 7.0), (False, True, 7.0), (False, False, NAN)):
        (one,) = architecture_figures(folded(ledger_of({"unet": patients}, facts=facts, full=full)))["unet"]
        assert one.tumour_ml == pytest.approx(expected, nan_ok=True)


def test_repetitions_of_the_selected_setting_are_averaged() -> None:
    rng, ledger = np.random.default_rng(0), FakeLedger()
    ledger.add("sweep", **sweep_payload(2, architectures=["unet"]))
    for number, liver in enumerate((0.8, 0.6)):
        links: dict[str, Any] = {"replicate_of": uid_of(0), "seed": 8} if number else {}
        ledger.add("suggested", **suggested_payload(number, "unet", rng, parameters={}, **links))
        ledger.add("finished", **finished(uid_of(number), [Patient("a", 7.0, 1.0, liver=liver)]))
    (one,) = architecture_figures(folded(ledger))["unet"]
    assert one.score("dice_liver") == pytest.approx(0.7)
