from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from liverseg.errors import ConfigError
from liverseg.phantom.case import has_tumours, make_case, phase_of
from liverseg.phantom.config import ORIENTATIONS, PhantomConfig
from liverseg.phantom.tissues import PHASES, Tissue
from tests.liverseg.phantom.cohorts import TINY, tiny_anatomy, tiny_case

CASES = range(12)


@pytest.mark.parametrize("index", CASES)
def test_arrays_agree_in_type_shape_and_labels(index: int) -> None:
    case = tiny_case(index)
    assert (case.image.dtype, case.mask.dtype) == (np.int16, np.uint8)
    assert case.image.shape == case.mask.shape
    assert case.image.min() >= -1024
    assert case.image.max() <= 3071
    assert set(np.unique(case.mask)) == ({0, 1, 2} if has_tumours(TINY, index) else {0, 1})
    assert "".join(nib.orientations.aff2axcodes(case.affine)) == case.facts.acquisition.orientation


@pytest.mark.parametrize("index", CASES)
def test_the_liver_lies_on_the_right_below_the_lungs_and_in_one_piece(index: int) -> None:
    case = tiny_case(index)
    liver = np.argwhere(case.mask > 0)
    right, _, _ = (liver @ case.affine[:3, :3].T + case.affine[:3, 3]).mean(axis=0)
    body = np.argwhere(case.image > -300)
    middle, _, _ = (body @ case.affine[:3, :3].T + case.affine[:3, 3]).mean(axis=0)
    assert right > middle + 15.0
    assert ndimage.label(case.mask > 0, np.ones((3, 3, 3)))[1] == 1


@pytest.mark.parametrize("index", CASES)
def test_the_liver_has_the_size_of_a_liver(index: int) -> None:
    case = tiny_case(index)
    millilitres = np.count_nonzero(case.mask) * abs(np.linalg.det(case.affine[:3, :3])) / 1000.0
    assert 500.0 < millilitres < 2300.0


@pytest.mark.parametrize("index", CASES)
def test_tissues_have_their_ct_numbers(index: int) -> None:
    """The median of a tissue lies in its range, which is widened for the partial volume of a coarse grid."""
    anatomy = tiny_anatomy(index)
    ranges = PHASES[anatomy.facts.phase]
    for tissue in (Tissue.AIR, Tissue.LUNG, Tissue.FAT, Tissue.MUSCLE, Tissue.LIVER, Tissue.SPLEEN, Tissue.HEART):
        inner = ndimage.binary_erosion(anatomy.tissue == tissue, iterations=1)
        if np.count_nonzero(inner) >= 20:
            low, high = ranges[tissue]
            assert low - 8.0 <= np.median(anatomy.hu[inner]) <= high + 8.0, tissue.name
    assert anatomy.hu[anatomy.tissue == Tissue.BONE].max() > 300.0


def test_liver_and_neighbours_overlap_in_ct_numbers() -> None:
    for ranges in PHASES.values():
        low, high = ranges[Tissue.LIVER]
        for tissue in (Tissue.SPLEEN, Tissue.HEART, Tissue.STOMACH_WALL):
            assert ranges[tissue][0] < high
            assert ranges[tissue][1] > low


@pytest.mark.parametrize("index", CASES)
def test_facts_tell_the_tumours_that_were_painted(index: int) -> None:
    facts = tiny_case(index).facts
    assert bool(facts.tumours) == has_tumours(TINY, index)
    assert all(tumour.diameter_mm >= 3.0 for tumour in facts.tumours)
    assert all(0.3 <= tumour.contrast_to_noise <= 2.0 or facts.phase == "unenhanced" for tumour in facts.tumours)


@pytest.mark.parametrize("index", [2, 3, 6])
def test_tumours_lie_where_the_facts_say(index: int) -> None:
    """The middle of the labelled voxels is the volume-weighted middle of the tumours, up to deformation."""
    case = tiny_case(index)
    voxels = np.argwhere(case.mask == 2)
    found = (voxels @ case.affine[:3, :3].T + case.affine[:3, 3]).mean(axis=0)
    weights = [tumour.diameter_mm**3 for tumour in case.facts.tumours]
    told = np.average([tumour.centre_mm for tumour in case.facts.tumours], axis=0, weights=weights) * case.facts.scale
    assert np.linalg.norm(found - told) < 20.0


@pytest.mark.parametrize("count", range(4, 41))
def test_a_quarter_of_any_cohort_is_free_of_tumours(count: int) -> None:
    for seed in range(8):
        free = sum(not has_tumours(PhantomConfig(seed=seed), index) for index in range(count))
        assert 1 <= free < count
        assert count // 4 <= free <= -(-count // 4)
        assert has_tumours(PhantomConfig(seed=seed), 0)


def test_twelve_cases_hold_every_variety() -> None:
    config = PhantomConfig()
    phases = [phase_of(config, index) for index in range(12)]
    assert phases.count("unenhanced") == 3
    scans = [tiny_case(index).facts.acquisition for index in CASES]
    assert {scan.orientation for scan in scans} == set(ORIENTATIONS)
    assert {scan.spacing_mm[2] for scan in scans} == set(TINY.thickness_mm)
    assert len({scan.spacing_mm[0] for scan in scans}) >= 10
    assert len({scan.shape[0] for scan in scans}) >= 3


def test_a_case_does_not_depend_on_the_size_of_its_cohort_or_on_order() -> None:
    alone = make_case(PhantomConfig(cases=1, matrix_px=(40, 40), slices=(12, 12)), 5)
    tiny_case(0)
    among = make_case(PhantomConfig(cases=99, matrix_px=(40, 40), slices=(12, 12)), 5)
    assert np.array_equal(alone.image, among.image)
    assert np.array_equal(alone.mask, among.mask)
    assert alone.facts == among.facts


def test_another_seed_is_another_patient() -> None:
    other = make_case(PhantomConfig(seed=8, matrix_px=(40, 40), slices=(12, 12)), 5)
    same = make_case(PhantomConfig(seed=7, matrix_px=(40, 40), slices=(12, 12)), 5)
    assert other.facts.scale != same.facts.scale
    assert not np.array_equal(other.image, same.image) or other.image.shape != same.image.shape


def test_a_negative_number_is_refused() -> None:
    with pytest.raises(ConfigError, match="negative"):
        make_case(TINY, -1)


def test_noise_in_the_liver_has_the_spread_of_a_real_scan() -> None:
    """A portal-phase scan of a healthy liver measured 28 HU well inside the liver."""
    spreads = []
    for index in CASES:
        case = tiny_case(index)
        inner = ndimage.binary_erosion(case.mask == 1, iterations=1)
        spreads.append(case.image[inner].std())
    assert np.mean(spreads) == pytest.approx(28.0, abs=4.0)
