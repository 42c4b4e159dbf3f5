from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from liverseg.phantom.tumours import (
    KINDS,
    LARGEST_MM,
    LOWEST_HU,
    MEDIAN_MM,
    SMALLEST_MM,
    SPREAD,
    draw_diameters,
    draw_tumour,
)


def test_diameters_are_log_normal_between_the_bounds() -> None:
    rng = np.random.default_rng(0)
    patients = [draw_diameters(rng) for _ in range(600)]
    sizes = np.array([size for patient in patients for size in patient])
    assert sizes.min() >= SMALLEST_MM
    assert sizes.max() <= LARGEST_MM
    assert (sizes < 6.0).any()
    assert all(patient and patient == sorted(patient, reverse=True) for patient in patients)
    inner = np.log(sizes[(sizes > SMALLEST_MM) & (sizes < LARGEST_MM)] / MEDIAN_MM) / SPREAD
    assert stats.kstest(inner, "norm").statistic < 0.05


def test_contrast_follows_the_noise_and_never_reaches_bile() -> None:
    rng = np.random.default_rng(1)
    lesions = [draw_tumour((0.0, 0.0, 0.0), 10.0, 25.0, (0.3, 2.0), 110.0, rng) for _ in range(400)]
    for lesion in lesions:
        assert 0.3 <= lesion.contrast_to_noise <= 2.0
        assert lesion.contrast_to_noise == pytest.approx(abs(lesion.contrast_hu) / 25.0)
        assert (lesion.contrast_hu > 0) == (lesion.kind == "hyperdense")
    kinds = [lesion.kind for lesion in lesions]
    assert {*kinds} == {*KINDS}
    assert kinds.count("hypodense") > 0.7 * len(kinds)


def test_a_dark_tumour_in_a_dark_liver_stays_above_the_lowest_value() -> None:
    rng = np.random.default_rng(2)
    for _ in range(100):
        assert 45.0 + draw_tumour((0.0, 0.0, 0.0), 10.0, 30.0, (1.5, 2.0), 45.0, rng).contrast_hu >= LOWEST_HU
