"""The benchmark's searches over curves that are made up: what is counted, and what is asked for."""

from __future__ import annotations

import numpy as np
import pytest

from tests.benchmarks.quality.choices import BASE_FILTERS, EPOCHS, Choice, choices
from tests.benchmarks.quality.curves import Curve, Table, share_of
from tests.benchmarks.quality.methods import GRID, JOINT, METHODS, STUDY, spec_of
from tests.benchmarks.quality.readings import BUDGET, read, spent_until
from tests.benchmarks.quality.searches import Trace, search
from tests.benchmarks.quality.twists import twisted

RISING = 1 - np.exp(-np.arange(1, EPOCHS + 1) / 4)


def made_up(seed: int = 0, fail: Choice | None = None) -> Table:
    heights = np.random.default_rng(seed).random(len(choices()))
    curves = {}
    for choice, height in zip(choices(), heights, strict=True):
        dice = tuple(float(value) for value in height * RISING)[: 3 if choice == fail else EPOCHS]
        curves[choice] = Curve(choice, dice, dice, dice, (0.1,) * len(dice), 1.0)
    return curves


def test_every_configuration_is_trained_by_one_of_the_workers() -> None:
    shares = [share_of(worker, 3) for worker in range(3)]
    assert sorted(choice for share in shares for choice in share) == sorted(choices())
    assert len({choice.graph for choice in shares[0]} & {choice.graph for choice in shares[1]}) == 0


def test_the_study_trains_fourteen_times_and_keeps_the_best() -> None:
    table = made_up()
    trace = search(spec_of(STUDY, 0), table, BUDGET)
    assert (trace.trials, trace.finished, trace.repeated) == (14, 14, 3)
    first = [Choice(name, 8, 64, 1e-4) for name in BASE_FILTERS]
    assert trace.best[5 * EPOCHS - 1] == max(max(table[choice].val_dice) for choice in first)
    assert trace.gflop[-1] == BUDGET


@pytest.mark.parametrize("method", METHODS)
def test_no_method_spends_more_than_the_budget(method: str) -> None:
    known = METHODS[method]
    with twisted(known.get("twists", ())):
        trace = search(spec_of(method, 1), made_up(), BUDGET)
    assert len(trace.best) == BUDGET and np.all(np.diff(trace.best) >= 0)
    assert trace.gflop[-1] <= BUDGET
    assert (trace.repeated == 0) or method != GRID


def test_pruned_trials_count_with_the_epochs_that_they_had() -> None:
    trace = search(spec_of(JOINT, 3), made_up(), BUDGET)
    assert trace.finished < trace.trials
    assert trace.trials > BUDGET / EPOCHS


def test_a_joint_search_trains_no_configuration_twice() -> None:
    trace = search(spec_of(JOINT, 3), made_up(), BUDGET)
    assert trace.repeated == 0


def test_a_training_that_fails_counts_the_epoch_in_which_it_did() -> None:
    failing = Choice("unet", 8, 64, 1e-4)
    trace = search(spec_of(STUDY, 0), made_up(fail=failing), BUDGET)
    assert trace.finished == trace.trials - 1
    assert trace.gflop[-1] == BUDGET - EPOCHS + 4


def test_a_reference_reaches_its_own_final_dice() -> None:
    traces: dict[str, dict[int, list[Trace]]] = {
        method: {repeat: [search(spec_of(method, 0), made_up(repeat), BUDGET)] for repeat in (1, 2)}
        for method in (STUDY, GRID)
    }
    rows = read(traces)
    assert rows[STUDY]["reached"] == 1.0 and rows[STUDY]["gain"]["mean"] == 0.0
    assert 0 < rows[STUDY]["ratio_epochs"]["mean"] <= 1
    assert spent_until(traces[GRID][1][0], 2.0, "epochs") == float("inf")
