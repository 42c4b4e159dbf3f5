"""Importances against Optuna's own PED-ANOVA, and against what must be so."""

from __future__ import annotations

import numpy as np
import optuna
import pytest
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

from results.parameters import Axis, make_axis
from results.statistics.importance import FEWEST_BEST, best_of, best_share, importances

CHOICES = ("adam", "sgd", "adamw")


def sampled(trials: int, seed: int) -> tuple[list[dict[str, object]], np.ndarray]:
    """Trials in which the learning rate matters most, the optimizer a little, momentum not at all."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, object]] = [
        {
            "learning_rate": float(10 ** rng.uniform(-5, -1)),
            "momentum": float(rng.uniform(0, 1)),
            "optimizer": str(rng.choice(CHOICES)),
        }
        for _ in range(trials)
    ]
    gains = [
        -abs(np.log10(float(str(row["learning_rate"]))) + 3) + 0.3 * (row["optimizer"] == "adam") + rng.normal(0, 0.1)
        for row in rows
    ]
    return rows, np.array(gains)


AXES = (
    Axis("learning_rate", low=1e-5, high=1e-1, log=True),
    Axis("momentum", low=0.0, high=1.0),
    Axis("optimizer", choices=CHOICES),
)


def positions(rows: list[dict[str, object]]) -> np.ndarray:
    return np.array([[axis.position(row[axis.name]) for axis in AXES] for row in rows])


@pytest.mark.parametrize(("trials", "share", "seed"), [(12, 0.5, 0), (60, 0.1, 1), (60, 0.25, 2), (300, 0.1, 3)])
def test_they_are_those_of_optuna(trials: int, share: float, seed: int) -> None:
    rows, gains = sampled(trials, seed)
    distributions = {
        "learning_rate": optuna.distributions.FloatDistribution(1e-5, 1e-1, log=True),
        "momentum": optuna.distributions.FloatDistribution(0, 1),
        "optimizer": optuna.distributions.CategoricalDistribution(CHOICES),
    }
    study = optuna.create_study(direction="maximize")
    for row, gain in zip(rows, gains, strict=True):
        study.add_trial(optuna.trial.create_trial(params=row, distributions=distributions, value=gain))
    theirs = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator(target_quantile=share))
    ours = importances(AXES, positions(rows), gains, share=share)
    assert [item.parameter for item in ours] == list(theirs)
    assert [item.share for item in ours] == pytest.approx(list(theirs.values()), rel=1e-6)
    assert sum(item.share for item in ours) == pytest.approx(1)


def test_what_matters_is_told_from_chance_and_what_does_not_is_not() -> None:
    rows, gains = sampled(100, 4)
    found = {item.parameter: item for item in importances(AXES, positions(rows), gains)}
    assert found["learning_rate"].shown
    assert not found["momentum"].shown


def test_without_any_effect_about_one_in_twenty_is_taken_for_one() -> None:
    shown = []
    for seed in range(100):
        rows, _ = sampled(30, seed)
        gains = np.random.default_rng(seed + 1000).normal(size=30)
        shown += [item.shown for item in importances(AXES, positions(rows), gains)]
    assert 3 <= sum(shown) <= 30  # 15 of 300 expected


def test_the_same_trials_give_the_same_and_their_order_does_not_matter_for_the_shares() -> None:
    rows, gains = sampled(40, 5)
    order = np.random.default_rng(0).permutation(40)
    first, again = (importances(AXES, positions(rows), gains) for _ in range(2))
    turned = importances(AXES, positions(rows)[order], gains[order])
    assert first == again
    assert [item.divergence for item in turned] == pytest.approx([item.divergence for item in first])


def test_when_all_score_alike_there_is_nothing_to_tell() -> None:
    rows, _ = sampled(20, 6)
    found = importances(AXES, positions(rows), np.ones(20))
    assert all(item.divergence == pytest.approx(0) and not item.shown for item in found)


def test_no_trials_no_importances() -> None:
    assert importances(AXES, np.empty((0, 3)), np.empty(0)) == ()
    assert importances((), np.empty((5, 0)), np.ones(5)) == ()


def test_ties_with_the_last_of_the_best_are_among_the_best() -> None:
    assert best_of(np.array([0.1, 0.5, 0.5, 0.5, 0.2]), 0.2).tolist() == [False, True, True, True, False]


def test_the_best_are_a_tenth_but_at_least_five_and_at_most_half() -> None:
    assert [best_share(trials) for trials in (4, 10, 20, 50, 1000)] == [0.5, 0.5, 0.25, 0.1, 0.1]
    assert best_share(25) * 25 == FEWEST_BEST


def test_few_numbers_and_texts_are_choices_in_order() -> None:
    assert make_axis("batch_size", [32, 8, 16, 8]).choices == (8, 16, 32)
    assert make_axis("loss", ["dice", "ce", 3]).choices == (3, "ce", "dice")
    assert make_axis("flag", [True, False]).words == ("no", "yes")
    assert make_axis("odd", [[1, 2], {"a": 1}, [1, 2]]).position([1, 2]) == 0.0


def test_few_values_of_what_the_space_calls_a_range_are_a_range() -> None:
    assert make_axis("lr", [0.001, 0.003], {"lr": "0.001 … 0.005, log"}).log
    assert make_axis("unet.n", [3, 4], {"unet.n": "2 … 5"}).choices == ()
    assert make_axis("n", [3, 4], {"n": "3 | 4"}).choices == (3, 4)
    assert make_axis("n", [3, 3], {"n": "2 … 5"}).choices == (3,)  # one value spans nothing


def test_a_range_is_logarithmic_where_the_space_says_so_or_it_spans_much() -> None:
    narrow, wide = [1 + i / 10 for i in range(20)], [10.0**-i for i in range(10)]
    assert not make_axis("x", narrow).log
    assert make_axis("x", narrow, {"unet.x": "1 … 3, log"}).log
    assert make_axis("x", wide).log
    assert not make_axis("x", wide, {"x": "1e-09 … 1"}).log
    assert not make_axis("x", [-1.0, *wide]).log
    assert make_axis("x", wide).ends == pytest.approx((np.log(1e-9), 0.0))
