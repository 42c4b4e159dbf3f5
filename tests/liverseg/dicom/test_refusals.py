"""Every series that is no single whole CT scan is refused with one clear error, and nothing is written."""

from __future__ import annotations

import builtins
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGLosslessSV1, generate_uid

from liverseg.dicom import SERIES_RULES, series_as_nifti
from liverseg.errors import ConfigError, DataError
from tests.liverseg.dicom.series import CANARY, phantom, write_series

Fault = Callable[[Path], object]


def refused(folder: Path, scratch: Path) -> DataError:
    """The error of converting a folder, and that it is one line, leaves nothing behind and names no patient."""
    scratch.mkdir()
    with pytest.raises(DataError) as raised:
        series_as_nifti(folder, scratch)
    text = str(raised.value)
    assert list(scratch.iterdir()) == []
    assert "\n" not in text and len(text) < 700
    assert CANARY not in text and "19470815" not in text and "1.2.826" not in text
    return raised.value


def changed(change: Callable[[int, Dataset], None]) -> Fault:
    """A phantom series whose every dataset went through `change`."""
    return lambda folder: write_series(folder, *phantom(), change=change)


def with_tag(name: str, value: Any, only: int | None = None) -> Fault:
    """A phantom series with another value of a tag (None: without the tag), in one slice or in all."""

    def change(index: int, dataset: Dataset) -> None:
        if only in (None, index):
            if value is None:
                delattr(dataset, name)
            else:
                setattr(dataset, name, value)

    return changed(change)


def without(*lost: int, renumbered: bool = False) -> Fault:
    """A phantom series that has lost slices."""

    def write(folder: Path) -> None:
        image, affine = phantom()
        kept = [index for index in range(image.shape[2]) if index not in lost]

        def number(index: int, dataset: Dataset) -> None:
            dataset.InstanceNumber = index + 1 if renumbered else kept[index] + 1

        write_series(folder, image[:, :, kept], affine, places=kept, change=number)

    return write


def sheared(degrees: float, written: float | None = None) -> Fault:
    """A phantom series of a gantry tilted about the patient's left-right axis: slices step along z, planes lean."""

    def change(index: int, dataset: Dataset) -> None:
        angle = np.radians(degrees)
        dataset.ImageOrientationPatient = ["1", "0", "0", "0", f"{np.cos(angle):.10f}", f"{np.sin(angle):.10f}"]
        if written is not None:
            dataset.GantryDetectorTilt = written

    return changed(change)


def two_series(folder: Path) -> None:
    image, affine = phantom()

    def pet(index: int, dataset: Dataset) -> None:
        dataset.Modality = "PT"
        dataset.SeriesNumber = 9

    write_series(folder, image, affine)
    write_series(folder, image[:, :, :5], affine, prefix="pet", change=pet)


def two_phases(folder: Path) -> None:
    image, affine = phantom()
    both = np.concatenate([image, image], axis=2)
    write_series(folder, both, affine, places=[*range(image.shape[2])] * 2)


def copied_slices(folder: Path) -> None:
    files = write_series(folder, *phantom())
    for path in files[2:5]:
        shutil.copy(path, path.with_name(f"copy-{path.name}"))


def moved_slice(folder: Path) -> None:
    def change(index: int, dataset: Dataset) -> None:
        if index == 4:
            x, y, z = dataset.ImagePositionPatient
            dataset.ImagePositionPatient = [x + 12.5, y, z]

    changed(change)(folder)


def smaller_slice(folder: Path) -> None:
    def change(index: int, dataset: Dataset) -> None:
        if index == 4:
            dataset.Rows -= 1
            dataset.PixelData = dataset.PixelData[: 2 * dataset.Rows * dataset.Columns]

    changed(change)(folder)


def turned_slice(folder: Path) -> None:
    with_tag("ImageOrientationPatient", ["1", "0", "0", "0", "0", "-1"], 3)(folder)


def compressed(folder: Path) -> None:
    def change(index: int, dataset: Dataset) -> None:
        dataset.PixelData = encapsulate([b"\xff\xd8\xff\xd9"])
        dataset.file_meta.TransferSyntaxUID = JPEGLosslessSV1

    changed(change)(folder)


def truncated(share: float) -> Fault:
    """A phantom series with one file cut."""

    def write(folder: Path) -> None:
        path = write_series(folder, *phantom())[5]
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])

    return write


def only_a_scout(folder: Path) -> None:
    with_tag("ImageType", ["ORIGINAL", "PRIMARY", "LOCALIZER"])(folder)


