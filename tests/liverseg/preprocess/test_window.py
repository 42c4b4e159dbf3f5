from __future__ import annotations

import numpy as np
import pytest

from liverseg.config import WINDOWS
from liverseg.errors import ConfigError
from liverseg.preprocess import apply_window, stored_from_hu, window_for

EMPTY = np.zeros(4096, np.int64)


def histogram(hu: np.ndarray) -> np.ndarray:
    return np.bincount(np.asarray(hu) + 1024, minlength=4096)


@pytest.mark.parametrize(("name", "low", "high"), [("study", -45, 105), ("liver", -21, 189), ("wide", -200, 250)])
def test_named_windows_map_linearly_to_0_1(name: str, low: float, high: float) -> None:
    window = window_for(name, EMPTY)
    assert (window.low_hu, window.high_hu) == (low, high)
    hu = np.array([-1024, low - 1, low, (low + high) / 2, high, high + 1, 3000.0], np.float32)
    out = apply_window(stored_from_hu(hu.reshape(1, 1, 7)), window)
    assert out.shape == (1, 1, 7, 1) and out.dtype == np.float32
    np.testing.assert_allclose(out.ravel(), [0, 0, 0, 0.5, 1, 1, 1], atol=1e-6)
    assert out.min() >= 0 and out.max() <= 1 + 1e-6


def test_every_name_of_the_catalogue_is_known() -> None:
    for name in WINDOWS:
        assert window_for(name, histogram(np.arange(100))).name == name


def test_the_fingerprint_is_that_of_the_clipped_foreground() -> None:
    hu = np.rint(np.random.default_rng(0).normal(110, 25, 20_000)).astype(int)
    hu[:60] = 2500
    window = window_for("fingerprint", histogram(hu))
    low, high = np.percentile(hu, [0.5, 99.5], method="inverted_cdf")
    clipped = np.clip(hu, low, high)
    assert (window.low_hu, window.high_hu) == (low, high)
    assert window.mean == pytest.approx(clipped.mean())
    assert window.sd == pytest.approx(clipped.std())
    out = apply_window(stored_from_hu(clipped.reshape(1, 100, 200)), window)
    assert out.mean() == pytest.approx(0, abs=1e-3) and out.std() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("hu", [[], [70], [70] * 1000])
def test_a_foreground_without_spread_has_no_fingerprint(hu: list[int]) -> None:
    with pytest.raises(ConfigError, match="named window"):
        window_for("fingerprint", histogram(np.array(hu, int)))


def test_two_voxels_have_a_fingerprint() -> None:
    window = window_for("fingerprint", histogram(np.array([10, 20])))
    assert (window.low_hu, window.high_hu, window.mean, window.sd) == (10, 20, 15, 5)


def test_bounds_beyond_the_fixed_point_act_at_its_ends() -> None:
    window = window_for("fingerprint", histogram(np.array([-1024, 3071])))
    out = apply_window(np.array([[[-32768, 32767]]], np.int16), window).ravel()
    assert np.isfinite(out).all() and out[0] < 0 < out[1]


def test_unknown_windows_and_histograms_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"study \| liver \| wide \| fingerprint"):
        window_for("bone", EMPTY)
    with pytest.raises(ConfigError):
        window_for("fingerprint", np.ones(10, np.int64))


def test_no_slice_gives_no_slice() -> None:
    assert apply_window(np.zeros((0, 32, 32), np.int16), window_for("study", EMPTY)).shape == (0, 32, 32, 1)
