"""Whose turn it is, counted in trials and in updates, and how far a preference goes."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from sweeps.search.turns import LEAD, Turns
from tests.sweeps.search.test_driver import plan

NAMES = ("unet", "segnet", "vnet")


def taken(turns: Turns, count: int, *preferred: str, candidates: tuple[str, ...] = NAMES) -> list[str]:
    found = []
    for _ in range(count):
        found.append(turns.next(candidates, preferred, ()))
        turns.taken(found[-1])
    return found


def test_the_one_with_the_fewest_is_next_and_the_spec_breaks_ties() -> None:
    turns = Turns(plan(trials=9), NAMES)
    turns.taken("segnet")
    turns.taken("one that does not take part")
    assert taken(turns, 5) == ["unet", "vnet", "unet", "segnet", "vnet"]


def test_one_without_sets_leaves_its_turns_to_the_others() -> None:
    assert taken(Turns(plan(trials=9), NAMES), 4, candidates=NAMES[1:]) == ["segnet", "vnet"] * 2


def test_equal_updates_gives_the_turn_to_whoever_spent_least_and_counts_what_runs_at_the_mean() -> None:
    turns = Turns(plan(trials=9, per_architecture="equal_updates"), NAMES)
    for name, updates in (("unet", 30), ("segnet", 10), ("vnet", 20)):
        turns.taken(name)
        turns.spent(name, updates)
    assert turns.next(NAMES, ("vnet",), ()) == "segnet", "and a preference is none"
    turns.taken("segnet")
    assert turns.next(NAMES, (), ["segnet"]) == "vnet", "20 against 10 and a mean of 20"


@given(st.lists(st.sampled_from(NAMES), min_size=11, max_size=11))
def test_a_preference_never_leads_by_more_nor_gets_more_in_all(preferences: list[str]) -> None:
    turns, counts = Turns(plan(trials=11), NAMES), Counter(dict.fromkeys(NAMES, 0))
    for name in preferences:
        counts[taken(turns, 1, name)[0]] += 1
        assert max(counts.values()) - min(counts.values()) <= LEAD
    assert counts == {"unet": 4, "segnet": 4, "vnet": 3}
