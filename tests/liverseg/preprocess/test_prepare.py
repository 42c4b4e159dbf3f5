from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from liverseg.config import PrepareConfig
from liverseg.errors import ConfigError, DataError
from liverseg.preprocess import PreparedCase, hu_from_stored, prepare_case
from liverseg.preprocess import stacks as stacks_module
from liverseg.volume import write_nifti
from tests.liverseg.preprocess.scans import ORIENTATIONS, affine_for, blobs, display, resized, write_pair

ALL_32 = PrepareConfig(sizes_px=(32,), slices="all")


def prepare(paths: tuple[Path, Path | None], config: PrepareConfig = ALL_32) -> dict[int, PreparedCase]:
    return prepare_case("case-1", "case-1", *paths, config)


def native_labels(case: PreparedCase) -> npt.NDArray[np.uint8]:
    """The whole native mask, from the box in the reference."""
    reference = case.reference
    whole = np.zeros(reference.shape, np.uint8)
    where = tuple(slice(a, a + n) for a, n in zip(reference.start, reference.labels.shape, strict=True))
    whole[where] = reference.labels
    return whole


@pytest.mark.parametrize("letters", ["LPS", "RAS", "PIR", "SLA", "ALI"])
@pytest.mark.parametrize("fit", ["pad", "crop"])
def test_equals_nibabel_and_pillow(tmp_path: Path, letters: str, fit: str) -> None:
    paths = write_pair(tmp_path, *blobs((45, 38, 30), 1), affine_for(letters, (1.1, 0.9, 2.0)))
    image, mask = display(paths[0]), display(paths[1]).astype(np.uint8)
    for size, case in prepare(paths, PrepareConfig(sizes_px=(64, 32), slices="all", fit=fit)).items():
        wanted = np.stack([resized(plane, case.plane, -1024) for plane in image])
        labels = np.stack([resized(plane, case.plane, 0) for plane in mask])
        assert case.image.shape == (len(image), size, size) and case.image.dtype == np.int16
        assert np.abs(hu_from_stored(case.image) - wanted).max() <= 1 / 32 + 3e-4
        np.testing.assert_array_equal(case.mask, labels)
        assert case.image.flags.c_contiguous and case.mask.flags.c_contiguous


@pytest.mark.parametrize("letters", ORIENTATIONS)
def test_the_same_body_gives_the_same_arrays_however_it_is_stored(tmp_path: Path, letters: str) -> None:
    shape = (9, 12, 7)
    image, mask = blobs(shape, 2)
    original = prepare(write_pair(tmp_path, image, mask, affine_for("LPS", (1.0, 1.5, 2.0))))[32]
    # Take the stored axes of `letters` out of the LPS array.
    order = [next(axis for axis, pair in enumerate(("LR", "PA", "SI")) if letter in pair) for letter in letters]
    flips = tuple(slice(None, None, 1 if letter in "LPS" else -1) for letter in letters)
    turned = [np.asfortranarray(array.transpose(order)[flips]) for array in (image, mask)]
    first, second, third = ((1.0, 1.5, 2.0)[axis] for axis in order)
    case = prepare(write_pair(tmp_path, turned[0], turned[1], affine_for(letters, (first, second, third))))[32]
    assert np.abs(case.image.astype(int) - original.image).max() <= 1
    np.testing.assert_array_equal(case.mask, original.mask)
    np.testing.assert_array_equal(native_labels(case), native_labels(original))
    np.testing.assert_array_equal(case.foreground_hu, original.foreground_hu)
    assert case.reference.start == original.reference.start
    assert case.reference.spacing_mm == pytest.approx(original.reference.spacing_mm)
    assert case.plane == original.plane


def test_the_reference_is_the_box_of_the_native_mask(tmp_path: Path) -> None:
    paths = write_pair(tmp_path, *blobs((20, 24, 10), 3), affine_for("RAS"))
    case = prepare(paths)[32]
    mask = display(paths[1]).astype(np.uint8)
    np.testing.assert_array_equal(native_labels(case), mask)
    assert case.reference.shape == mask.shape
    for axis in range(3):
        ends = np.moveaxis(case.reference.labels, axis, 0)[[0, -1]]
        assert ends.any(axis=(1, 2)).all(), "the box is tight"
    assert case.reference.labels.flags.c_contiguous


