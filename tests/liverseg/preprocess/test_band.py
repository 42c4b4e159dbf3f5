from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from liverseg.preprocess import band as band_module
from liverseg.preprocess.band import Axis, PlaneResizer, band
from tests.liverseg.preprocess.test_resize import triangle_matrix

sides = st.integers(1, 90)


@given(sides, sides, sides, sides, st.booleans(), st.booleans(), st.sampled_from([np.int16, np.uint16, np.float32]))
def test_planes_equal_the_dense_product(
    h_in: int, w_in: int, h: int, w: int, flip_rows: bool, flip_columns: bool, dtype: type
) -> None:
    plane: np.ndarray = np.random.default_rng(h_in * w_in).integers(0, 3000, (h_in, w_in)).astype(dtype)
    resizer = PlaneResizer(Axis(h_in, h, 0, h, flip_rows), Axis(w_in, w, 0, w, flip_columns), gain=2.0)
    turned = plane[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1].astype(np.float64)
    wanted = 2.0 * triangle_matrix(h_in, h) @ turned @ triangle_matrix(w_in, w).T
    np.testing.assert_allclose(resizer(plane), wanted, atol=4e-3, rtol=0)
    np.testing.assert_allclose(resizer(plane), wanted, atol=4e-3, rtol=0)


def test_a_ct_slice_equals_pillow_within_the_promise() -> None:
    plane = np.random.default_rng(3).normal(40, 300, (512, 480)).clip(-1024, 3071).astype(np.int16)
    resizer = PlaneResizer(Axis(512, 128, 0, 128), Axis(480, 120, 0, 120))
    pillow = Image.fromarray(plane.astype(np.float32)).resize((120, 128), Image.Resampling.BILINEAR)
    np.testing.assert_allclose(resizer(plane), np.asarray(pillow), atol=3e-4, rtol=0)


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("work_bytes", [1, 1 << 12, 1 << 24])
def test_any_work_area_gives_the_same_plane(monkeypatch: pytest.MonkeyPatch, work_bytes: int, flipped: bool) -> None:
    plane = np.random.default_rng(1).integers(-1000, 1000, (64, 48)).astype(np.int16)
    axes = Axis(64, 32, 0, 32, flipped), Axis(48, 32, 0, 32)
    wanted = PlaneResizer(*axes)(plane)
    monkeypatch.setattr(band_module, "_WORK_BYTES", work_bytes)
    resizer = PlaneResizer(*axes)
    for _ in range(2):
        np.testing.assert_allclose(resizer(plane), wanted, atol=1e-3)


def test_simple_ratios_are_one_run_and_others_are_not() -> None:
    assert len(band(Axis(512, 128, 0, 128), block=4, across=512).runs) == 1
    assert len(band(Axis(512, 96, 0, 96), block=4, across=512).runs) == 1
    assert len(band(Axis(509, 128, 0, 128), block=4, across=512).runs) == 32
