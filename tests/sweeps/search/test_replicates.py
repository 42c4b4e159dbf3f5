"""Settings on other folds and with other seeds: what is repeated, when, and what the search hears of it."""

from __future__ import annotations

import math

import pytest

from results.sweep_parts import Objective, Replication
from sweeps.search.plan import Proposal
from sweeps.search.standing import Standing
from tests.sweeps.search.test_standing import ASHA, MAXIMIZE, begin, finish, known_to, stage


def search_of(of: str = "best", *, trials: int = 4, folds: int = 2, seeds: int = 2, **plan: object) -> Standing:
    return Standing([stage(trials=trials, **plan)], MAXIMIZE, 4, Replication(folds, seeds, of), 2)


def place(proposal: Proposal) -> tuple[str, int, int]:
    return proposal.replicate_of, proposal.fold, proposal.seed


def rest(search: Standing, value: float = 0.5) -> list[Proposal]:
    """Every further trial, each taken, started and finished."""
    found = []
    while not search.done:
        found.append(finish(search, value))
    return found


def test_without_folds_and_seeds_nothing_is_repeated() -> None:
    search = search_of(folds=1, seeds=1, trials=2)
    finish(search, 0.1), finish(search, 0.2)
    assert search.done and search.over and search.left == 0


def test_the_best_of_each_architecture_is_repeated_when_the_search_is_over() -> None:
    search = search_of()
    own = [finish(search, value) for value in (0.3, 0.4, 0.6, 0.2)]
    assert [item.architecture for item in own] == ["unet", "segnet", "unet", "segnet"]
    seed = own[0].seed
    repeated = rest(search)
    unet, segnet = own[2].uid, own[1].uid
    assert [place(item) for item in repeated] == [
        *[(unet, 1, seed), (segnet, 1, seed)],
        *[(unet, 0, seed + 1), (segnet, 0, seed + 1), (unet, 1, seed + 1), (segnet, 1, seed + 1)],
    ]
    assert all(item.parameters == own[2].parameters for item in repeated if item.replicate_of == unet)
    assert len({item.uid for item in (*own, *repeated)}) == 10


def test_nothing_is_repeated_while_a_trial_of_the_search_runs() -> None:
    search = search_of(trials=2)
    running = begin(search)
    finish(search, 0.5)
    assert search.suggest() is None and not search.over
    search.end(running.uid, "finished", [0.1])
    assert search.over and begin(search).replicate_of


def test_an_architecture_without_a_score_is_not_repeated() -> None:
    search = search_of(trials=2)
    finish(search, 0.1, "failed")
    finish(search, 0.5)
    assert {item.architecture for item in rest(search)} == {"segnet"}
    assert search.left == 0


def test_the_sampler_never_hears_of_repetitions_of_the_best() -> None:
    search = search_of(trials=2, sampler="tpe")
    finish(search, 0.1), finish(search, 0.2)
    rest(search, 0.9)
    assert known_to(search, "unet") == [0.1] and known_to(search, "segnet") == [0.2]
    assert search.best is not None and search.best.value == 0.2


def test_with_all_every_finished_trial_is_repeated_at_once_and_the_sampler_hears_of_the_mean() -> None:
    search = search_of("all", trials=2, folds=3, seeds=1)
    first = finish(search, 0.3)
    assert known_to(search, "unet") == []
    second, third = finish(search, 0.6), finish(search, 0.9)
    assert [place(item) for item in (second, third)] == [(first.uid, 1, first.seed), (first.uid, 2, first.seed)]
    assert known_to(search, "unet") == [pytest.approx(0.6)]
    assert search.best is not None and search.best.uid == first.uid and search.best.value == pytest.approx(0.6)
    assert [end.uid for end in search.ends] == [second.uid, third.uid, first.uid]


def test_a_repetition_that_failed_is_left_out_of_the_mean() -> None:
    search = search_of("all", trials=2, folds=3, seeds=1)
    finish(search, 0.3)
    finish(search, math.nan, "failed"), finish(search, 0.5)
    assert known_to(search, "unet") == [pytest.approx(0.4)]


def test_a_failed_repetition_that_is_tried_again_counts_if_the_mean_is_not_known_yet() -> None:
    search = search_of("all", trials=2, folds=3, seeds=1)
    finish(search, 0.3)
    failed = finish(search, math.nan, "failed")
    search.retry(failed.uid)
    finish(search, 0.6)
    assert known_to(search, "unet") == [], "one of the repetitions runs still"
    search.started(failed.uid, 2)
    search.end(failed.uid, "finished", [0.9])
    assert known_to(search, "unet") == [pytest.approx(0.6)]


def test_pruned_and_failed_trials_are_not_repeated() -> None:
    search = search_of("all", trials=2)
    finish(search, 0.1, "pruned")
    finish(search, math.nan, "failed")
    assert search.done


def test_repetitions_are_never_pruned() -> None:
    search = search_of(trials=2, scheduler=ASHA)
    finish(search, 0.5), finish(search, 0.9)
    repeated = begin(search)
    assert not any(search.report(repeated.uid, epoch, 0.0) for epoch in range(1, 4))


def test_more_trials_may_find_a_better_setting_which_is_then_repeated() -> None:
    search = search_of(trials=2, seeds=1)
    own = [finish(search, 0.5), finish(search, 0.4)]
    assert [item.replicate_of for item in rest(search)] == [own[0].uid, own[1].uid]
    search.extend(2, None, (), None)
    better = [finish(search, 0.7), finish(search, 0.1)]
    assert [item.replicate_of for item in rest(search)] == [better[0].uid], "segnet's best is the old one"


@pytest.mark.parametrize("of", ["best", "all"])
def test_what_is_left_is_never_more_than_said_and_counts_down_to_nothing(of: str) -> None:
    search = search_of(of, trials=4)
    said = search.left
    seen = 0
    while not search.done:
        before = search.left
        begun = begin(search)
        seen += 1
        search.end(begun.uid, "finished", [0.1 * seen])
        assert search.left <= before
    assert seen <= said and search.left == 0


def test_a_lower_objective_can_be_the_better_one() -> None:
    search = Standing([stage(trials=2)], (Objective("loss", "minimize"),), 4, Replication(2, 1), 2)
    finish(search, 0.5), finish(search, 0.9)
    search.extend(2, None, (), None)
    low = [finish(search, 0.1), finish(search, 0.95)]
    assert low[0].uid in {item.replicate_of for item in rest(search)}
