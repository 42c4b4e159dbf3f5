"""One scan in, one prepared case for every size out, in a single pass over the files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from liverseg.config import FITS, PARAMETERS, SLICES, PrepareConfig
from liverseg.errors import ConfigError
from liverseg.preprocess.arrays import PlaneMap, PreparedCase, stored_from_hu
from liverseg.preprocess.native import NativeFacts
from liverseg.preprocess.orient import Orientation, orientation_from
from liverseg.preprocess.planes import PlaneFitter, plane_map
from liverseg.preprocess.slices import slices_to_keep
from liverseg.preprocess.stacks import Stack, VoxelFile, read_stacks
from liverseg.volume import check_pair, read_header

PREPARE_VERSION = 1
"""Part of every cache key: raised whenever the same scan would be prepared to other values."""

AIR_HU = -1024.0


def check_prepare(config: PrepareConfig) -> None:
    """Refuse a preparation that cannot work.

    Raises:
        ConfigError: no size, a size that no network takes, an unknown slice rule or fit.
    """
    size = PARAMETERS["size"]
    if not config.sizes_px:
        raise ConfigError("no size to prepare", where="prepare.size", got="[]", allowed=size.allowed)
    for value in config.sizes_px:
        if not size.accepts(value):
            raise ConfigError("impossible size", where="prepare.size", got=repr(value), allowed=size.allowed)
    if config.slices not in SLICES:
        raise ConfigError(
            "unknown slice rule", where="prepare.slices", got=repr(config.slices), allowed=" | ".join(SLICES)
        )
    if config.fit not in FITS:
        raise ConfigError("unknown fit", where="prepare.fit", got=repr(config.fit), allowed=" | ".join(FITS))


def prepare_case(
    case_uid: str, patient: str, image_path: Path, mask_path: Path | None, config: PrepareConfig
) -> dict[int, PreparedCase]:
    """Read one scan once and prepare it at every size of `config`.

    Memory: the prepared arrays and a few planes when the axial axis is the last stored one, else the stored volume too.

    Args:
        case_uid: pseudonym of the case, also named in errors.
        patient: pseudonym of the patient.
        image_path: the scan, NIfTI.
        mask_path: its labels, NIfTI; None for a scan that is only to be segmented: the mask is then all background.
        config: sizes, slice rule and fit.

    Returns:
        Prepared cases by size in pixels. Sizes share `reference`, `keep` and `foreground_hu`.

    Raises:
        ConfigError: the configuration cannot work.
        DataError: a file is damaged or breaks a rule (N1 to N4), or image and mask do not match (N5).
    """
    check_prepare(config)
    image = VoxelFile(image_path, read_header(image_path, case=case_uid, role="image"))
    mask = None if mask_path is None else VoxelFile(mask_path, read_header(mask_path, case=case_uid, role="mask"))
    if mask is not None:
        check_pair(image.header, mask.header, path=mask.path, case=case_uid)
    orientation = orientation_from(image.header.orientation)
    facts = NativeFacts(image, orientation, tissue=config.slices == "body")
    squares = [_Squares(size, image, orientation, config.fit) for size in sorted(set(config.sizes_px))]
    _stream(read_stacks(image, mask, orientation, case=case_uid), facts, squares)
    return _assemble(case_uid, patient, config, orientation, facts, squares)


class _Squares:
    """The growing arrays of one size, in display order."""

    def __init__(self, size_px: int, scan: VoxelFile, orientation: Orientation, fit: str) -> None:
        header = scan.header
        n, height, width = orientation.permute(header.shape)
        _, row_mm, column_mm = orientation.permute(header.spacing_mm)
        self.plane: PlaneMap = plane_map((height, width), (row_mm, column_mm), size_px, fit)
        self.image = np.full((n, size_px, size_px), stored_from_hu(AIR_HU), np.int16)
        self.mask = np.zeros((n, size_px, size_px), np.uint8)
        self._fitter = PlaneFitter(self.plane, orientation, scan.scale)
        self._last = n - 1 if orientation.flips[0] else None

    def _slot(self, position: int) -> int:
        return position if self._last is None else self._last - position

    def add_image(self, position: int, plane: npt.NDArray[Any]) -> None:
        """Take in the voxels of the plane at `position` of the axial axis."""
        self._fitter.image(plane, self.image[self._slot(position)])

    def add_mask(self, position: int, plane: npt.NDArray[np.uint8]) -> None:
        """Take in the labels of the plane at `position` of the axial axis."""
        self._fitter.mask(plane, self.mask[self._slot(position)])


def _stream(stacks: Iterable[Stack], facts: NativeFacts, squares: list[_Squares]) -> None:
    for stack in stacks:
        facts.add(stack)
        for index, plane in enumerate(stack.image):
            position = stack.start + index
            for square in squares:
                square.add_image(position, plane)
            if stack.mask is not None and facts.labelled[position]:
                for square in squares:
                    square.add_mask(position, stack.mask[index])


def _assemble(
    uid: str,
    patient: str,
    config: PrepareConfig,
    orientation: Orientation,
    facts: NativeFacts,
    squares: list[_Squares],
) -> dict[int, PreparedCase]:
    keep = slices_to_keep(config.slices, facts.labelled, facts.tissue)
    if orientation.flips[0]:
        keep = np.ascontiguousarray(keep[::-1])
    reference, foreground_hu = facts.reference(), facts.foreground_hu()
    return {
        square.plane.size_px: PreparedCase(
            uid, patient, square.image, square.mask, keep, square.plane, reference, foreground_hu
        )
        for square in squares
    }
