"""The arithmetic of the table of rivals, on made-up runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.rivals.contenders import BenchmarkError, Run, check_same
from tests.benchmarks.rivals.table import Goal, Round, doubts, goal_line, goals_of, rows_of, table
from tests.benchmarks.rivals.workloads import CONTENDERS, OPTUNA, OURS, TUNE, WORKLOADS, Work, Workload


def a_run(wall: float, *, search: float = 1.0, cpu: float = 1.0, others: float = 0.0, trials: int = 12) -> Run:
    return Run(wall, search, cpu, others, trials, 10 * trials, 0.5)


def a_round(ours: float, tune: float, **more: float) -> Round:
    return Round(12.0, 15.0, {OURS: a_run(ours, search=ours - 5, **more), TUNE: a_run(tune, search=tune - 5, cpu=3.0)})


ROUNDS = [a_round(15, 60), a_round(20, 40), a_round(30, 150)]


def test_a_ratio_is_made_within_its_round_and_the_median_taken_afterwards() -> None:
    ours, tune = rows_of(ROUNDS, slots=2)
    assert ours.times_ours == (1.0, 1.0, 1.0)
    assert tune.times_ours == (4.0, 2.0, 5.0)  # and not 60 / 20, the ratio of the medians
    assert (ours.wall_s, tune.wall_s) == (20, 60)
    assert tune.cpu_times_ours == 3.0


def test_efficiency_is_bare_seconds_over_what_the_slots_had() -> None:
    ours, _ = rows_of(ROUNDS[:1], slots=2)
    assert ours.efficiency == pytest.approx(12 / (2 * 10))
    assert ours.own_efficiency == pytest.approx(15 / (2 * 10))
    assert ours.efficiency_whole == pytest.approx(12 / (2 * 15))


def test_the_rest_of_the_machine_is_shown_at_its_busiest() -> None:
    ours, _ = rows_of([a_round(20, 40, others=4.0), a_round(20, 40, others=1.0)], slots=2)
    assert ours.others == pytest.approx(0.2)
    assert "| 20% |" in table({"name": "12x1s", "trials": 12, "epochs": 3, "trial_s": 1.0}, [ours])


def test_without_liversweep_there_are_no_ratios() -> None:
    (row,) = rows_of([Round(12.0, 15.0, {TUNE: a_run(60)})], slots=2)
    assert row.times_ours is None
    assert row.cpu_times_ours is None
    assert "| – | – |" in table({"name": "12x1s", "trials": 12, "epochs": 3, "trial_s": 1.0}, [row])


def test_no_round_is_an_error() -> None:
    with pytest.raises(ValueError, match="no round"):
        rows_of([], slots=2)


def test_the_wall_goal_is_the_inverse_of_the_median_ratio() -> None:
    (goal,) = goals_of("12x1s", rows_of(ROUNDS, slots=2))
    assert goal.value == 0.25
    assert goal.met
    assert goal_line(goal).endswith("≤ 0.25: 0.25, met")


@pytest.mark.parametrize(("workload", "bound"), [("30x1s", 0.60), ("8x10s", 0.92)])
def test_the_long_workloads_have_a_goal_of_efficiency(workload: str, bound: float) -> None:
    (goal,) = goals_of(workload, rows_of(ROUNDS[:1], slots=2))
    assert goal.value == pytest.approx(0.6)
    assert goal.bound == bound
    assert goal.met == (bound <= 0.6)


def test_a_goal_that_was_not_measured_is_neither_met_nor_missed() -> None:
    (goal,) = goals_of("12x1s", rows_of([Round(12.0, 15.0, {OURS: a_run(20)})], slots=2))
    assert goal.met is None
    assert goal_line(goal).endswith("not measured")
    assert goals_of("mixed", rows_of(ROUNDS, slots=2)) == []


def test_a_missed_goal_says_so() -> None:
    assert goal_line(Goal("efficiency", 0.5, 0.6)).endswith("0.50, NOT met")
    assert goal_line(Goal("wall", 0.3, 0.25, most=True)).endswith("0.30, NOT met")


def test_few_rounds_and_a_busy_machine_are_doubts() -> None:
    quiet, busy = rows_of(ROUNDS, slots=2), rows_of([a_round(20, 40, others=4.0)], slots=2)
    assert doubts(quiet, 3) == []
    assert len(doubts(quiet, 1)) == 1
    assert "20% of a core" in doubts(busy, 3)[0]


def test_a_shortened_workload_has_no_goal() -> None:
    short = WORKLOADS[0].shortened(2)
    assert short.trials == 2
    assert goals_of(short.name, rows_of(ROUNDS, slots=2)) == []
    assert WORKLOADS[-1].shortened(3).trials == 5


def test_other_work_is_refused() -> None:
    work = Work.of(WORKLOADS[0], 3)
    same = a_run(20)
    check_same({OURS: same, TUNE: a_run(60)}, work)
    with pytest.raises(BenchmarkError, match="ray-tune: 11 trials, 110 updates"):
        check_same({OURS: same, TUNE: a_run(60, trials=11)}, work)
    with pytest.raises(BenchmarkError, match="not the same work"):
        check_same({OPTUNA: a_run(60, trials=11)}, work)


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.name)
def test_the_grid_of_a_workload_has_its_trials_and_survives_the_way_to_a_contender(
    workload: Workload, tmp_path: Path
) -> None:
    work = Work.of(workload, 3)
    assert work.trials == workload.trials
    assert len(set(work.learning_rates)) == len(work.learning_rates)
    assert set(workload.contenders) <= set(CONTENDERS)
    work.write(tmp_path / "work.json")
    assert Work.read(tmp_path / "work.json") == work


def test_epochs_come_nearest_to_the_wanted_seconds() -> None:
    one, mixed = WORKLOADS[0], WORKLOADS[-1]
    assert one.epochs_for({"unet": 0.3}) == 3
    assert one.epochs_for({"unet": 7.0}) == 1
    assert mixed.epochs_for({name: 0.1 * (k + 1) for k, name in enumerate(mixed.networks)}) == 3
