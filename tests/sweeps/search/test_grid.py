"""The points of a grid: each once, in the spec's order, whoever proposes or tells them again."""

from __future__ import annotations

import pytest

from sweeps.search.grid import Grid
from sweeps.spec.space import Space
from tests.sweeps.search.test_driver import RATE, dimension

SPACE = Space(
    "search",
    (("unet", (dimension("batch_size", 8, 16), dimension("size", 64, 128))), ("segnet", (dimension("size", 64),))),
)


def test_each_point_comes_once_the_last_dimension_first() -> None:
    grid = Grid(SPACE)
    assert (grid.left, grid.left_of("unet"), grid.left_of("segnet")) == (5, 4, 1)
    assert [tuple(grid.next("unet").values()) for _ in range(4)] == [(8, 64), (8, 128), (16, 64), (16, 128)]
    assert (grid.left, grid.left_of("unet")) == (1, 0)
    with pytest.raises(IndexError):
        grid.next("unet")


def test_what_was_proposed_before_is_not_there_any_more() -> None:
    grid = Grid(SPACE)
    grid.proposed("unet", {"batch_size": 8, "size": 128, "learning_rate": 1e-3}, inside=True)
    grid.proposed("unet", {"batch_size": 8, "size": 128}, inside=True)
    grid.proposed("unet", {"batch_size": 64, "size": 64}, inside=False)
    grid.proposed("vnet", {"size": 64}, inside=False)
    assert (grid.left_of("unet"), grid.left_of("segnet")) == (3, 1)
    assert [grid.next("unet")["batch_size"] for _ in range(3)] == [8, 16, 16]


def test_a_range_without_steps_has_no_points() -> None:
    with pytest.raises(ValueError, match="range without steps"):
        Grid(Space("search", (("unet", (RATE,)),)))