@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.uint16, np.int32, np.float32])
def test_foreground_is_counted_on_the_native_grid(tmp_path: Path, dtype: type) -> None:
    image, mask = blobs((16, 14, 12), 4)
    if dtype in (np.uint8, np.uint16):
        image = image.clip(0, 255)
    image = image.astype(dtype)
    image[mask > 0] = np.where(np.arange((mask > 0).sum()) % 2, 100, 200)
    if dtype in (np.int16, np.int32, np.float32):
        where = np.argwhere(mask > 0)
        image[tuple(where[0])], image[tuple(where[1])] = -3000, 9000
    case = prepare(write_pair(tmp_path, image, mask, affine_for("LPS")))[32]
    hu = np.rint(image[mask > 0].astype(np.float64)).clip(-1024, 3071).astype(int)
    np.testing.assert_array_equal(case.foreground_hu, np.bincount(hu + 1024, minlength=4096))
    assert case.foreground_hu.dtype == np.int64


def scaled_copy(path: Path, slope: float, intercept: float) -> Path:
    """The file with another scl_slope and scl_inter in its header."""
    data = bytearray(path.read_bytes())
    data[112:120] = np.array([slope, intercept], "<f4").tobytes()
    target = path.with_name("scaled.nii")
    target.write_bytes(data)
    return target


@pytest.mark.parametrize("dtype", [np.uint16, np.int32])
@pytest.mark.parametrize(("slope", "intercept"), [(0.5, -1024.0), (-1.0, 300.0)])
def test_slope_and_intercept_are_applied(tmp_path: Path, dtype: type, slope: float, intercept: float) -> None:
    image: np.ndarray = np.random.default_rng(0).integers(0, 1300, (40, 36, 5)).astype(dtype)
    mask = np.zeros(image.shape, np.uint8)
    mask[5:20, 6:18, 1:3] = 1
    plain = write_pair(tmp_path, image, mask, affine_for("LPS"))
    case = prepare((scaled_copy(plain[0], slope, intercept), plain[1]))[32]
    hu = (display(plain[0]) * slope + intercept).astype(np.float32)
    wanted = np.stack([resized(plane, case.plane, -1024) for plane in hu])
    assert np.abs(hu_from_stored(case.image) - wanted).max() <= 1 / 32 + 1e-3
    bins = np.rint(image[mask > 0] * slope + intercept).clip(-1024, 3071).astype(int) + 1024
    np.testing.assert_array_equal(case.foreground_hu, np.bincount(bins, minlength=4096))


@pytest.mark.parametrize("mask_dtype", [np.uint8, np.float32])
def test_small_stacks_and_compression_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mask_dtype: type
) -> None:
    """Stacks of the image hold two planes, those of the mask four or one."""
    image, mask = blobs((20, 18, 11), 5)
    whole = prepare(write_pair(tmp_path, image, mask, affine_for("LPI")))[32]
    monkeypatch.setattr(stacks_module, "_STACK_BYTES", 2 * 20 * 18 * 2)
    parts = prepare(write_pair(tmp_path, image, mask.astype(mask_dtype), affine_for("LPI"), ".nii.gz"))[32]
    np.testing.assert_array_equal(parts.image, whole.image)
    np.testing.assert_array_equal(parts.mask, whole.mask)
    np.testing.assert_array_equal(native_labels(parts), native_labels(whole))
    np.testing.assert_array_equal(parts.foreground_hu, whole.foreground_hu)


def test_slice_rules(tmp_path: Path) -> None:
    image, mask = np.full((16, 16, 6), -1000, np.int16), np.zeros((16, 16, 6), np.uint8)
    image[4:12, 4:12, 1:5] = 50
    mask[5, 5, 3] = 1
    paths = write_pair(tmp_path, image, mask, affine_for("LPI"))
    keep = {
        rule: prepare(paths, PrepareConfig(sizes_px=(32,), slices=rule))[32].keep.tolist()
        for rule in ("all", "body", "liver")
    }
    assert keep["all"] == [True] * 6
    assert keep["body"] == [False, True, True, True, True, False]
    assert keep["liver"] == [False, False, True, False, False, False], "feet first, though stored head first"


