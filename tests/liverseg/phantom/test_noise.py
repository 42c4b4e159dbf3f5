from __future__ import annotations

import numpy as np
import pytest

from liverseg.phantom.noise import autocorrelation, coloured_noise

MEASURED = (0.56, 0.26, 0.17, 0.11)
PIXEL_MM = 0.73


def _correlation(field: np.ndarray, lag: int, axis: int) -> float:
    kept = field.shape[axis] - lag
    ahead = np.take(field, np.arange(lag, lag + kept), axis)
    behind = np.take(field, np.arange(kept), axis)
    return float(np.mean(ahead * behind) / np.mean(field * field))


def test_model_fits_the_measured_autocorrelation() -> None:
    assert autocorrelation(np.arange(1, 5) * PIXEL_MM) == pytest.approx(MEASURED, abs=0.004)
    assert autocorrelation(0.0) == pytest.approx(1.0)


@pytest.mark.parametrize("axis", [0, 1])
def test_noise_has_the_measured_autocorrelation_at_full_resolution(axis: int) -> None:
    noise = coloured_noise((192, 192, 12), (PIXEL_MM, PIXEL_MM, 5.0), np.random.default_rng(1))
    assert [_correlation(noise, lag, axis) for lag in range(1, 5)] == pytest.approx(MEASURED, abs=0.025)


def test_correlation_is_a_matter_of_millimetres_not_of_pixels() -> None:
    noise = coloured_noise((160, 160, 16), (2 * PIXEL_MM, 2 * PIXEL_MM, 5.0), np.random.default_rng(2))
    assert [_correlation(noise, lag, 0) for lag in (1, 2)] == pytest.approx((MEASURED[1], MEASURED[3]), abs=0.025)


@pytest.mark.parametrize(("step_mm", "expected"), [(2.0, 0.55), (5.0, 0.02)])
def test_neighbouring_slices_share_noise_when_they_are_thin(step_mm: float, expected: float) -> None:
    noise = coloured_noise((96, 96, 40), (2.0, 2.0, step_mm), np.random.default_rng(3))
    assert _correlation(noise, 1, 2) == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("spacing_mm", [(0.7, 0.7, 1.5), (2.3, 2.3, 5.0), (7.0, 7.0, 12.0)])
def test_noise_has_unit_variance_whatever_the_voxel(spacing_mm: tuple[float, float, float]) -> None:
    noise = coloured_noise((128, 128, 24), spacing_mm, np.random.default_rng(4))
    assert noise.mean() == pytest.approx(0.0, abs=0.05)
    assert noise.std() == pytest.approx(1.0, abs=0.04)
