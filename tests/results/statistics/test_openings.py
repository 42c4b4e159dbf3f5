"""From an opening to scores: the trials that were tested, on both kinds of patients."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from results import records
from results.records import CaseScore, Sweep, TrialRecord
from results.statistics import held_out, label_mean, opening_scores
from results.sweep_parts import Opening
from tests.results.statistics.simulated import scores_of
from tests.results.statistics.test_replicates import sweep_of, trial

OPENING = Opening(1, "2026-03-01", ("t0", "t1", "t2", "t3"), ("x", "y"))


def tried(found: TrialRecord, *dice: float, opening: int = 1) -> TrialRecord:
    cases = tuple(
        CaseScore(patient, patient, value, value / 2, patient == "x") for patient, value in zip("xy", dice, strict=True)
    )
    return replace(found, tests=(*found.tests, records.TestScore(opening, {}, cases)))


def sweep() -> Sweep:
    """Two replicates of a unet, a segnet, a trial that was not tested, and one that nobody selected."""
    segnet = trial(2, "segnet", dice=0.4)
    return sweep_of(
        tried(trial(0, dice=0.6), 0.5, 0.7),
        tried(trial(1, seed=8, dice=0.8), 0.7, 0.9),
        tried(tried(segnet, 0.3, 0.5), 0.0, 0.0, opening=2),
        trial(3, "pspnet"),
        trial(4, "unet", rate=0.2, dice=0.9),
    )


def test_patients_are_averaged_over_what_repeats_a_setting() -> None:
    found = opening_scores(sweep(), OPENING)
    assert found.test.models == found.validation.models == ("unet", "segnet")
    assert found.missing == ("t3",)
    assert found.test.patients == ("x", "y") and found.validation.patients == ("p", "q")
    np.testing.assert_allclose(found.test.by_patient("liver"), [[0.6, 0.8], [0.3, 0.5]])
    np.testing.assert_allclose(found.validation.by_patient("liver"), [[0.7, 0.7], [0.4, 0.4]])
    np.testing.assert_allclose(found.test.by_patient("tumour"), [[0.3, np.nan], [0.15, np.nan]])


def test_folds_of_one_seed_are_averaged_too() -> None:
    folds = sweep_of(tried(trial(0), 0.5, 0.7), tried(trial(1, fold=1), 0.7, 0.9))
    opening = replace(OPENING, trials=("t0", "t1"))
    np.testing.assert_allclose(opening_scores(folds, opening).test.by_patient("liver"), [[0.6, 0.8]])


def test_each_opening_has_its_own_scores() -> None:
    found = opening_scores(sweep(), replace(OPENING, number=2))
    assert found.test.models == ("segnet",) and found.missing == ("t0", "t1", "t3")
    assert held_out(found.validation, found.test)[0].test.mean == 0.0
    nothing = opening_scores(sweep(), replace(OPENING, number=3))
    assert nothing.test.models == () and held_out(nothing.validation, nothing.test) == ()


def test_the_mean_of_labels_is_what_a_sweep_selects_by() -> None:
    scores = scores_of("liver", a=[0.2, 0.4, 0.6], b=[0.1, 0.1, 0.1])
    scores.dice["tumour"] = np.array([[[np.nan, 0.1, 0.3]], [[np.nan, 0.0, 0.0]]])
    found = label_mean(scores, "a")
    assert (found.n, found.mean) == (3, pytest.approx(0.3))
    assert found.ci_low < found.mean < found.ci_high
    assert label_mean(scores, "a", labels=("tumour",)).n == 2
    scores.dice["tumour"][:] = np.nan
    assert label_mean(scores, "a").mean == pytest.approx(0.4), "a label that no patient has is part of no mean"
    assert label_mean(scores, "a", labels=("tumour",)).n == 0
