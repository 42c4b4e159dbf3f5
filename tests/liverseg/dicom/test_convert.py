"""A series becomes the volume that it was made of: voxels, place, grid; and nothing else of it."""

from __future__ import annotations

import shutil
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from pydicom import dcmread
from pydicom.uid import RLELossless

from liverseg.dicom import read_series, series_as_nifti, series_sha256
from liverseg.errors import ConfigError
from liverseg.handover.masks import write_mask
from liverseg.metrics.mask_file import read_mask
from liverseg.phantom.config import ORIENTATIONS
from liverseg.volume import read_header, read_voxels, write_nifti
from tests.liverseg.dicom.series import CANARY, phantom, tilted, write_series

sitk = pytest.importorskip("SimpleITK")


def right_handed(image: npt.NDArray[Any], affine: npt.NDArray[np.float64]) -> tuple[npt.NDArray[Any], Any]:
    """The same volume with its slices in the order in which they ascend along their normal, as readers have it."""
    if np.linalg.det(affine[:3, :3]) > 0:
        return image, affine
    turn = np.diag([1.0, 1.0, -1.0, 1.0])
    turn[2, 3] = image.shape[2] - 1
    return image[:, :, ::-1], affine @ turn


def read(path: Path) -> tuple[npt.NDArray[Any], npt.NDArray[np.float64]]:
    header = read_header(path)
    return read_voxels(path, header), np.array(header.affine)


@pytest.mark.parametrize("degrees", [0.0, 17.0])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_voxels_and_affine_are_those_of_the_phantom(tmp_path: Path, orientation: str, degrees: float) -> None:
    image, affine = phantom(orientation)
    affine = tilted(affine, degrees)
    write_series(tmp_path / "ct", image, affine)
    told: list[tuple[int, int]] = []
    scan = series_as_nifti(tmp_path / "ct", tmp_path, on_slices=lambda done, of: told.append((done, of)))
    voxels, found = read(scan.path_nifti)
    wanted, place = right_handed(image, affine)
    assert voxels.dtype == np.int16
    np.testing.assert_array_equal(voxels, wanted)
    np.testing.assert_allclose(found, place, atol=1e-4)
    assert scan.notes == () and told == [(n, image.shape[2]) for n in range(1, image.shape[2] + 1)]


@pytest.mark.parametrize("orientation", ["LPS", "RAS", "PSR"])
def test_simpleitk_reads_the_same(tmp_path: Path, orientation: str) -> None:
    """ITK's series reader on the slices, and ITK's NIfTI reader on the file, against each other: both in LPS."""
    image, affine = phantom(orientation)
    affine = tilted(affine, 9.0) @ np.diag([1.0, 1.3, 1.0, 1.0])  # Pixels that are no squares, either.
    write_series(tmp_path / "ct", image, affine)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tmp_path / "ct")))
    theirs, ours = reader.Execute(), sitk.ReadImage(str(series_as_nifti(tmp_path / "ct", tmp_path).path_nifti))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(theirs), sitk.GetArrayFromImage(ours))
    for what in ("GetOrigin", "GetSpacing", "GetDirection"):
        np.testing.assert_allclose(getattr(theirs, what)(), getattr(ours, what)(), atol=1e-4)


@pytest.mark.parametrize("orientation", ["LPS", "PSR"])
def test_a_mask_of_the_scan_lies_on_the_slices_in_simpleitk(tmp_path: Path, orientation: str) -> None:
    """What a viewer shows that opens the series and the mask: labels on the voxels that they were made for."""
    image, affine = phantom(orientation)
    affine = tilted(affine, 9.0)
    write_series(tmp_path / "ct", image, affine)
    scan = read_header(series_as_nifti(tmp_path / "ct", tmp_path).path_nifti)
    labels = (right_handed(image, affine)[0] > 60).astype(np.uint8)
    volume = read_mask(write_nifti(tmp_path / "labels.nii", labels, scan.affine), read_header(tmp_path / "labels.nii"))
    write_mask(tmp_path / "ct_seg.nii.gz", volume, scan)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tmp_path / "ct")))
    series, mask = reader.Execute(), sitk.ReadImage(str(tmp_path / "ct_seg.nii.gz"))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(mask), sitk.GetArrayFromImage(series) > 60)
    for what in ("GetOrigin", "GetSpacing", "GetDirection"):
        np.testing.assert_allclose(getattr(series, what)(), getattr(mask, what)(), atol=1e-4)


def test_the_order_of_names_and_instance_numbers_means_nothing(tmp_path: Path) -> None:
    image, affine = phantom()
    numbers = np.random.default_rng(3).permutation(image.shape[2])

    def shuffle(index: int, dataset: Any) -> None:
        dataset.InstanceNumber = int(numbers[index])

    write_series(tmp_path / "ct", image, affine, change=shuffle)
    np.testing.assert_array_equal(read(series_as_nifti(tmp_path / "ct", tmp_path).path_nifti)[0], image)


