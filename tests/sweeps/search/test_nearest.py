from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sweeps.search.nearest import nearest_untried
from sweeps.spec.dimension import Dimension
from tests.sweeps.search.test_driver import RATE, dimension

WORDS, SIZES = dimension("loss", "ce", "dice", "focal"), dimension("size", 64, 96)
STEPS = Dimension(name="weight_decay", kind="float", low=0.0, high=0.3, step=0.1)
COUNT = Dimension(name="batch_size", kind="int", low=4, high=16, step=4)
FINITE = (WORDS, SIZES, STEPS, COUNT)


def points(dimensions: tuple[Dimension, ...]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [{}]
    for item in dimensions:
        found = [{**one, item.name: value} for one in found for value in item.points()]
    return found


def differing(one: dict[str, Any], other: dict[str, Any]) -> int:
    return sum(one[name] != other[name] for name in one)


ALL = points(FINITE)


@given(st.data())
def test_no_set_that_was_not_tried_differs_in_fewer_values(data: st.DataObject) -> None:
    start = data.draw(st.sampled_from(ALL))
    tried = [start, *data.draw(st.lists(st.sampled_from(ALL), max_size=60))]
    looked: list[dict[str, Any]] = []

    def is_tried(candidate: dict[str, Any]) -> bool:
        looked.append(candidate)
        return candidate in tried

    found = nearest_untried(FINITE, start, is_tried)
    left = [point for point in ALL if point not in tried]
    assert found in left and differing(found, start) == min(differing(point, start) for point in left)
    assert all(item.contains(found[item.name]) for item in FINITE)
    distinct = {tuple(point.items()) for point in tried}
    assert len(looked) <= len(distinct), "one look beyond those tried, of which the start is not looked at"


@given(st.sampled_from(ALL))
def test_when_all_were_tried_there_is_none(start: dict[str, Any]) -> None:
    looks = 0

    def is_tried(candidate: dict[str, Any]) -> bool:
        nonlocal looks
        looks += 1
        return True

    assert nearest_untried(FINITE, start, is_tried) is None and looks == len(ALL) - 1


def test_of_numbers_the_next_one_comes_first() -> None:
    start = {"batch_size": 8}
    assert nearest_untried((COUNT,), start, lambda values: False) == {"batch_size": 4}
    assert nearest_untried((COUNT,), start, lambda values: values["batch_size"] == 4) == {"batch_size": 12}
    assert nearest_untried((), {}, lambda values: False) is None


def test_a_range_without_end_is_never_used_up() -> None:
    tried = [{"learning_rate": 1e-3}]
    for _ in range(50):
        found = nearest_untried((RATE,), tried[0], tried.__contains__)
        assert found is not None and RATE.contains(found["learning_rate"]) and found not in tried
        tried.append(found)
