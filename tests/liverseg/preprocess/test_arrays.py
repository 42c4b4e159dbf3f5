from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from liverseg.preprocess import hu_from_stored, stored_from_hu


@given(st.lists(st.floats(-1072, 3023.875, width=32), min_size=1))
def test_fixed_point_is_within_a_32nd_of_a_hounsfield_unit(values: list[float]) -> None:
    hu = np.array(values, np.float32)
    assert np.abs(hu_from_stored(stored_from_hu(hu)) - hu).max() <= 1 / 32 + 2e-4


@given(st.floats(-1e9, 1e9))
def test_other_values_are_clipped(value: float) -> None:
    back = float(hu_from_stored(stored_from_hu([value]))[0])
    assert abs(back - np.clip(value, -1072, 3023.9375)) <= 1 / 32 + 2e-4


def test_whole_hounsfield_units_are_exact() -> None:
    hu = np.arange(-1072, 3024, dtype=np.float32)
    np.testing.assert_array_equal(hu_from_stored(stored_from_hu(hu)), hu)
