"""Arrays of scores: every record at its place, in whatever order they come."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.statistics import PatientScore, compare, gather_scores
from tests.results.statistics.simulated import records_of, simulate


def score(model: str, patient: str, liver: float, *, seed: int = 0, fold: int = 0, ill: bool = True) -> PatientScore:
    return PatientScore(model, seed, fold, patient, liver, liver / 2, ill)


def test_records_and_arrays_are_the_same_thing() -> None:
    scores = simulate(np.random.default_rng(1), models=3, patients=9, seeds=2)
    found = gather_scores(records_of(scores))
    assert (found.models, found.seeds, found.patients) == (scores.models, scores.seeds, scores.patients)
    assert (found.has_tumour == scores.has_tumour).all()
    for label in scores.labels:
        assert found.dice[label] == pytest.approx(scores.dice[label], nan_ok=True)


def test_folds_of_a_cross_validation_fill_one_row_of_patients() -> None:
    rows = [score("a", f"p{i}", i / 10, fold=i % 3) for i in range(6)]
    assert gather_scores(rows).dice["liver"][0, 0] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5])


def test_a_patient_that_several_folds_score_counts_once_with_their_mean() -> None:
    rows = [score("a", "p", value, fold=fold) for fold, value in enumerate((0.2, 0.4, math.nan))]
    assert gather_scores(rows).dice["liver"] == pytest.approx(np.array([[[0.3]]]))


def test_a_model_without_a_seed_or_a_patient_is_nan_there() -> None:
    found = gather_scores([score("a", "p", 0.5, seed=1), score("b", "q", 0.7, seed=2)])
    assert np.isnan(found.dice["liver"]).sum() == 6
    assert found.by_patient("liver") == pytest.approx(np.array([[0.5, math.nan], [math.nan, 0.7]]), nan_ok=True)
    assert found.of("liver", "b").shape == (1, 2)


def test_a_false_tumour_in_a_tumour_free_patient_is_in_no_score() -> None:
    found = gather_scores([score("a", "p", 0.5, ill=False), score("a", "q", 0.5)])
    assert found.dice["tumour"][0, 0] == pytest.approx([math.nan, 0.25], nan_ok=True)


def test_the_named_order_of_models_is_kept() -> None:
    rows = [score("a", "p", 0.1), score("b", "p", 0.2), score("c", "p", 0.3)]
    assert gather_scores(rows, models=("c", "a")).models == ("c", "a", "b")


def test_an_infinite_dice_is_refused() -> None:
    with pytest.raises(ValueError, match="infinite"):
        gather_scores([score("a", "p", math.inf)])


def test_nothing_gives_empty_arrays_and_an_empty_comparison() -> None:
    found = compare(gather_scores([]))
    assert (found.scores.models, found.pairs, found.summaries) == ((), (), {})
    assert found.ranking is not None
    assert found.ranking.leader == ""


@given(st.randoms(use_true_random=False))
def test_the_order_of_records_changes_nothing(random: np.random.Generator) -> None:
    scores = simulate(np.random.default_rng(2), models=3, patients=7, seeds=2)
    rows = records_of(scores)
    expected = compare(gather_scores(rows), count=50)
    random.shuffle(rows)
    found = compare(gather_scores(rows, models=scores.models), count=50)
    assert repr(found.pairs) == repr(expected.pairs)
    assert repr(found.summaries) == repr(expected.summaries)


def test_the_order_of_models_only_turns_the_pairs() -> None:
    scores = simulate(np.random.default_rng(3), models=3, patients=10, effects=(0, 0.02, 0.05))
    order = [2, 0, 1]
    turned = replace(
        scores,
        models=tuple(scores.models[i] for i in order),
        dice={label: values[order] for label, values in scores.dice.items()},
    )
    first, second = compare(scores, count=200), compare(turned, count=200)
    for pair in first.pairs:
        other = second.pair(pair.first, pair.second, pair.label)
        assert other.p_holm == pair.p_holm
        assert (other.mean, other.rank_biserial) == pytest.approx((pair.mean, pair.rank_biserial))
        assert (other.ci_low, other.ci_high) == pytest.approx((pair.ci_low, pair.ci_high), abs=1e-3)
    for one, two in zip(first.rankings, second.rankings, strict=True):
        assert two.chances == pytest.approx(one.chances[order])
        assert two.tau == pytest.approx(one.tau)


def test_a_common_shift_of_each_patient_changes_no_difference() -> None:
    """Shifts that add up without rounding, so that ties stay ties."""
    rng = np.random.default_rng(4)
    scores = simulate(rng, models=3, patients=12, seeds=2)
    dice = {label: np.round(values * 1024) / 1024 for label, values in scores.dice.items()}
    shift = rng.integers(-64, 64, 12) / 128
    moved = replace(scores, dice={label: values + shift for label, values in dice.items()})
    first, second = compare(replace(scores, dice=dice), count=200), compare(moved, count=200)
    for one, two in zip(first.pairs, second.pairs, strict=True):
        assert (one.p_holm, one.zeros, one.plan) == (two.p_holm, two.zeros, two.plan)
        assert (one.mean, one.ci_low, one.ci_high) == pytest.approx((two.mean, two.ci_low, two.ci_high), abs=1e-9)