def test_every_slice_has_its_own_rescaling(tmp_path: Path) -> None:
    image, affine = phantom()

    def rescale(index: int, dataset: Any) -> None:
        stored = np.frombuffer(dataset.PixelData, "<i2").astype(int) + dataset.RescaleIntercept
        dataset.RescaleIntercept = -1000 - index
        dataset.PixelData = (stored - dataset.RescaleIntercept).astype("<i2").tobytes()

    write_series(tmp_path / "ct", image, affine, change=rescale)
    np.testing.assert_array_equal(read(series_as_nifti(tmp_path / "ct", tmp_path).path_nifti)[0], image)


def test_a_broken_slope_gives_float_hu(tmp_path: Path) -> None:
    image, affine = phantom()

    def rescale(index: int, dataset: Any) -> None:
        dataset.RescaleSlope = "0.5"

    write_series(tmp_path / "ct", image, affine, change=rescale)
    voxels, _ = read(series_as_nifti(tmp_path / "ct", tmp_path).path_nifti)
    assert voxels.dtype == np.float32
    np.testing.assert_allclose(voxels, (image.astype(float) + 1024) * 0.5 - 1024, rtol=1e-6)


@pytest.mark.parametrize("bits", [12, 16])
def test_unsigned_voxels_and_those_of_twelve_bits(tmp_path: Path, bits: int) -> None:
    image, affine = phantom()

    def unsigned(index: int, dataset: Any) -> None:
        dataset.PixelRepresentation, dataset.BitsStored, dataset.HighBit = 0, bits, bits - 1

    write_series(tmp_path / "ct", np.clip(image, -1024, 3071), affine, change=unsigned)
    voxels, _ = read(series_as_nifti(tmp_path / "ct", tmp_path).path_nifti)
    np.testing.assert_array_equal(voxels, np.clip(image, -1024, 3071))


def test_hu_beyond_int16_are_cut_off_and_do_not_wrap(tmp_path: Path) -> None:
    image, affine = np.full((4, 4, 3), 100, np.int32), phantom()[1]

    def extreme(index: int, dataset: Any) -> None:
        dataset.PixelRepresentation = 0
        dataset.PixelData = np.array([0, 65535] * 8, "<u2").tobytes()

    write_series(tmp_path / "ct", image, affine, change=extreme)
    voxels, _ = read(series_as_nifti(tmp_path / "ct", tmp_path).path_nifti)
    assert np.unique(voxels).tolist() == [-1024, 32767]


def test_bright_padding_becomes_air_and_dark_padding_stays(tmp_path: Path) -> None:
    image, affine = phantom()

    def padded(index: int, dataset: Any) -> None:
        stored = np.frombuffer(dataset.PixelData, "<u2").copy()
        dataset.PixelPaddingValue = 63536 if index else 1000
        stored[:3] = dataset.PixelPaddingValue
        dataset.PixelRepresentation, dataset.PixelData = 0, stored.tobytes()

    write_series(tmp_path / "ct", image, affine, change=padded)
    voxels, _ = read(series_as_nifti(tmp_path / "ct", tmp_path).path_nifti)
    assert (voxels[:3, 0, 1:] == -1024).all() and (voxels[:3, 0, 0] == -24).all()
    np.testing.assert_array_equal(voxels[:, 1:], image[:, 1:])


def test_run_length_compression(tmp_path: Path) -> None:
    image, affine = phantom()

    def compress(index: int, dataset: Any) -> None:
        dataset.compress(RLELossless)

    write_series(tmp_path / "ct", image, affine, change=compress)
    np.testing.assert_array_equal(read(series_as_nifti(tmp_path / "ct", tmp_path).path_nifti)[0], image)


def test_files_without_a_preamble(tmp_path: Path) -> None:
    image, affine = phantom()
    for path in write_series(tmp_path / "ct", image, affine):
        dataset = dcmread(path)
        del dataset.file_meta
        dataset.preamble = None
        dataset.save_as(path, implicit_vr=True, little_endian=True, enforce_file_format=False)
        assert path.read_bytes()[:2] == b"\x08\x00"
    np.testing.assert_array_equal(read(series_as_nifti(tmp_path / "ct", tmp_path).path_nifti)[0], image)


def test_two_sections_of_different_distance_become_one_even_grid(tmp_path: Path) -> None:
    """A slope along the slices is kept by linear interpolation exactly: HU = 10 * place."""
    affine = tilted(np.diag([-0.8, -0.8, 2.5, 1.0]), 12.0)
    places = [0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16]  # 2.5 mm, then 5 mm.
    image = np.broadcast_to(np.array(places, np.int16) * 10, (6, 5, len(places)))
    write_series(tmp_path / "ct", image, affine, places=places)
    scan = series_as_nifti(tmp_path / "ct", tmp_path)
    voxels, found = read(scan.path_nifti)
    np.testing.assert_array_equal(voxels[2, 3], np.arange(17) * 10)
    assert voxels.shape == (6, 5, 17) and voxels.dtype == np.int16
    np.testing.assert_allclose(found, affine, atol=1e-4)
    (note,) = scan.notes
    assert "from 2.5 to 5 mm" in note and "17 slices from 12, 5 of them interpolated" in note


