"""Outlines as SVG paths: filled again, they are the region."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from results.scan_page.outlines import outline_path

REGIONS = arrays.arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12)))


def filled(path: str, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """The even-odd rule on whole pixels: every edge that runs down turns over all that is right of it."""
    inside = np.zeros(shape, np.bool_)
    x = y = begun = 0
    for command, numbers in re.findall(r"([Mhvz])([-\d ]*)", path):
        if command == "M":
            x, y = map(int, numbers.split())
            begun = y
        elif command == "h":
            x += int(numbers)
        else:
            to = begun if command == "z" else y + int(numbers)
            inside[min(y, to) : max(y, to), x:] ^= True
            y = to
    return inside


@given(REGIONS)
def test_a_filled_outline_is_the_region(region: npt.NDArray[np.bool_]) -> None:
    np.testing.assert_array_equal(filled(outline_path(region), region.shape), region)


@given(REGIONS)
def test_every_loop_is_closed_and_no_edge_is_drawn_twice(region: npt.NDArray[np.bool_]) -> None:
    path = outline_path(region)
    assert path.count("M") == path.count("z")
    padded = np.pad(region, 1)
    edges = np.count_nonzero(padded[1:] != padded[:-1]) + np.count_nonzero(padded[:, 1:] != padded[:, :-1])
    drawn = 0
    for loop in path.split("z")[:-1]:
        across, down = (list(map(int, re.findall(rf"{way}(-?\d+)", loop))) for way in "hv")
        assert sum(across) == 0, "it ends below or above its beginning"
        drawn += sum(map(abs, across)) + sum(map(abs, down)) + abs(sum(down))
    assert drawn == edges


def test_nothing_has_no_outline_and_a_box_has_four_edges() -> None:
    assert outline_path(np.zeros((3, 4), np.bool_)) == ""
    assert outline_path(np.ones((2, 3), np.bool_)) == "M0 0h3v2h-3z"
