"""DICOM series for tests: written from volumes with pydicom, sound ones and ones with chosen faults."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from liverseg.dicom.tags import quiet
from liverseg.phantom.case import make_case
from liverseg.phantom.config import PhantomConfig

Affine = npt.NDArray[np.float64]
Change = Callable[[int, Dataset], None]

CANARY = "CANARY-Mustermann"
INTERCEPT = -1024
_FLIP = np.diag([-1.0, -1.0, 1.0])


@cache
def phantom(orientation: str = "LPS", slices: int = 12) -> tuple[npt.NDArray[np.int16], Affine]:
    """A small phantom scan, int16 HU `(x, y, z)`, and its RAS affine. Not to be changed."""
    config = PhantomConfig(
        matrix_px=(40, 40), slices=(slices, slices), orientations=(orientation,), thickness_mm=(5.0,)
    )
    case = make_case(config, 0)
    case.image.flags.writeable = False
    return case.image, case.affine


def tilted(affine: Affine, degrees: float, axis: tuple[float, float, float] = (1.0, 2.0, 0.5)) -> Affine:
    """The affine turned in space about an axis through the world's origin (Rodrigues' formula)."""
    x, y, z = np.array(axis) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.radians(degrees)
    turned = np.eye(4)
    turned[:3, :3] = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)
    rotated: Affine = turned @ affine
    return rotated


def write_series(
    folder: Path,
    image: npt.NDArray[Any],
    affine: Affine,
    *,
    places: Sequence[float] | None = None,
    change: Change = lambda index, dataset: None,
    prefix: str = "",
    seed: int = 1,
) -> list[Path]:
    """Write one file a slice, named so that their order by name is not their order in space.

    Args:
        folder: made if it is not there.
        image: `(x, y, z)` whole HU.
        affine: RAS mm.
        places: where the slices lie, in steps of the affine's third axis; 0, 1, 2, … by default.
        change: given the index of a slice and its dataset, to break it.
        prefix: of the files' names.
        seed: of the names.
    """
    folder.mkdir(parents=True, exist_ok=True)
    series = generate_uid(entropy_srcs=[str(folder), prefix, str(seed)])
    names = np.random.default_rng(seed).permutation(image.shape[2])
    lps = affine.copy()
    lps[:3] = _FLIP @ affine[:3]
    written = []
    for index in range(image.shape[2]):
        place = float(index if places is None else places[index])
        dataset = _dataset(image[:, :, index], lps, place, index, series)
        path = folder / f"{prefix}IM{names[index]:04d}"
        with quiet():  # pydicom warns of what a test breaks on purpose.
            change(index, dataset)
            dataset.save_as(path, enforce_file_format=True)
        written.append(path)
    return written


def _dataset(plane: npt.NDArray[Any], lps: Affine, place: float, index: int, series: str) -> Dataset:
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = f"{series[:50]}.{index + 1}"
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.SeriesInstanceUID = series
    dataset.StudyInstanceUID = series
    for name in ("PatientName", "PatientID", "StudyDescription", "SeriesDescription", "InstitutionName"):
        setattr(dataset, name, CANARY)
    dataset.StudyDate = dataset.PatientBirthDate = "19470815"
    dataset.Modality = "CT"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.SeriesNumber = 3
    dataset.InstanceNumber = index + 1
    columns, rows = plane.shape
    dataset.Rows, dataset.Columns = rows, columns
    dataset.ImageOrientationPatient = _written([*(lps[:3, 0] / spacing[0]), *(lps[:3, 1] / spacing[1])])
    dataset.ImagePositionPatient = _written(lps[:3, 3] + place * lps[:3, 2])
    dataset.PixelSpacing = _written([spacing[1], spacing[0]])
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = INTERCEPT, 1, "HU"
    dataset.PixelRepresentation = 1
    stored = (plane.astype(np.int64) - INTERCEPT).astype("<i2")
    dataset.PixelData = stored.T.tobytes()
    return dataset


def _written(values: Any) -> list[str]:
    """Decimal strings of at most 16 characters, as DICOM wants them."""
    return [f"{float(value):.10f}"[:16] for value in values]
