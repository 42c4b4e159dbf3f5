"""Ranking: direction, NaN, ties, states, and Pareto fronts against their definition."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from results.ranking import best_by_architecture, best_trial, best_trials, pareto_fronts, rank_trials
from results.ranking import settings as settings_of
from results.records import Cost, Sweep, SweepRecord, TrialRecord
from results.sweep_parts import Objective, State

UP = (Objective("val_dice"),)
DOWN = (Objective("val_dice", "minimize"),)


def trial(number: int, value: float = math.nan, *, state: State = "finished", **changes: Any) -> TrialRecord:
    fields: dict[str, Any] = {
        "uid": f"t{number}",
        "number": number,
        "architecture": "unet",
        "parameters": {},
        "stage": "",
        "seed": 0,
        "fold": 0,
        "state": state,
        "metrics": {"val_dice": value},
    }
    return TrialRecord(**(fields | changes))


def order(trials: list[TrialRecord], objectives: tuple[Objective, ...] = UP) -> list[tuple[int, int | None]]:
    return [(place.trial.number, place.rank) for place in rank_trials(trials, objectives)]


def test_the_direction_of_the_objective_decides() -> None:
    trials = [trial(0, 0.2), trial(1, 0.9), trial(2, 0.5)]
    assert order(trials) == [(1, 1), (2, 2), (0, 3)]
    assert order(trials, DOWN) == [(0, 1), (2, 2), (1, 3)]


def test_ties_go_to_the_lower_number() -> None:
    assert order([trial(2, 0.5), trial(0, 0.5), trial(1, 0.5)]) == [(0, 1), (1, 2), (2, 3)]


@pytest.mark.parametrize("objectives", [UP, DOWN])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_comes_last_without_a_rank(objectives: tuple[Objective, ...], bad: float) -> None:
    assert order([trial(0, bad), trial(1, 0.1), trial(2, 0.1)], objectives) == [(1, 1), (2, 2), (0, None)]


def test_r07_the_best_trials_are_finished_ones_in_the_order_of_the_ranking() -> None:
    ends: tuple[State, ...] = ("failed", "pruned", "stopped", "running", "queued")
    trials = [trial(i, 0.9, state=state) for i, state in enumerate(ends)]
    nothing = Sweep(SweepRecord("s", UP, ("unet",), 5), tuple(trials))
    assert best_trials(nothing) == ()
    assert best_trial(nothing) is None
    trials += [trial(5, 0.1), trial(6, 0.3), trial(7, math.nan), trial(8, 0.2)]
    sweep = Sweep(SweepRecord("s", UP, ("unet",), 9), tuple(trials))
    assert [found.number for found in best_trials(sweep, 2)] == [6, 8]
    assert [found.number for found in best_trials(sweep)] == [6, 8, 5]
    assert best_trials(sweep, 0) == ()
    best = best_trial(sweep)
    assert best is not None
    assert best.number == 6


def test_only_finished_trials_are_ranked() -> None:
    trials = [
        trial(0, 0.99, state="failed"),
        trial(1, 0.98, state="stopped"),
        trial(2, 0.5, state="pruned"),
        trial(3, 0.97, state="pruned"),
        trial(4, 0.96, state="running"),
        trial(5, math.nan),
        trial(6, 0.1),
        trial(7, state="queued"),
    ]
    assert order(trials) == [(n, 1 if n == 6 else None) for n in (6, 5, 3, 2, 4, 7, 1, 0)]
    assert order([]) == []


def test_the_best_is_never_a_failed_trial() -> None:
    record = SweepRecord("s", UP, ("unet", "segnet"), 2)
    assert best_trial(Sweep(record, (trial(0, 0.9, state="failed"), trial(1, 0.9, state="pruned")))) is None
    found = best_trial(Sweep(record, (trial(0, 0.9, state="failed"), trial(1, 0.1))))
    assert found is not None
    assert found.number == 1


def test_the_best_of_each_architecture_comes_in_the_order_of_the_score() -> None:
    trials = [trial(0, 0.4), trial(1, 0.3), trial(2, 0.8, architecture="segnet"), trial(3, architecture="plain")]
    found = best_by_architecture(trials, UP, ("other", "unet"))
    assert [(name, best and best.number) for name, best in found.items()] == [
        ("segnet", 2),
        ("unet", 0),
        ("other", None),
        ("plain", None),
    ]


def test_a_cost_can_be_an_objective() -> None:
    objectives = (Objective("val_dice"), Objective("gflops", "minimize"))
    trials = [
        trial(0, 0.9, cost=Cost(gflops=9.0)),
        trial(1, 0.8, cost=Cost(gflops=1.0)),
        trial(2, 0.7, cost=Cost(gflops=5.0)),
        trial(3, 0.95),
    ]
    places = rank_trials(trials, objectives)
    assert [(place.trial.number, place.rank, place.front) for place in places] == [
        (0, 1, 1),
        (1, 2, 1),
        (2, 3, 2),
        (3, None, None),
    ]


@settings(max_examples=100, deadline=None)
@given(rows=st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=25))
def test_fronts_follow_the_definition(rows: list[tuple[int, int, int]]) -> None:
    gains = np.array(rows, float)
    fronts = pareto_fronts(gains)

    def dominated(i: int, others: list[int]) -> bool:
        return any((gains[j] >= gains[i]).all() and (gains[j] > gains[i]).any() for j in others)

    left = list(range(len(rows)))
    expected = np.zeros(len(rows), int)
    front = 0
    while left:
        front += 1
        best = [i for i in left if not dominated(i, left)]
        expected[best] = front
        left = [i for i in left if i not in best]
    assert fronts.tolist() == expected.tolist()


def test_a_repeated_setting_is_ranked_by_its_mean_and_before_lucky_single_trials() -> None:
    trials = [
        trial(0, 0.6),
        trial(1, 0.9),
        trial(2, 0.8, replicate_of="t0", fold=1),
        trial(3, 0.1, replicate_of="t1", fold=1),
        trial(4, 0.95),
    ]
    assert order(trials) == [(0, 1), (1, 2), (4, 3), (2, None), (3, None)]
    assert [item.uid for item in best_trials(sweep_of(trials))] == ["t0", "t1", "t4"]


def test_the_setting_that_was_repeated_most_stands_for_its_architecture() -> None:
    trials = [trial(0, 0.5), trial(1, 0.4, replicate_of="t0", seed=1), trial(2, 0.9)]
    assert best_by_architecture(trials, UP)["unet"] is trials[0]


def test_repetitions_that_did_not_finish_or_lost_their_first_trial_change_nothing() -> None:
    failed = trial(1, 0.0, state="failed", replicate_of="t0", fold=1)
    orphan = trial(3, 0.99, replicate_of="t2", fold=1)
    trials = [trial(0, 0.5), failed, trial(2, state="failed"), orphan, trial(4, 0.6)]
    assert order(trials)[:2] == [(4, 1), (0, 2)]
    assert next(place.rank for place in rank_trials(trials, UP) if place.trial is orphan) is None


def test_the_mean_of_a_setting_leaves_out_what_is_no_number() -> None:
    found = settings_of([trial(0, 0.5), trial(1, math.nan, replicate_of="t0"), trial(2, 0.7, replicate_of="t0")])
    assert found["t0"].mean("val_dice") == pytest.approx(0.6)
    assert math.isnan(settings_of([trial(0), trial(1, 0.7, replicate_of="t0")])["t0"].mean("val_dice"))


def sweep_of(trials: list[TrialRecord]) -> Sweep:
    return Sweep(SweepRecord("s", UP, ("unet",), len(trials)), tuple(trials))
