from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from sweeps.costs.shares import replicates_of, share_out, shares_of, stages_with_trials
from tests.sweeps.costs.test_estimate import SPEC, STAGES
from tests.sweeps.spec.texts import load_text


def test_shares_are_equal_as_far_as_there_are_sets() -> None:
    assert share_out(7, [1, None, None]) == [1, 3, 3] and share_out(3, []) == []
    assert share_out(5, [None, None]) == [3, 2], "the first has the odd one"


@given(st.integers(0, 40), st.lists(st.none() | st.integers(0, 9), max_size=5))
def test_nothing_is_shared_twice_and_only_what_nobody_can_use_is_left(trials: int, sets: list[int | None]) -> None:
    shares = share_out(trials, sets)
    assert all(size is None or share <= size for share, size in zip(shares, sets, strict=True))
    assert sum(shares) == (trials if None in sets else min(trials, sum(size or 0 for size in sets)))


def test_a_later_stage_may_have_any_value_of_the_first_and_each_network_its_even_share(tmp_path: Path) -> None:
    stages = stages_with_trials(load_text(tmp_path, SPEC + STAGES).spec)
    assert [(space.stage, trials) for space, trials in stages] == [("networks", 5), ("rates", 4)]
    later = {item.name: item.points() for item in stages[1][0].dimensions("unet")}
    assert tuple(later["base_filters"]) == (8, 16) and len(tuple(later["learning_rate"])) == 4
    assert [count for _, count in shares_of(stages, "unet")] == [3, 2]
    assert [count for _, count in shares_of(stages, "encoder_decoder")] == [2, 2]
    assert shares_of(stages, "vnet") == []


def test_repetitions_are_those_of_the_best_or_of_all(tmp_path: Path) -> None:
    best = load_text(tmp_path, SPEC, "data.split.folds=3", "train.seeds=2").spec
    assert (replicates_of(best, 7), replicates_of(best, 0)) == (5, 0)
    every = load_text(tmp_path, SPEC, "train.seeds=2", "search.replicate=all").spec
    assert replicates_of(every, 7) == 7
