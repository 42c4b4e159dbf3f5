"""What a scan looks like in ten numbers, measured while it streams past, and whether it can be a CT at all.

All of it is about the patient's axes and about HU, so that it is the same however the file stores the scan.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from liverseg.errors import ConfigError, DataError
from liverseg.preprocess.levels import LevelCounts
from liverseg.preprocess.native import HISTOGRAM_BINS, HISTOGRAM_LOW_HU, TISSUE_HU
from liverseg.preprocess.orient import Orientation, orientation_from
from liverseg.preprocess.stacks import Stack, VoxelFile, read_stacks
from liverseg.volume import read_header

AIR_HU = -500
DENSE_HU = 500
LEAST_RANGE_HU = 100.0
MOST_DENSE = 0.2
"""Share of voxels above 500 HU that no scan of a trunk reaches: its bones are a few hundredths of it."""
CT_RULE = "F1"


@dataclass(frozen=True, slots=True)
class ScanFeatures:
    """A scan in numbers.

    Attributes:
        hu_min, hu_max: extremes of all voxels, HU.
        body_p05, body_p50, body_p95: percentiles of the voxels above -200 HU (fat, soft tissue and bone), HU; NaN when
            there is none.
        air: share of voxels below -500 HU: lungs, bowel gas, and what surrounds the patient.
        dense: share of voxels above 500 HU.
        spacing_plane_mm: the larger distance between voxel centres within an axial plane.
        spacing_slices_mm: between axial planes.
        extent_mm: height scanned, slices times their distance.
        field_mm: the larger side of an axial plane.
        slices: axial planes.
    """

    hu_min: float
    hu_max: float
    body_p05: float
    body_p50: float
    body_p95: float
    air: float
    dense: float
    spacing_plane_mm: float
    spacing_slices_mm: float
    extent_mm: float
    field_mm: float
    slices: int

    def as_json(self) -> dict[str, float | None]:
        """Plain values; NaN as None."""
        return {name: None if value != value else value for name, value in asdict(self).items()}

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> ScanFeatures:
        """The features that `as_json` wrote.

        Raises:
            ConfigError: a value is missing or no number.
        """
        try:
            found = {field.name: values[field.name] for field in fields(ScanFeatures)}
            numbers = {name: math.nan if value is None else float(value) for name, value in found.items()}
            return ScanFeatures(**numbers | {"slices": int(found["slices"])})  # type: ignore[arg-type]
        except (KeyError, TypeError, ValueError) as error:
            got = f"{type(error).__name__}: {error}"
            raise ConfigError("not the features of a scan", got=got, next_step="export the model again") from error


class FeatureMeter:
    """Measures one scan, stack by stack; memory does not grow with the scan.

    Args:
        image: the scan.
        orientation: of the image.
    """

    def __init__(self, image: VoxelFile, orientation: Orientation) -> None:
        self._shape = orientation.permute(image.header.shape)
        self._spacing_mm = orientation.permute(image.header.spacing_mm)
        self._levels = LevelCounts(image)

    def add(self, stack: Stack) -> None:
        """Count every voxel of one stack; its arrays may be overwritten afterwards."""
        for plane in stack.image:
            # A copy only where the plane is not stored as one block.
            self._levels.add(plane.ravel())

    def features(self) -> ScanFeatures:
        """The features of all stacks taken in so far.

        Raises:
            ValueError: there was none.
        """
        levels, counts = self._levels.by_hu()
        if not counts.size:
            raise ValueError("no voxel was measured")
        hu = levels.astype(np.float64)
        total = float(counts.sum())
        p05, p50, p95 = _body_percentiles(hu, counts)
        n, height, width = self._shape
        between, row_mm, column_mm = self._spacing_mm
        return ScanFeatures(
            hu_min=float(hu.min()),
            hu_max=float(hu.max()),
            body_p05=p05,
            body_p50=p50,
            body_p95=p95,
            air=float(counts[hu < AIR_HU].sum()) / total,
            dense=float(counts[hu > DENSE_HU].sum()) / total,
            spacing_plane_mm=float(max(row_mm, column_mm)),
            spacing_slices_mm=float(between),
            extent_mm=float(n * between),
            field_mm=float(max(height * row_mm, width * column_mm)),
            slices=int(n),
        )


def _body_percentiles(hu: npt.NDArray[np.float64], counts: npt.NDArray[np.int64]) -> tuple[float, float, float]:
    """5th, 50th and 95th percentile of voxels above -200 HU, from a histogram of 4096 bins of 1 HU."""
    bins = np.clip(hu - HISTOGRAM_LOW_HU, 0, HISTOGRAM_BINS - 1).astype(np.intp)
    histogram = np.bincount(bins, weights=counts, minlength=HISTOGRAM_BINS)
    histogram[: TISSUE_HU - HISTOGRAM_LOW_HU + 1] = 0
    total = histogram.sum()
    if total == 0:
        return math.nan, math.nan, math.nan
    cumulative = np.cumsum(histogram)
    found = [int(np.searchsorted(cumulative, share * total)) + HISTOGRAM_LOW_HU for share in (0.05, 0.5, 0.95)]
    return float(found[0]), float(found[1]), float(found[2])


def scan_features(path: Path, *, case: str) -> ScanFeatures:
    """The features of a NIfTI file, read once as a stream.

    Raises:
        DataError: it is damaged or breaks a rule (N1 to N4).
    """
    image = VoxelFile(path, read_header(path, case=case, role="image"))
    orientation = orientation_from(image.header.orientation)
    meter = FeatureMeter(image, orientation)
    for stack in read_stacks(image, None, orientation, case=case):
        meter.add(stack)
    return meter.features()


def require_ct(features: ScanFeatures, *, case: str | None = None, path: Path | None = None) -> None:
    """Refuse what cannot be a CT of a trunk in HU; what is merely unusual passes, see `FamiliarRanges`.

    Raises:
        DataError: rule F1: nearly constant, no air (MR, an 8-bit picture, detector values without their shift), a window
            applied before, nothing but air, or mostly denser than bone (sign or scale turned).
    """
    oddity = _no_ct(features)
    if oddity is None:
        return
    raise DataError(
        f"not a CT in HU: {oddity}",
        case=case,
        rule=CT_RULE,
        where=None if path is None else str(path),
        got=f"values from {features.hu_min:g} to {features.hu_max:g}",
        allowed="CT in Hounsfield units: air near -1000, soft tissue near 50",
        next_step="convert the original DICOM series again, without windowing or normalising",
    )


def _no_ct(features: ScanFeatures) -> str | None:
    low, high = features.hu_min, features.hu_max
    if high - low < LEAST_RANGE_HU:
        return "nearly constant, or normalised before"
    if low >= 0 and high <= 255:
        return "an 8-bit picture"
    if low >= 0:
        return "no value below 0, as in MR, or in CT stored without its shift of -1024"
    if low >= AIR_HU:
        return "no air, as in MR, or windowed before"
    if features.body_p50 != features.body_p50:
        return "nothing but air"
    if features.dense > MOST_DENSE:
        return f"{features.dense:.0%} of it is above {DENSE_HU} HU, where a CT has bone: sign or scale is wrong"
    return None
