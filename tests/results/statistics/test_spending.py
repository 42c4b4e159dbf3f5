"""What the search spent: in the order in which trials ended, every epoch once, repetitions of settings apart."""

from __future__ import annotations

import math

from results.records import TrialRecord
from results.statistics.spending import Course, own_cost, search_courses
from tests.results.plots.test_plots import folded
from tests.results.race_ledger import Run, race


def course(*runs: Run, **changes: object) -> Course:
    return search_courses(folded(race(runs, **changes)))["unet"]


def test_every_kind_of_end_is_spent_and_only_finished_ones_count() -> None:
    found = course(
        Run("unet", None, seconds=5),
        Run("unet", 0.5, updates=100, seconds=10),
        Run("unet", 0.9, updates=30, seconds=3, state="pruned"),
        Run("unet", 0.4, updates=100, seconds=10),
        Run("unet", 0.7, updates=100, seconds=10),
    )
    assert [step.trials for step in found.steps] == [1, 2, 3, 4, 5]
    assert [step.updates for step in found.steps] == [0, 100, 130, 230, 330]
    assert [step.seconds for step in found.steps] == [5, 15, 18, 28, 38]
    assert [step.best for step in found.steps[1:]] == [0.5, 0.5, 0.5, 0.7] and math.isnan(found.steps[0].best)
    assert found.scores == (0.5, 0.4, 0.7) and found.best == 0.7


def test_the_best_within_a_budget_is_of_the_trials_that_had_ended_by_then() -> None:
    found = course(Run("unet", 0.5), Run("unet", 0.7))
    assert math.isnan(found.best_within("updates", 99))
    assert found.best_within("updates", 100) == found.best_within("seconds", 19.9) == 0.5
    assert found.best_within("trials", 2) == found.best_within("updates", 1e9) == 0.7


def test_a_longer_training_spends_only_what_it_adds() -> None:
    found = course(Run("unet", 0.5), Run("unet", 0.6, updates=250, seconds=22, continues=0))
    assert [(step.updates, step.seconds) for step in found.steps] == [(100, 10), (250, 22)]


def test_a_stopped_trial_spends_and_is_not_counted() -> None:
    found = course(Run("unet", 0.5), Run("unet", 0.0, state="stopped"))
    assert (found.total("trials"), found.total("seconds"), found.scores) == (1, 20, (0.5,))


def test_repetitions_of_a_setting_are_no_search() -> None:
    found = course(Run("unet", 0.5), Run("unet", 0.9, replicates=0))
    assert found.total("trials") == 1 and found.best == 0.5


def test_less_is_better_where_the_objective_says_so() -> None:
    loss = [{"metric": "val_dice", "direction": "minimize"}]
    found = course(Run("unet", 0.5), Run("unet", 0.7), Run("unet", 0.2), objective=loss)
    assert [step.best for step in found.steps] == [0.5, 0.5, 0.2]


def test_an_architecture_without_a_trial_has_an_empty_course() -> None:
    found = search_courses(folded(race([Run("unet", 0.5)], architectures=["unet", "segnet"])))["segnet"]
    assert found.steps == () and math.isnan(found.best) and found.total("seconds") == 0
    assert math.isnan(found.best_within("trials", 5))


def test_what_is_not_recorded_is_nothing() -> None:
    trial = TrialRecord("a", 0, "unet", {}, "", 0, 0, "finished", epochs=2)
    assert own_cost(trial, {}) == (2, 0, 0.0)
