"""Missing slices are told from scans that were spaced unevenly on purpose."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liverseg.dicom.gaps import Gap, doubles, is_even, missing, spacing


def at(*apart: float) -> np.ndarray:
    return np.concatenate(([0.0], np.cumsum(apart)))


def unnumbered(positions: np.ndarray) -> list[None]:
    return [None] * len(positions)


@given(
    count=st.integers(5, 60),
    step=st.floats(0.4, 8.0),
    start=st.floats(-900, 900),
    lost=st.data(),
    numbered=st.booleans(),
)
def test_any_one_lost_slice_inside_is_found_where_it_was(
    count: int, step: float, start: float, lost: st.DataObject, numbered: bool
) -> None:
    hole = lost.draw(st.integers(1, count - 2))
    kept = [index for index in range(count) if index != hole]
    positions = start + step * np.array(kept)
    (gap,) = missing(positions, [7 - index for index in kept] if numbered else unnumbered(positions))
    assert gap.slices == 1
    assert gap.low_mm < start + step * hole < gap.high_mm
    assert gap.high_mm - gap.low_mm == pytest.approx(2 * step)


@given(
    sections=st.lists(
        st.tuples(st.sampled_from([1.0, 1.25, 2.5, 3.0, 5.0, 10.0]), st.integers(4, 20)), min_size=1, max_size=4
    ),
    numbered=st.booleans(),
)
def test_sections_of_any_distance_miss_nothing(sections: list[tuple[float, int]], numbered: bool) -> None:
    positions = at(*(step for step, count in sections for _ in range(count)))
    assert missing(positions, list(range(len(positions))) if numbered else unnumbered(positions)) == []


@given(
    sections=st.lists(st.tuples(st.sampled_from([1.0, 1.25, 2.5, 5.0]), st.integers(1, 9)), min_size=1, max_size=5),
    jitter=st.floats(0, 0.04),
)
def test_the_even_grid_lies_where_it_says(sections: list[tuple[float, int]], jitter: float) -> None:
    apart = np.array([step for step, count in sections for _ in range(count)] + [2.5])
    apart *= 1 + jitter * np.sin(np.arange(len(apart)))
    positions = at(*apart)
    grid = spacing(positions)
    below, weight = (np.array(column) for column in zip(*grid.planes, strict=True))
    above = positions[np.minimum(below + 1, len(positions) - 1)]
    places = positions[below] * (1 - weight) + above * weight
    np.testing.assert_allclose(places, np.arange(len(below)) * grid.step_mm, atol=0.1 * grid.step_mm)
    assert (np.diff(below) >= 0).all() and ((weight >= 0) & (weight < 1)).all()
    assert positions[-1] - places[-1] < grid.step_mm
    assert grid.even == is_even(positions)


def test_a_hole_in_the_numbers_counts_where_there_is_a_gap_and_only_there() -> None:
    section = at(*[2.5] * 6, *[5.0] * 6)
    assert missing(section, list(range(13))) == []
    every_second = [0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16, 18]
    assert sum(gap.slices for gap in missing(section, every_second)) == 6
    even = at(*[2.5] * 12)
    assert missing(even, every_second) == []


@pytest.mark.parametrize("numbers", [[1, 1, 1, 1, 1, 1], [1, 3, 2, 4, 6, 5], [None] * 6, [1, 2, None, 4, 5, 6]])
def test_numbers_that_do_not_run_along_the_slices_say_nothing(numbers: list[int | None]) -> None:
    assert [gap.slices for gap in missing(at(2, 2, 4, 2, 2), numbers)] == [1]


def test_places_and_counts_of_several_gaps() -> None:
    assert missing(at(2, 2, 2, 2, 6, 2, 2, 2, 2, 4, 2, 2, 2, 2), [None] * 15) == [Gap(8.0, 14.0, 2), Gap(22.0, 26.0, 1)]
    assert str(Gap(8.0, 14.0, 2)) == "2 between 8.0 and 14.0 mm"


def test_a_hole_of_any_width_is_a_gap_a_small_irregularity_is_none() -> None:
    assert [gap.slices for gap in missing(at(*[2.5] * 8, 41.3, *[2.5] * 8), [None] * 18)] == [16]
    assert missing(at(*[2.5] * 8, 3.75, *[5.0] * 8), [None] * 18) == []


def test_rounded_positions_are_even_and_doubles_are_seen() -> None:
    assert is_even(np.round(np.arange(400) * 0.625, 2))
    assert doubles(at(2.5, 0.0, 2.5, 0.05, 2.5)) == [2, 4]


def test_huge_numbers_do_no_harm() -> None:
    assert [
        gap.slices
        for gap in missing(at(1, 1, 1, 1, 3, 1, 1, 1, 1), [1, 2, 3, 4, 5, 10**30, *range(10**30 + 1, 10**30 + 5)])
    ]
