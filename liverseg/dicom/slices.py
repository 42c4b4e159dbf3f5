"""One slice: where its voxels lie and how its numbers turn into HU, as its tags tell."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

from liverseg.dicom.tags import Tags, lacks
from liverseg.errors import DataError

MOST_SLOPE = 1000.0
MOST_INTERCEPT_HU = 1e5
_Vector = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Slice:
    """What one file says about its slice. Lengths in mm, directions and positions in DICOM's LPS axes.

    Attributes:
        path: the file.
        uid: SOP instance UID; it may lead to a patient, so it is compared and never shown.
        number: instance number, None where there is none.
        columns, rows: voxels along x and y.
        spacing_mm: distance between columns (x), then between rows (y).
        along_row, along_column: unit vectors in which the column and the row index grow.
        position_mm: centre of the first voxel.
        tilt_deg: gantry tilt as the scanner wrote it, 0 where it wrote none.
        slope, intercept: `HU = stored * slope + intercept`.
        padding: stored number of voxels outside the scanner's field of view, None where none is named.
        lossy: whether the voxels were once compressed with loss.
    """

    path: Path
    uid: str = field(repr=False)
    number: int | None
    columns: int
    rows: int
    spacing_mm: tuple[float, float]
    along_row: _Vector
    along_column: _Vector
    position_mm: _Vector
    tilt_deg: float
    slope: float
    intercept: float
    padding: int | None
    lossy: bool


def describe(tags: Tags) -> Slice:
    """The slice that a file's tags tell of.

    Raises:
        DataError: rule X6, a tag that a scan needs is missing or makes no sense.
    """
    path = tags.path
    rows, columns = tags.whole("Rows"), tags.whole("Columns")
    if not rows or not columns or rows < 0 or columns < 0:
        raise lacks("Rows or Columns", "is missing", path, "whole numbers above 0")
    between_rows, between_columns = tags.numbers("PixelSpacing", 2)
    if not (between_rows > 0 and between_columns > 0):
        raise lacks("PixelSpacing", "cannot be understood", path, "lengths above 0 mm")
    turned = tags.numbers("ImageOrientationPatient", 6)
    slope, intercept = (tags.numbers(name, 1)[0] for name in ("RescaleSlope", "RescaleIntercept"))
    if not 0 < abs(slope) <= MOST_SLOPE or abs(intercept) > MOST_INTERCEPT_HU:
        allowed = f"a slope other than 0 up to {MOST_SLOPE:g}, an intercept up to {MOST_INTERCEPT_HU:g}"
        raise lacks("RescaleSlope or RescaleIntercept", "makes no HU", path, allowed)
    x, y, z = tags.numbers("ImagePositionPatient", 3)
    return Slice(
        path=path,
        uid=tags.text("SOPInstanceUID"),
        number=tags.whole("InstanceNumber"),
        columns=columns,
        rows=rows,
        spacing_mm=(between_columns, between_rows),
        along_row=_unit(turned[:3], path),
        along_column=_unit(turned[3:], path),
        position_mm=(x, y, z),
        tilt_deg=_tilt(tags),
        slope=slope,
        intercept=intercept,
        padding=tags.whole("PixelPaddingValue"),
        lossy=tags.text("LossyImageCompression") == "01",
    )


def _tilt(tags: Tags) -> float:
    try:
        return tags.numbers("GantryDetectorTilt", 1)[0]
    except DataError:
        return 0.0


def _unit(vector: tuple[float, ...], path: Path) -> _Vector:
    length = math.hypot(*vector)
    if not 0.99 <= length <= 1.01:
        raise lacks("ImageOrientationPatient", "cannot be understood", path, "two directions of length 1")
    x, y, z = (part / length for part in vector)
    return x, y, z
