"""Plans keep their promise: as many patients or seeds as they name find the difference about as often as they say."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from results.statistics import (
    MOST_SEEDS,
    POWER,
    SeedSpread,
    needed_patients,
    needed_seeds,
    seed_noise,
    signed_rank,
    signed_rank_power,
)
from results.statistics.planning import Plan, fewest_patients, plan

Draw = Callable[[np.random.Generator, int], np.ndarray]
NO_SPREAD = SeedSpread(float("nan"), 0)

DIFFERENCES: dict[str, Draw] = {
    "normal": lambda rng, n: rng.normal(0.5, 1, n),
    "normal, large": lambda rng, n: rng.normal(1, 1, n),
    "heavy tails": lambda rng, n: rng.standard_t(3, n) + 0.5,
    "skewed": lambda rng, n: rng.gamma(1, 1, n) - 0.6,
    "many zeros": lambda rng, n: np.where(rng.random(n) < 0.3, 0, rng.normal(0.6, 1, n)),
    "some outliers": lambda rng, n: np.where(rng.random(n) < 0.05, -3, rng.normal(0.4, 0.6, n)),
}


def power_of(draw: Draw, n: int, alpha: float, simulations: int = 1000) -> float:
    rng = np.random.default_rng(1)
    return float(np.mean([signed_rank(draw(rng, n)).p <= alpha for _ in range(simulations)]))


@pytest.mark.parametrize("name", DIFFERENCES)
@pytest.mark.parametrize("tests", [1, 12])
def test_the_planned_patients_reach_about_the_promised_power(name: str, tests: int) -> None:
    """The truth is known from 4000 patients; 1000 simulations have a binomial standard error of 0.013."""
    draw, alpha = DIFFERENCES[name], 0.05 / tests
    numbers = np.arange(2.0, 400.0)
    found = signed_rank_power(draw(np.random.default_rng(7), 4000), numbers, alpha) >= POWER
    assert found.any()
    assert POWER - 0.05 <= power_of(draw, int(numbers[found.argmax()]), alpha) <= POWER + 0.1


def test_power_increases_with_patients_and_with_the_difference() -> None:
    base = np.random.default_rng(2).normal(0, 1, 60)
    numbers = np.arange(10.0, 300.0)
    powers = [signed_rank_power(base + shift, numbers, 0.05) for shift in (0.2, 0.5, 1.0)]
    assert all((np.diff(power) >= -1e-9).all() for power in powers)
    assert (powers[0] < powers[1]).all()
    assert (powers[1] <= powers[2]).all()
    assert needed_patients(base + 0.2, 0.05) > needed_patients(base + 0.5, 0.05)  # type: ignore[operator]
    assert needed_patients(base + 0.2, 0.05) < needed_patients(base + 0.2, 0.001)  # type: ignore[operator]


def test_a_difference_of_nothing_is_worth_no_plan() -> None:
    symmetric = np.array([-3.0, -2, -1, 1, 2, 3])
    assert needed_patients(symmetric, 0.05) is None
    assert needed_patients(np.zeros(9), 0.05) is None


def test_a_plan_asks_for_more_patients_than_there_are_and_than_any_p_value_needs() -> None:
    clean = np.arange(1.0, 7.0)
    assert needed_patients(clean, 0.05) == 7
    assert (fewest_patients(0.05), fewest_patients(0.05 / 20)) == (6, 10)
    assert needed_patients(clean, 0.05 / 20) in range(10, 14)
    assert signed_rank_power(clean, np.array([9.0]), 0.05 / 20) == 0


def replicated(rng: np.random.Generator, seeds: int, patients: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Two models, the first better by 0.02 in every patient, whose seeds scatter in each patient by `noise`."""
    base = rng.normal(0.7, 0.1, patients)
    own = rng.normal(0.02, 0.015, patients)
    return (
        base + own + rng.normal(0, noise, (seeds, patients)),
        base + rng.normal(0, noise, (seeds, patients)),
    )


def test_the_planned_seeds_reach_about_the_promised_power() -> None:
    """Seeds that are needed in the truth, from many patients, tried out on 20."""
    first, second = replicated(np.random.default_rng(3), 2, 4000, 0.06)
    noise = [(seed_noise(values), 2) for values in (first, second)]
    assert noise[0][0] == pytest.approx(0.06**2, rel=0.1)
    differences = first.mean(axis=0) - second.mean(axis=0)
    picked = np.quantile(differences, (np.arange(20) + 0.5) / 20)
    more = needed_seeds(picked, noise, 0.01)
    assert more is not None
    rng = np.random.default_rng(4)
    pairs = [replicated(rng, 2 + more, 20, 0.06) for _ in range(500)]
    power = np.mean([signed_rank(a.mean(axis=0) - b.mean(axis=0)).p <= 0.01 for a, b in pairs])
    assert POWER - 0.08 <= power <= POWER + 0.12


def test_seeds_help_where_they_are_the_noise_and_not_where_patients_differ() -> None:
    rng = np.random.default_rng(5)
    noisy = replicated(rng, 3, 20, 0.08)
    found = plan(*noisy, 0.05, SeedSpread(1e-9, 4))
    assert found is not None
    assert found.seeds_known
    assert found.seeds is not None
    between = np.tile(rng.normal(0.02, 0.08, 20), (3, 1)) + rng.normal(0, 1e-4, (3, 20))
    fixed = plan(between, np.zeros((3, 20)) + rng.normal(0, 1e-4, (3, 20)), 0.01, SeedSpread(1e-9, 4))
    assert fixed is not None
    assert fixed.seeds_known
    assert fixed.seeds is None
    assert fixed.patients is not None


def test_one_seed_tells_nothing_of_seeds() -> None:
    rng = np.random.default_rng(6)
    found = plan(rng.normal(0.72, 0.1, (1, 12)), rng.normal(0.7, 0.1, (3, 12)), 0.05, NO_SPREAD)
    assert isinstance(found, Plan)
    assert (found.seeds, found.seeds_known, found.with_seeds) == (None, False, 0)


def test_patients_alone_do_not_settle_a_difference_within_the_spread_of_seeds() -> None:
    first, second = replicated(np.random.default_rng(7), 2, 12, 0.03)
    values = (first - first.mean() + 0.72, second - second.mean() + 0.7)
    small, large = SeedSpread(0.001**2, 10), SeedSpread(0.012**2, 10)
    assert plan(*values, 0.01, small).with_seeds == 0  # type: ignore[union-attr]
    assert plan(*values, 0.01, large).with_seeds > 0  # type: ignore[union-attr]
    assert plan(*values, 0.01, SeedSpread(1.0, 10)) == Plan(None, seeds_known=True)


def test_fewer_than_two_pairs_have_no_plan() -> None:
    assert plan(np.array([[0.5, np.nan]]), np.array([[0.4, 0.3]]), 0.05, NO_SPREAD) is None


def test_the_seeds_that_settle_a_difference_do_settle_it() -> None:
    spread = SeedSpread(0.02**2, 4)
    more = spread.settling(0.03, (3, 3), 0.01, power=POWER, most=MOST_SEEDS)
    assert more is not None
    assert SeedSpread(0.02**2, 4 + 2 * more).margin(3 + more, 3 + more, 0.01) < 0.03
    assert spread.settling(0.03, (3, 3), 0.01, power=POWER, most=more - 1) is None
    assert spread.settling(1.0, (3, 3), 0.01, power=POWER, most=MOST_SEEDS) == 0