def damaged_by_name(folder: Path) -> None:
    write_series(folder, *phantom())
    (folder / "IM0099.dcm").write_bytes(b"")


def unreadable_compression(folder: Path) -> None:
    def change(index: int, dataset: Dataset) -> None:
        dataset.compress("1.2.840.10008.1.2.5")
        dataset.PixelData = dataset.PixelData[:60] + bytes(len(dataset.PixelData) - 60)

    changed(change)(folder)


def deflated(folder: Path) -> None:
    def change(index: int, dataset: Dataset) -> None:
        dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1.99"

    changed(change)(folder)


def empty(folder: Path) -> None:
    folder.mkdir()


def no_dicom(folder: Path) -> None:
    folder.mkdir()
    (folder / "readme.txt").write_text("nothing here")


def one_slice(folder: Path) -> None:
    image, affine = phantom()
    write_series(folder, image[:, :, :1], affine)


CASES: dict[str, tuple[Fault, str, tuple[str, ...]]] = {
    "no folder": (lambda folder: None, "X1", ("no such folder",)),
    "empty folder": (empty, "X1", ("no DICOM file in this folder",)),
    "other files": (no_dicom, "X1", ("no DICOM file in this folder",)),
    "damaged by name": (damaged_by_name, "X1", ("named like a slice", "IM0099.dcm")),
    "several series": (
        two_series,
        "X1",
        ("2 series: 12 CT slice(s) (series number 3), 5 PT slice(s) (series number 9)", "folder of its own"),
    ),
    "only a scout": (only_a_scout, "X1", ("no CT slice", "12 localizer image(s)")),
    "cut in the header": (truncated(0.1), "X1", ("slice is damaged", "IM")),
    "cut at the beginning": (truncated(0.02), "X1", ("named like a slice", "IM")),
    "MR": (with_tag("Modality", "MR"), "X2", ("not a CT slice", "modality MR")),
    "free text as modality": (with_tag("Modality", CANARY), "X2", ("modality unknown",)),
    "enhanced": (
        with_tag("SOPClassUID", "1.2.840.10008.5.1.4.1.1.2.1"),
        "X2",
        ("multi-frame (enhanced)", "dcm2niix"),
    ),
    "multi-frame": (with_tag("NumberOfFrames", 4), "X2", ("4 frames in one file",)),
    "MONOCHROME1": (with_tag("PhotometricInterpretation", "MONOCHROME1"), "X2", ("inverted", "MONOCHROME2")),
    "colour": (with_tag("SamplesPerPixel", 3), "X2", ("not a grey image", "3 sample(s)")),
    "palette": (with_tag("PhotometricInterpretation", "PALETTE COLOR"), "X2", ("not a grey image",)),
    "iodine map": (with_tag("RescaleType", "MGML"), "X2", ("not HU", "MGML")),
    "one slice missing": (without(5), "X3", ("slices are missing", "1 missing of 12", "mm")),
    "three missing": (without(2, 3, 8, renumbered=True), "X3", ("3 missing of 12: 2 between", "1 between")),
    "two phases": (two_phases, "X3", ("several slices lie in one place", "12 at", "phases")),
    "copies": (copied_slices, "X3", ("there twice", "3 at", "remove the copies")),
    "one slice": (one_slice, "X3", ("at least two slices",)),
    "gantry tilt": (sheared(20.0), "X4", ("tilted gantry", "20.0 degrees", "dcm2niix")),
    "gantry tilt that is told": (sheared(-15.0, -15.0), "X4", ("15.0 degrees", "gantry tilt -15 degrees in the files")),
    "a small tilt": (sheared(4.0), "X4", ("tilted gantry", "4.0 degrees")),
    "a slice beside": (moved_slice, "X4", ("do not lie above each other", "12.5 mm")),
    "another size": (smaller_slice, "X4", ("different sizes", "11 of 40x40, 1 of 40x39")),
    "another spacing": (with_tag("PixelSpacing", ["0.7", "0.7"], 4), "X4", ("pixel spacings", "1 of 0.7 x 0.7 mm")),
    "another orientation": (turned_slice, "X4", ("different orientations", "1 of 12")),
    "a slanted image": (
        with_tag("ImageOrientationPatient", ["1", "0", "0", "0.6", "0.8", "0"]),
        "X4",
        ("right angles",),
    ),
    "enormous pixels": (with_tag("PixelSpacing", ["70", "70"]), "X4", ("impossible voxel spacing",)),
    "unknown compression": (compressed, "X5", ("cannot be decoded here", "JPEG Lossless", "gdcmconv")),
    "deflated": (deflated, "X5", ("cannot be decoded here", "deflated")),
    "damaged compression": (unreadable_compression, "X5", ("IM",)),
    "cut in the voxels": (truncated(0.7), "X5", ("ends early",)),
    "no voxels": (with_tag("PixelData", None), "X5", ("IM",)),
    "odd bits": (with_tag("HighBit", 13), "X5", ("unusual",)),
    "no position": (with_tag("ImagePositionPatient", None, 6), "X6", ("ImagePositionPatient is missing",)),
    "no orientation": (with_tag("ImageOrientationPatient", None), "X6", ("ImageOrientationPatient is missing",)),
    "no spacing": (with_tag("PixelSpacing", None), "X6", ("PixelSpacing is missing",)),
    "spacing 0": (with_tag("PixelSpacing", ["0", "0.7"]), "X6", ("PixelSpacing cannot be understood",)),
    "no intercept": (with_tag("RescaleIntercept", None, 2), "X6", ("RescaleIntercept is missing",)),
    "slope 0": (with_tag("RescaleSlope", 0), "X6", ("makes no HU",)),
    "no length": (with_tag("ImageOrientationPatient", ["0"] * 6), "X6", ("directions of length 1",)),
}


