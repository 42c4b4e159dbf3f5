"""Features of a scan: right by a plain computation, the same for every orientation, and what is no CT is refused."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from liverseg.errors import ConfigError, DataError
from liverseg.handover.features import ScanFeatures, require_ct, scan_features

SPACING_MM = (0.8, 0.9, 3.0)


def body(shape=(40, 32, 12), seed=3):
    """HU of a block of tissue in air, with fat and some bone: int16 in RAS order."""
    generator = np.random.default_rng(seed)
    hu = np.full(shape, -1000.0)
    inner = tuple(slice(size // 5, -size // 5) for size in shape[:2])
    hu[inner] = generator.normal(40, 30, hu[inner].shape)
    hu[inner][:4] = -110
    hu[inner][6:8, :3] = 700
    return np.rint(hu).astype(np.int16)


def write(path: Path, values: np.ndarray, *, turned: str = "RAS", slope: float = 1.0, inter: float = 0.0) -> Path:
    image = nib.Nifti1Image(values, np.diag([*SPACING_MM, 1.0]))
    target = nib.orientations.axcodes2ornt(turned)
    image = image.as_reoriented(nib.orientations.ornt_transform(nib.orientations.axcodes2ornt("RAS"), target))
    image.set_sform(image.affine, 1)
    image.header.set_slope_inter(slope, inter)
    nib.save(image, path)
    return path


def test_features_are_those_of_a_plain_computation(tmp_path):
    hu = body()
    found = scan_features(write(tmp_path / "a.nii", hu), case="a")
    tissue = hu[hu > -200]
    expected = np.percentile(tissue, [5, 50, 95], method="inverted_cdf")
    assert (found.body_p05, found.body_p50, found.body_p95) == tuple(expected)
    assert (found.hu_min, found.hu_max) == (hu.min(), hu.max())
    assert found.air == pytest.approx((hu < -500).mean())
    assert found.dense == pytest.approx((hu > 500).mean())
    assert found.spacing_plane_mm == pytest.approx(0.9)
    assert found.spacing_slices_mm == pytest.approx(3.0)
    assert found.extent_mm == pytest.approx(36.0)
    assert found.field_mm == pytest.approx(32.0)
    assert found.slices == 12


@pytest.mark.parametrize("letters", ["LPS", "RPI", "LIP", "PSR", "SAL"])
@pytest.mark.parametrize("ending", ["nii", "nii.gz"])
def test_orientation_changes_nothing(tmp_path, letters, ending):
    hu = body()
    plain = scan_features(write(tmp_path / "a.nii", hu), case="a")
    turned = scan_features(write(tmp_path / f"b.{ending}", hu, turned=letters), case="b")
    for name, value in plain.as_json().items():
        assert turned.as_json()[name] == pytest.approx(value, abs=1e-5), name


@pytest.mark.parametrize("dtype", ["int16", "int32", "float32", "float64"])
def test_the_stored_type_changes_nothing(tmp_path, dtype):
    hu = body()
    plain = scan_features(write(tmp_path / "a.nii", hu), case="a")
    assert scan_features(write(tmp_path / "b.nii", hu.astype(dtype)), case="b") == plain


def test_slope_and_intercept_are_applied(tmp_path):
    hu = body()
    image = nib.Nifti1Image((hu + 1024).astype(np.int16), np.diag([*SPACING_MM, 1.0]))
    image.header.set_slope_inter(1.0, -1024.0)
    image.set_sform(image.affine, 1)
    # nibabel divides by the slope on writing, so that the file's own scaling is set behind its back.
    path = tmp_path / "b.nii"
    nib.save(nib.Nifti1Image((hu + 1024).astype(np.int16), image.affine), path)
    raw = bytearray(path.read_bytes())
    raw[112:120] = np.array([1.0, -1024.0], "<f4").tobytes()
    path.write_bytes(raw)
    assert scan_features(path, case="b") == scan_features(write(tmp_path / "a.nii", hu), case="a")


def test_json_round_trip_keeps_what_is_not_a_number(tmp_path):
    found = scan_features(write(tmp_path / "a.nii", body()), case="a")
    assert ScanFeatures.from_json(found.as_json()) == found
    empty = replace(found, body_p05=math.nan)
    assert empty.as_json()["body_p05"] is None
    assert math.isnan(ScanFeatures.from_json(empty.as_json()).body_p05)


@pytest.mark.parametrize("broken", [{}, {"slices": "many"}, {"air": []}])
def test_nonsense_is_refused(tmp_path, broken):
    values = scan_features(write(tmp_path / "a.nii", body()), case="a").as_json()
    with pytest.raises(ConfigError, match="not the features of a scan"):
        ScanFeatures.from_json(values | broken if broken else {})


def mr(hu):
    return np.where(hu < -500, 3, np.abs(hu) * 2 + 60).astype(np.int16)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda hu: np.full_like(hu, 40), "nearly constant"),
        (lambda hu: (hu / 1000).astype(np.float32), "nearly constant"),
        (mr, "MR"),
        (lambda hu: hu + 1024, "without its shift"),
        (lambda hu: np.clip((hu + 200) / 2, 0, 255).astype(np.uint8), "8-bit"),
        (lambda hu: np.clip(hu, -200, 250), "windowed"),
        (lambda hu: np.where(hu > -500, np.int16(-900), hu), "nothing but air"),
        (lambda hu: -hu, "sign or scale"),
    ],
)
def test_what_is_no_ct_is_refused_with_the_reason(tmp_path, made, said):
    path = write(tmp_path / "a.nii", made(body()))
    with pytest.raises(DataError, match=said) as caught:
        require_ct(scan_features(path, case="a"), case="a", path=path)
    assert caught.value.rule == "F1"
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_ct_passes(tmp_path):
    require_ct(scan_features(write(tmp_path / "a.nii", body()), case="a"))
