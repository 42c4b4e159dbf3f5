"""When a new model takes the place of an old one."""

from __future__ import annotations

import numpy as np
import pytest

from results.statistics import PatientScore, compare, gather_scores
from results.statistics.promotion import Promotion, promotion


def decided(liver: float, tumour: float, *, n: int = 12, ill: int = 12, spread: float = 0.002) -> Promotion:
    """The new model scores so much more than the old one, with a little noise, on `n` patients of whom `ill` have tumour."""
    rng = np.random.default_rng(3)
    rows = []
    for index in range(n):
        base = rng.uniform(0.5, 0.8, 2)
        noise = rng.normal(0, spread, 2)
        for model, more in (("new", np.array([liver, tumour]) + noise), ("old", np.zeros(2))):
            values = base + more
            has = index < ill
            rows.append(PatientScore(model, 0, 0, f"p{index}", values[0], values[1] if has else np.nan, has))
    return promotion(compare(gather_scores(rows, models=("new", "old"))), "new", "old")


@pytest.mark.parametrize(
    ("liver", "tumour", "outcome", "words"),
    [
        (0.05, 0.05, "promote", "new is better than old for liver and tumour."),
        (0.05, 0.0, "promote", "better than old for liver, and not shown to be worse for tumour."),
        (0.05, -0.05, "keep", "worse than old for tumour, though better for liver."),
        (-0.05, -0.05, "keep", "worse than old for liver and tumour."),
        (0.0, -0.05, "keep", "worse than old for tumour."),
        (0.0, 0.0, "keep", "No test shows new to be better than old."),
    ],
)
def test_only_what_a_test_shows_counts(liver: float, tumour: float, outcome: str, words: str) -> None:
    found = decided(liver, tumour)
    assert found.outcome == outcome and words in found.why


def test_the_same_model_twice_is_not_promoted() -> None:
    assert decided(0.0, 0.0, spread=0.0).outcome == "keep"


@pytest.mark.parametrize("n", [1, 2, 5, 6])
def test_with_too_few_patients_for_any_test_nothing_is_decided(n: int) -> None:
    """Six are enough for one test, but not for two: the smallest p is 2/64, and Holm doubles it."""
    found = decided(0.3, 0.3, n=n, ill=n)
    assert found.outcome == "underpowered" and "below 7 not even the clearest difference" in found.why
    assert f"{n} for liver and {n} for tumour" in found.why


def test_a_label_without_enough_patients_is_named_and_decides_nothing() -> None:
    found = decided(0.05, 0.0, ill=3, spread=0.0)
    assert found.outcome == "promote" and "for tumour there are too few patients to tell" in found.why
    assert decided(0.0, 0.3, ill=3).outcome == "keep"


def test_a_sign_of_being_worse_is_enough_not_to_be_promoted() -> None:
    """Three patients allow no test, and six losses with one gain perhaps no proof: the old model is kept all the same."""
    few = decided(0.05, -0.3, ill=3)
    assert few.outcome == "keep" and "better than old for liver, but may be worse for tumour (−0.3" in few.why
    rows = []
    for index, tumour in enumerate((-0.05, -0.06, -0.04, -0.05, -0.07, -0.03, 0.01)):
        for model, more in (("new", (0.05 + index / 1000, tumour)), ("old", (0.0, 0.0))):
            rows.append(PatientScore(model, 0, 0, f"p{index}", 0.8 + more[0], 0.5 + more[1], True))
    comparison = compare(gather_scores(rows, models=("new", "old")))
    pair = comparison.pair("new", "old", "tumour")
    assert pair.outcome == "second better" or pair.ci_high < 0
    assert promotion(comparison, "new", "old").outcome == "keep"


def test_enough_patients_for_one_label_are_enough() -> None:
    assert decided(0.3, 0.3, n=7, ill=7).outcome == "promote"
    assert decided(0.3, np.nan, n=6, ill=0).outcome == "promote"