def test_a_scout_and_a_report_beside_the_series_are_passed_over_and_said(tmp_path: Path) -> None:
    image, affine = phantom()
    write_series(tmp_path / "ct", image, affine)
    digest = series_sha256(tmp_path / "ct")

    def scout(index: int, dataset: Any) -> None:
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
        dataset.ImageOrientationPatient = ["1", "0", "0", "0", "0", "-1"]

    def report(index: int, dataset: Any) -> None:
        for name in ("Rows", "Columns", "PixelData"):
            delattr(dataset, name)
        dataset.Modality = "SR"
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.88.11"

    def screen(index: int, dataset: Any) -> None:
        dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
        dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID

    write_series(tmp_path / "ct", image[:, :, :2], affine, change=scout, prefix="scout")
    write_series(tmp_path / "ct", image[:, :, :1], affine, change=report, prefix="report")
    write_series(tmp_path / "ct", image[:, :, :1], affine, change=screen, prefix="screen")
    (tmp_path / "ct" / "notes.txt").write_text("not DICOM")
    (tmp_path / "ct" / ".DS_Store").write_bytes(b"\0" * 200)
    scan = series_as_nifti(tmp_path / "ct", tmp_path)
    np.testing.assert_array_equal(read(scan.path_nifti)[0], image)
    assert scan.sha256 == digest
    assert set(scan.notes) == {
        "1 file(s) without an image passed over",
        "2 localizer image(s) passed over",
        "1 secondary capture(s) passed over",
    }


def test_the_fingerprint_is_of_the_slices_and_not_of_their_names(tmp_path: Path) -> None:
    image, affine = phantom()
    files = write_series(tmp_path / "ct", image, affine)
    scan = series_as_nifti(tmp_path / "ct", tmp_path)
    shutil.copytree(tmp_path / "ct", tmp_path / "copy")
    for index, path in enumerate(sorted((tmp_path / "copy").iterdir())):
        path.rename(path.with_name(f"{99 - index}.dcm"))
    assert series_sha256(tmp_path / "ct") == series_sha256(tmp_path / "copy") == scan.sha256
    content = bytearray(files[3].read_bytes())
    content[-1] ^= 1
    files[3].write_bytes(content)
    assert series_sha256(tmp_path / "ct") != scan.sha256


def test_nothing_that_may_name_a_patient_comes_along(tmp_path: Path) -> None:
    image, affine = phantom()
    files = write_series(tmp_path / "ct", image, affine)
    scan = series_as_nifti(tmp_path / "ct", tmp_path)
    series = read_series(tmp_path / "ct")
    uid = dcmread(files[0]).SeriesInstanceUID
    for text in (scan.path_nifti.read_bytes().decode("latin-1"), repr(scan), repr(series), str(scan.notes)):
        assert CANARY not in text and "19470815" not in text and uid[:40] not in text


def test_values_that_pydicom_warns_of_are_neither_shown_nor_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    def invalid(index: int, dataset: Any) -> None:
        dataset.SeriesInstanceUID = dataset.SOPInstanceUID = CANARY
        dataset.ImageType = [CANARY, CANARY]
        dataset.InstanceNumber = 7

    write_series(tmp_path / "ct", *phantom(), change=invalid)
    caplog.clear()
    recwarn.clear()
    scan = series_as_nifti(tmp_path / "ct", tmp_path)
    assert not caplog.records and not recwarn.list and CANARY not in str(scan)


def test_memory_does_not_grow_with_the_number_of_slices(tmp_path: Path) -> None:
    affine = phantom()[1]
    peaks = []
    for slices in (8, 48):
        folder = tmp_path / str(slices)
        write_series(folder, np.zeros((256, 256, slices), np.int16), affine)
        series_as_nifti(folder, tmp_path)
        tracemalloc.start()
        series_as_nifti(folder, tmp_path)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    plane = 256 * 256 * 2
    assert peaks[1] - peaks[0] < 10 * plane  # 40 more slices; what grows are their tags.


def test_a_name_that_is_no_nifti_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    write_series(tmp_path / "ct", *phantom())
    with pytest.raises(ConfigError, match="not a NIfTI file name"):
        series_as_nifti(tmp_path / "ct", tmp_path, name="scan.img")
    assert [path.name for path in tmp_path.iterdir()] == ["ct"]


def test_a_compressed_file_on_wish(tmp_path: Path) -> None:
    image, affine = phantom()
    write_series(tmp_path / "ct", image, affine)
    scan = series_as_nifti(tmp_path / "ct", tmp_path, name="image.nii.gz")
    assert scan.path_nifti == tmp_path / "image.nii.gz"
    np.testing.assert_array_equal(read(scan.path_nifti)[0], image)