def test_a_liver_lost_by_nearest_sampling_still_keeps_its_slice(tmp_path: Path) -> None:
    image, mask = np.zeros((128, 128, 2), np.int16), np.zeros((128, 128, 2), np.uint8)
    mask[0, 0, 1] = 1
    case = prepare(write_pair(tmp_path, image, mask, affine_for("LPS")), PrepareConfig(sizes_px=(32,)))[32]
    assert not case.mask.any()
    assert case.keep.tolist() == [False, True]


def test_without_a_mask_everything_is_background(tmp_path: Path) -> None:
    image, mask = blobs((12, 12, 4), 6)
    paths = write_pair(tmp_path, image, mask, affine_for("LPS"))
    case = prepare((paths[0], None))[32]
    assert not case.mask.any() and not case.foreground_hu.any()
    assert case.reference.labels.shape == (0, 0, 0) and case.reference.shape == (4, 12, 12)
    np.testing.assert_array_equal(case.image, prepare(paths)[32].image)


def test_an_empty_mask_is_no_error(tmp_path: Path) -> None:
    image, mask = blobs((12, 12, 4), 6)
    case = prepare(write_pair(tmp_path, image, mask * 0, affine_for("LPS")), PrepareConfig(sizes_px=(32,)))[32]
    assert case.reference.labels.shape == (0, 0, 0) and not case.keep.any()


def test_one_voxel_is_a_scan(tmp_path: Path) -> None:
    ones = np.ones((1, 1, 1), np.uint8)
    case = prepare(write_pair(tmp_path, ones.astype(np.int16) * 55, ones, affine_for("SAR")))[32]
    np.testing.assert_array_equal(hu_from_stored(case.image), np.full((1, 32, 32), 55.0))
    assert case.mask.all() and case.foreground_hu[55 + 1024] == 1


@pytest.mark.parametrize(
    ("config", "word"),
    [
        (PrepareConfig(sizes_px=()), "no size"),
        (PrepareConfig(sizes_px=(100,)), "multiple of 32"),
        (PrepareConfig(sizes_px=(32,), slices="some"), "all | body | liver"),
        (PrepareConfig(sizes_px=(32,), fit="stretch"), "pad | crop"),
    ],
)
def test_impossible_configurations_are_refused_before_reading(config: PrepareConfig, word: str) -> None:
    with pytest.raises(ConfigError) as caught:
        prepare((Path("absent.nii"), None), config)
    assert word in str(caught.value)


def test_broken_pairs_are_refused(tmp_path: Path) -> None:
    image, mask = blobs((12, 10, 4), 7)
    paths = write_pair(tmp_path, image, mask, affine_for("LPS"))
    for name, array, letters, rule in (
        ("shape.nii", mask[:-1], "LPS", "N5"),
        ("turned.nii", mask, "RPS", "N5"),
        ("label.nii", mask * 3, "LPS", "N4"),
        ("half.nii", mask.astype(np.float32) / 2, "LPS", "N4"),
    ):
        write_nifti(tmp_path / name, array, affine_for(letters))
        with pytest.raises(DataError) as caught:
            prepare((paths[0], tmp_path / name))
        assert (caught.value.rule, caught.value.case) == (rule, "case-1")


def test_voxels_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    image, mask = blobs((12, 10, 4), 8)
    broken = image.astype(np.float32)
    broken[3, 3, 3] = np.nan
    with pytest.raises(DataError) as caught:
        prepare(write_pair(tmp_path, broken, mask, affine_for("LPS")))
    assert caught.value.rule == "N4"


@pytest.mark.parametrize("which", [0, 1])
def test_one_flipped_bit_in_either_file_is_noticed(tmp_path: Path, which: int) -> None:
    paths = write_pair(tmp_path, *blobs((40, 40, 6), 9), affine_for("LPS"), ".nii.gz")
    data = bytearray(paths[which].read_bytes())
    data[-9] ^= 4
    paths[which].write_bytes(data)
    with pytest.raises(DataError) as caught:
        prepare(paths)
    assert caught.value.rule == "N1"
