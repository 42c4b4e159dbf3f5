"""Ranges of training scans: scans like them pass, others are named by the feature that differs."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liverseg.errors import ConfigError
from liverseg.handover.familiar import FEATURES, FamiliarRanges
from liverseg.handover.features import ScanFeatures, require_ct, scan_features
from liverseg.phantom import PhantomConfig, make_case
from liverseg.volume import write_nifti
from tests.sweeps.test_real_scans import SCANS as REAL

USUAL = ScanFeatures(-1024.0, 1400.0, -110.0, 30.0, 200.0, 0.5, 0.005, 0.75, 2.5, 250.0, 380.0, 100)


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory) -> list[ScanFeatures]:
    folder, config = tmp_path_factory.mktemp("phantoms"), PhantomConfig(cases=8, matrix_px=(64, 96), seed=11)
    found = []
    for index in range(config.cases):
        case = make_case(config, index)
        path = write_nifti(folder / f"volume-{index}.nii.gz", case.image, case.affine)
        found.append(scan_features(path, case=path.name))
    return found


def names(found) -> list[str]:
    return [warning.feature for warning in found]


def test_a_phantom_is_like_other_phantoms(phantoms):
    for index, left_out in enumerate(phantoms):
        require_ct(left_out)
        others = phantoms[:index] + phantoms[index + 1 :]
        assert FamiliarRanges.of(others).unlike(left_out) == ()


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"body_p05": -190.0, "body_p50": -50.0, "body_p95": 120.0}, "median of body intensities"),
        ({"body_p95": 500.0}, "bright end of body intensities (95th percentile)"),
        ({"air": 0.05}, "share of air"),
        ({"spacing_plane_mm": 2.0}, "voxel spacing in plane"),
        ({"spacing_slices_mm": 8.0}, "voxel spacing between slices"),
        ({"extent_mm": 900.0}, "height scanned"),
        ({"field_mm": 150.0}, "field of view"),
        ({"slices": 3}, "number of slices"),
    ],
)
def test_the_feature_that_differs_is_named(change, name):
    ranges = FamiliarRanges.of([USUAL, replace(USUAL, spacing_slices_mm=3.0), *[USUAL] * 8])
    assert name in names(ranges.unlike(replace(USUAL, **change)))
    assert ranges.unlike(USUAL) == ()


def test_the_text_is_one_sentence_with_value_unit_and_training_range():
    scans = [replace(USUAL, spacing_slices_mm=value) for value in (1.0, 2.0, 5.0)] * 4
    (warning,) = FamiliarRanges.of(scans).unlike(replace(USUAL, spacing_slices_mm=12.5))
    assert (warning.value, warning.unit) == (12.5, "mm")
    assert warning.low < 1.0 and 5.0 < warning.high < 12.5
    assert warning.text.startswith("The voxel spacing between slices is 12.5 mm; the 12 training scans had 1 to 5 mm, ")
    assert warning.text.endswith(".") and "\n" not in warning.text
    assert set(warning.as_json()) == {"feature", "value", "unit", "low", "high", "text"}


def test_values_at_the_bounds_are_never_shown_as_outside_of_themselves():
    ranges = FamiliarRanges.of([USUAL] * 7)
    for slices in range(1, 400):
        for warning in ranges.unlike(replace(USUAL, slices=slices)):
            assert not warning.low <= warning.value <= warning.high


def test_fewer_scans_give_wider_ranges():
    ranges = [FamiliarRanges.of([USUAL] * count) for count in (1, 3, 10, 40)]
    for feature in FEATURES:
        widths = [found.ranges[feature.key].high - found.ranges[feature.key].low for found in ranges]
        assert widths == sorted(widths, reverse=True) and widths[0] > widths[-1]


@pytest.mark.parametrize(("more", "most"), [(1.0, 4), (1.5, 24)])
@pytest.mark.parametrize("scans", [1, 3, 12])
def test_scans_like_the_training_scans_are_rarely_called_unlike(scans, more, most):
    generator = np.random.default_rng(scans)
    for feature in FEATURES:
        middle = float(getattr(USUAL, feature.key))
        drawn = more * feature.spread * generator.standard_normal((400, scans + 1))
        values = middle * np.exp(drawn) if feature.log else middle + drawn
        flagged = 0
        for row in np.clip(values, 0, 1) if feature.unit == "%" else values:
            made = [replace(USUAL, **{feature.key: float(value)}) for value in row]
            flagged += bool(FamiliarRanges.of(made[:-1]).unlike(made[-1]))
        assert flagged <= most, feature.key


number = st.floats(0.01, 2000.0)
scan = st.builds(
    ScanFeatures,
    hu_min=st.just(-1000.0),
    hu_max=st.just(1000.0),
    body_p05=st.floats(-200, 200) | st.just(float("nan")),
    body_p50=st.floats(-200, 400),
    body_p95=st.floats(-200, 3000),
    air=st.floats(0, 1),
    dense=st.floats(0, 0.2),
    spacing_plane_mm=number,
    spacing_slices_mm=number,
    extent_mm=number,
    field_mm=number,
    slices=st.integers(1, 2048),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(scan, min_size=1, max_size=6), st.randoms())
def test_no_training_scan_is_unlike_whatever_the_order_and_through_json(scans, random):
    ranges = FamiliarRanges.of(scans)
    shuffled = list(scans)
    random.shuffle(shuffled)
    assert FamiliarRanges.of(shuffled) == ranges
    again = FamiliarRanges.from_json(json.loads(json.dumps(ranges.as_json())))
    assert again == ranges
    for one in scans:
        assert again.unlike(one) == ()


def test_a_feature_that_a_scan_lacks_is_not_judged():
    lacking = replace(USUAL, body_p05=float("nan"), body_p50=float("nan"), body_p95=float("nan"))
    assert FamiliarRanges.of([USUAL] * 3).unlike(lacking) == ()
    assert FamiliarRanges.of([lacking, USUAL]).unlike(USUAL) == ()


def test_without_scans_nothing_is_unlike():
    nothing = FamiliarRanges.of([])
    assert nothing.unlike(USUAL) == ()
    assert FamiliarRanges.from_json(nothing.as_json()) == nothing


@pytest.mark.parametrize("document", [{}, {"schema_version": 2}, {"schema_version": 1, "scans": 1}])
def test_nonsense_is_refused(document):
    with pytest.raises(ConfigError, match="ranges"):
        FamiliarRanges.from_json(document)


@pytest.mark.real
@pytest.mark.skipif(not REAL.is_dir(), reason="no real CT scans (LIVERSWEEP_REAL_CT)")
def test_real_scans_are_unlike_phantoms_for_the_right_reason(phantoms):
    ranges = FamiliarRanges.of(phantoms)
    found = {}
    for index in (0, 1):
        features = scan_features(REAL / f"volume-{index}.nii.gz", case=f"real-{index}")
        require_ct(features)
        found[index] = names(ranges.unlike(features))
    assert "voxel spacing in plane" in found[0]
    assert "bright end of body intensities (95th percentile)" in found[1]
