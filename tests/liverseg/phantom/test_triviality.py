"""The cohort must not be solvable by thresholds: the gate that a network has to pass to have learned anything."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import product

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage

from liverseg.phantom.case import PhantomCase, make_case
from liverseg.phantom.config import PhantomConfig

COHORT = PhantomConfig(cases=20, matrix_px=(56, 64), slices=(14, 20), thickness_mm=(8.0, 10.0))
BLURS = (0.0, 0.8, 1.6)
LIVER_WINDOWS = tuple((low, high) for low, high in product(range(0, 121, 20), range(75, 196, 20)) if high > low + 15)
TUMOUR_WINDOWS = tuple((low, high) for low, high in product((-1024, -10, 20, 45), range(30, 116, 5)) if high > low)

Mask = npt.NDArray[np.bool_]
Setting = tuple[float, tuple[int, int]]


@pytest.fixture(scope="module")
def cases() -> list[PhantomCase]:
    return [make_case(COHORT, index) for index in range(COHORT.cases)]


def _largest(found: Mask) -> Mask:
    parts, count = ndimage.label(found)
    if count == 0:
        return found
    kept: Mask = parts == 1 + np.argmax(np.bincount(parts.ravel())[1:])
    return kept


def _dice(a: Mask, b: Mask) -> float:
    return 2.0 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b))


def _blurred(case: PhantomCase) -> Iterator[tuple[float, npt.NDArray[np.float32]]]:
    """The scan after Gaussian smoothing of so many in-plane pixels, isotropic in mm."""
    steps = np.sqrt((case.affine[:3, :3] ** 2).sum(axis=0))
    clipped = np.clip(case.image, -200, 300).astype(np.float32)
    for blur in BLURS:
        yield blur, ndimage.gaussian_filter(clipped, blur * steps.min() / steps) if blur else clipped


def _oracle(scores: dict[Setting, list[float]]) -> tuple[Setting, float]:
    best = max(scores, key=lambda setting: np.mean(scores[setting]))
    return best, float(np.mean(scores[best]))


def test_thresholds_do_not_find_the_liver(cases: list[PhantomCase]) -> None:
    """The best window and smoothing of all, chosen on the very cases that it is scored on."""
    scores: dict[Setting, list[float]] = defaultdict(list)
    for case in cases:
        for blur, hu in _blurred(case):
            for low, high in LIVER_WINDOWS:
                scores[blur, (low, high)].append(_dice(_largest((hu >= low) & (hu <= high)), case.mask > 0))
    setting, dice = _oracle(scores)
    assert 0.4 < dice < 0.85, setting


def test_thresholds_do_not_find_the_tumours_even_inside_the_reference_liver(cases: list[PhantomCase]) -> None:
    scores: dict[Setting, list[float]] = defaultdict(list)
    for case in cases:
        if not (case.mask == 2).any():
            continue
        for blur, hu in _blurred(case):
            for low, high in TUMOUR_WINDOWS:
                found = _largest((hu >= low) & (hu < high) & (case.mask > 0))
                scores[blur, (low, high)].append(_dice(found, case.mask == 2))
    setting, dice = _oracle(scores)
    assert dice < 0.30, setting


def test_dark_tumours_differ_from_the_liver_around_them(cases: list[PhantomCase]) -> None:
    """Hidden from a threshold, but there: dark tumours lie below the liver by a good part of the noise."""
    contrasts = []
    for case in cases:
        dark = all(tumour.kind == "hypodense" for tumour in case.facts.tumours)
        if dark and np.count_nonzero(case.mask == 2) >= 10:
            noise = case.facts.acquisition.noise_hu
            contrasts.append((case.image[case.mask == 1].mean() - case.image[case.mask == 2].mean()) / noise)
    assert len(contrasts) >= 4
    assert np.mean(contrasts) > 0.4
