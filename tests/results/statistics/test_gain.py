from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.statistics import ensemble_gain, mean_interval, signed_rank

NAN = math.nan
STEPS = np.array([0.010, 0.014, 0.021, 0.012, 0.017, 0.025, 0.011, 0.019])
LIVER = np.linspace(0.90, 0.97, 8)
TUMOUR = np.linspace(0.3, 0.8, 8)


def both(liver, tumour):
    return {"liver": list(liver), "tumour": list(tumour)}


def test_a_gain_in_every_patient_is_shown():
    found = ensemble_gain(both(LIVER, TUMOUR), both(LIVER + STEPS, TUMOUR + 2 * STEPS))
    assert found.verdict == "ensemble"
    assert found.mean == pytest.approx(1.5 * STEPS.mean())
    assert (found.ci_low, found.ci_high) == pytest.approx(mean_interval(1.5 * STEPS))
    assert found.p == signed_rank(STEPS).p
    assert (found.patients, found.fewest) == (8, 8)
    assert found.labels["tumour"].mean == pytest.approx(2 * STEPS.mean())
    assert found.sentence.startswith(
        "On 8 patients the mean Dice of the ensemble minus that of the single model is +0.024"
    )
    assert found.sentence.endswith("p = 0.008): the ensemble is taken.")


def test_equal_scores_go_to_the_single_model():
    found = ensemble_gain(both(LIVER, TUMOUR), both(LIVER, TUMOUR))
    assert (found.mean, found.ci_low, found.ci_high, found.p, found.verdict) == (0.0, 0.0, 0.0, 1.0, "single")
    assert "no gain is shown" in found.sentence


def test_an_interval_over_zero_goes_to_the_single_model():
    turned = STEPS * [1, -1, 1, -1, 1, 1, -1, 1]
    found = ensemble_gain(both(LIVER, TUMOUR), both(LIVER + turned, TUMOUR))
    assert found.mean > 0 > found.ci_low
    assert found.verdict == "single"


def test_few_patients_go_to_the_single_model_however_large_the_gain():
    found = ensemble_gain(both(LIVER[:5], TUMOUR[:5]), both(LIVER[:5] + STEPS[:5], TUMOUR[:5] + STEPS[:5]))
    assert found.ci_low > 0
    assert math.isnan(found.p)
    assert found.verdict == "single"
    assert "that is fewer than 6 (underpowered)" in found.sentence


def test_few_patients_with_tumour_are_too_few():
    few = np.where(np.arange(8) < 3, TUMOUR, NAN)
    found = ensemble_gain(both(LIVER, few), both(LIVER + STEPS, few + STEPS))
    assert (found.patients, found.fewest, found.verdict) == (8, 3, "single")
    assert "3 patients on one label is fewer than 6" in found.sentence


def test_worse_on_one_label_goes_to_the_single_model():
    found = ensemble_gain(both(LIVER, TUMOUR), both(LIVER - STEPS, TUMOUR + 9 * STEPS))
    assert found.ci_low > 0
    assert (found.worse, found.verdict) == (("liver",), "single")
    assert "worse for liver" in found.sentence


def test_one_outlier_is_not_confirmed_by_the_test():
    steps = np.array([0.4, 0.3, 0.35, 0.2, 0.0, 0.0, 0.0, 0.0])
    found = ensemble_gain({"liver": LIVER - 0.5}, {"liver": LIVER - 0.5 + steps})
    assert found.ci_low > 0
    assert found.p > 0.05
    assert "the test does not confirm it" in found.sentence


def test_a_worse_ensemble_is_called_so():
    found = ensemble_gain({"liver": LIVER}, {"liver": LIVER - STEPS})
    assert (found.verdict, found.ci_high < 0) == ("single", True)
    assert "the ensemble is worse" in found.sentence


def test_labels_that_nobody_has_are_left_out():
    nobody = [NAN] * 8
    found = ensemble_gain(both(LIVER, nobody), both(LIVER + STEPS, nobody))
    assert set(found.labels) == {"liver"}
    assert (found.mean, found.verdict) == (pytest.approx(STEPS.mean()), "ensemble")


def test_no_patient_at_all():
    for scores in (both([], []), both([NAN], [NAN]), {}):
        found = ensemble_gain(scores, scores)
        assert (found.patients, found.verdict) == (0, "single")
        assert found.sentence.startswith("No patient")
        json.dumps(found.as_json(), allow_nan=False)


def test_other_labels_or_patients_are_refused():
    for other in ({"liver": LIVER}, both(LIVER[:7], TUMOUR), both(LIVER[:7], TUMOUR[:7])):
        with pytest.raises(ValueError, match="not scored on the same labels and patients"):
            ensemble_gain(both(LIVER, TUMOUR), other)


dices = st.one_of(st.just(NAN), st.floats(0, 1))


@given(st.lists(st.tuples(dices, dices, dices, dices), max_size=12))
def test_exchanging_the_two_turns_the_sign_and_never_favours_both(rows):
    columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
    first, second = both(columns[0], columns[1]), both(columns[2], columns[3])
    found, turned = ensemble_gain(first, second), ensemble_gain(second, first)
    assert found.mean == pytest.approx(-turned.mean, nan_ok=True)
    assert found.ci_low == pytest.approx(-turned.ci_high, nan_ok=True, abs=1e-9)
    assert not found.verdict == turned.verdict == "ensemble"
    if found.verdict == "ensemble":
        assert found.ci_low > 0
        assert found.fewest >= 6
    json.dumps(found.as_json(), allow_nan=False)