@pytest.mark.parametrize("name", CASES)
def test_is_refused(tmp_path: Path, name: str) -> None:
    fault, rule, words = CASES[name]
    fault(tmp_path / "ct")
    error = refused(tmp_path / "ct", tmp_path / "scratch")
    assert error.rule == rule and rule in SERIES_RULES
    for word in words:
        assert word in str(error)


def test_every_rule_has_a_case() -> None:
    assert {rule for _, rule, _ in CASES.values()} == set(SERIES_RULES)


def test_a_tilt_that_is_written_and_gone_is_accepted(tmp_path: Path) -> None:
    """Archives that straighten a tilted scan often leave the tag as it was: where the slices lie counts."""
    with_tag("GantryDetectorTilt", 12.0)(tmp_path / "ct")
    assert series_as_nifti(tmp_path / "ct", tmp_path).notes == ()


def test_positions_rounded_to_a_tenth_are_straight_enough(tmp_path: Path) -> None:
    def rounded(index: int, dataset: Dataset) -> None:
        dataset.ImagePositionPatient = [f"{float(part):.1f}" for part in dataset.ImagePositionPatient]

    changed(rounded)(tmp_path / "ct")
    assert series_as_nifti(tmp_path / "ct", tmp_path).notes == ()


@pytest.mark.parametrize("calls", [1, 2])
def test_a_file_that_the_system_will_not_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: int) -> None:
    """Neither when tags are read (the second opening, after the look at its first bytes) nor for its voxels (third)."""
    files = write_series(tmp_path / "ct", *phantom())
    opened = Path.open
    seen: list[Path] = []

    def fails(path: Path, *arguments: Any, **named: Any) -> Any:
        seen.append(path)
        if path == files[3] and seen.count(path) > calls:
            raise PermissionError(13, "Permission denied")
        return opened(path, *arguments, **named)

    monkeypatch.setattr(Path, "open", fails)
    error = refused(tmp_path / "ct", tmp_path / "scratch")
    assert error.rule == "X1" and "Permission denied" in str(error)


def test_without_pydicom_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_series(tmp_path / "ct", *phantom())
    real = builtins.__import__

    def missing(name: str, *arguments: Any, **named: Any) -> Any:
        if name.split(".")[0] == "pydicom":
            raise ImportError(name)
        return real(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ConfigError, match=r"pip install 'liversweep\[dicom\]'"):
        series_as_nifti(tmp_path / "ct", tmp_path)


def test_a_slice_that_changes_while_it_is_read(tmp_path: Path) -> None:
    """The tags were judged, then another file took a slice's place: noticed, and nothing is left behind."""
    files = write_series(tmp_path / "ct", *phantom())

    def swap(done: int, of: int) -> None:
        if done == 2:
            other = dcmread(files[-1])
            other.Rows -= 8
            other.PixelData = other.PixelData[: 2 * other.Rows * other.Columns]
            other.SOPInstanceUID = generate_uid()
            other.save_as(files[-1])

    (tmp_path / "scratch").mkdir()
    with pytest.raises(DataError, match="another size than its tags say"):
        series_as_nifti(tmp_path / "ct", tmp_path / "scratch", on_slices=swap)
    assert list((tmp_path / "scratch").iterdir()) == []
