"""Slices that can be shown: what does not fit together is refused, and those that tell most are found."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.errors import ResultsError
from results.scan_page import scan_view
from results.scan_page.windows import STANDARD, WINDOWS, Window
from tests.results.scan_page.scans import COUNT, FIRST, TUMOUR_AT, view


@pytest.mark.parametrize(
    "changes",
    [
        {"image": np.zeros((COUNT, 60, 89), np.uint8)},
        {"image": np.zeros((COUNT, 60, 90), np.int16)},
        {"labels": np.full((COUNT, 60, 90), 3, np.uint8)},
        {"slices": (0,) * COUNT},
        {"slices": tuple(range(COUNT, 0, -1))},
        {"slices": tuple(range(COUNT - 1))},
        {"positions_mm": (0.0,)},
        {"positions_mm": (float("nan"),) * COUNT},
        {"depth": FIRST},
        {"range_hu": (5.0, 5.0)},
        {"pixel_mm": 0.0},
        {"image": np.zeros((0, 60, 90), np.uint8), "labels": np.zeros((0, 60, 90), np.uint8), "slices": ()},
    ],
)
def test_slices_that_do_not_fit_together_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ResultsError, match="do not fit together"):
        view(**changes)


def test_a_view_is_made_of_anything_with_the_same_parts() -> None:
    whole = view()
    parts = SimpleNamespace(**{name: getattr(whole, name) for name in type(whole).__slots__}, more=1)
    assert scan_view(parts).slices == whole.slices


def test_it_begins_at_the_first_tumour_else_where_most_is_to_be_seen() -> None:
    seen = view()
    assert seen.start([TUMOUR_AT]) == TUMOUR_AT - FIRST
    assert seen.start([99]) == COUNT - 1, "the nearest that is shown"
    assert seen.start() == 6, "the first of the slices with most tumour"
    labels = np.zeros_like(seen.labels)
    assert view(labels=labels).start() == COUNT // 2
    labels[9, 0, 0] = 1
    assert view(labels=labels).start() == 9


@given(st.lists(st.integers(0, 59), max_size=9), st.integers(1, 8))
def test_telling_slices_are_different_ones_and_show_tumours(tumours: list[int], count: int) -> None:
    seen = view()
    places = seen.telling(tumours, count)
    assert 1 <= len(places) <= count and list(places) == sorted(set(places))
    assert places[0] >= 0 and places[-1] < COUNT
    assert not tumours or seen.place_of(tumours[0]) in places


def test_telling_slices_are_spread() -> None:
    assert view().telling() == (1, 3, 4, 6, 7, 9)
    assert view().telling([TUMOUR_AT], 4) == (1, 4, 7, 10)


@pytest.mark.parametrize("window", WINDOWS, ids=lambda window: window.name)
def test_the_filter_of_a_window_is_the_window(window: Window) -> None:
    """As the browser reckons: multiply and clip, then stretch around the middle and clip."""
    low, high = -200.0, 300.0
    parts = window.css((low, high)).removesuffix(")").split(") ")
    brightness, contrast = (float(part.split("(")[1]) for part in parts)
    hu = np.linspace(low, high, 101)
    shown = np.clip(np.clip((hu - low) / (high - low) * brightness, 0, 1) * contrast + 0.5 - contrast / 2, 0, 1)
    expected = np.clip((hu - window.low_hu) / (window.high_hu - window.low_hu), 0, 1)
    np.testing.assert_allclose(shown, expected, atol=1e-3)


def test_a_window_beyond_the_picture_shows_all_of_it() -> None:
    assert Window("bone", 400, 1800).within(-200, 300) == Window("bone", -200, 300)
    assert STANDARD.within(0, 200) == Window("Standard", 0, 200)
