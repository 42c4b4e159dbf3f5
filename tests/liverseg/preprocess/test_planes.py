from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liverseg.errors import ConfigError, DataError
from liverseg.preprocess.planes import placements, plane_map

lengths = st.integers(16, 600)
spacings = st.floats(0.5, 5.0)


@given(lengths, lengths, spacings, spacings, st.sampled_from([32, 64, 128, 160]), st.sampled_from(["pad", "crop"]))
def test_the_map_keeps_the_shape_of_the_body(
    height: int, width: int, row_mm: float, column_mm: float, size: int, fit: str
) -> None:
    plane = plane_map((height, width), (row_mm, column_mm), size, fit)
    sides = height * row_mm, width * column_mm
    chosen = plane.resized_hw[sides.index(max(sides) if fit == "pad" else min(sides))]
    assert chosen == size
    mm_a_pixel = (max(sides) if fit == "pad" else min(sides)) / size
    for native_mm, pixels in zip(sides, plane.resized_hw, strict=True):
        assert abs(native_mm - pixels * mm_a_pixel) <= mm_a_pixel * (0.5 + 1e-6) or pixels == 1


@given(lengths, lengths, spacings, spacings, st.sampled_from([32, 64, 128]), st.sampled_from(["pad", "crop"]))
def test_placements_are_the_map_again(
    height: int, width: int, row_mm: float, column_mm: float, size: int, fit: str
) -> None:
    plane = plane_map((height, width), (row_mm, column_mm), size, fit)
    for place, offset, resized in zip(placements(plane), (plane.top, plane.left), plane.resized_hw, strict=True):
        axis = place.axis
        assert place.into - axis.first == offset
        assert axis.first >= 0 and axis.first + axis.count <= resized
        assert place.into >= 0 and place.into + axis.count <= size
        assert axis.count == min(size, resized)
        spare = abs(size - resized)
        assert abs(offset) in (spare // 2, (spare + 1) // 2)


def test_a_square_slice_fills_the_square_under_both_fits() -> None:
    for fit in ("pad", "crop"):
        plane = plane_map((512, 512), (0.7, 0.7), 128, fit)
        assert (plane.resized_hw, plane.top, plane.left) == ((128, 128), 0, 0)


def test_pixels_are_square_in_millimetres() -> None:
    plane = plane_map((100, 100), (1.0, 2.0), 64, "pad")
    assert (plane.resized_hw, plane.top, plane.left) == ((32, 64), 16, 0)
    plane = plane_map((100, 100), (1.0, 2.0), 64, "crop")
    assert (plane.resized_hw, plane.top, plane.left) == ((64, 128), 0, -32)


def test_impossible_maps_are_refused() -> None:
    with pytest.raises(ConfigError, match="fit"):
        plane_map((10, 10), (1, 1), 32, "stretch")
    with pytest.raises(ConfigError, match="size"):
        plane_map((10, 10), (1, 1), 0, "pad")
    with pytest.raises(DataError, match="fit: pad"):
        plane_map((1, 2048), (0.1, 20.0), 1024, "crop")
