"""A scan and its mask as matching stacks of axial planes, without holding either in memory.

Stored data whose last axis is the axial one (nearly every CT) is streamed; for the others the whole volume is read in
its stored type and cut into stacks. Either way the files are read to their end, so that a damaged one is noticed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from liverseg.preprocess.orient import Orientation
from liverseg.volume import Header, read_voxels, slabs, to_hu, to_labels

Raw = npt.NDArray[Any]
# Small enough for a core's second-level cache, with several planes for what is paid once a stack.
_STACK_BYTES = 1 << 21
_BIGGEST_HU = 32768.0


@dataclass(frozen=True, slots=True)
class Stack:
    """Consecutive axial planes in stored order.

    Attributes:
        start: position of the first plane on the axial axis.
        image: axes `(slice, slower, faster)`; integers of up to 16 bits as stored, all other types as float32 HU.
        mask: uint8 labels of the same shape, or None when there is no mask.
    """

    start: int
    image: Raw
    mask: npt.NDArray[np.uint8] | None


@dataclass(frozen=True, slots=True)
class VoxelFile:
    """A NIfTI file whose header has been read and checked."""

    path: Path
    header: Header

    @property
    def small(self) -> bool:
        """Whether voxels are integers of up to 16 bits, which float32 holds exactly and which cannot be NaN."""
        return np.dtype(self.header.dtype).itemsize <= 2

    @property
    def scale(self) -> tuple[np.float32, np.float32]:
        """Slope and intercept that are still to be applied to `Stack.image` to have HU."""
        slope, intercept = (self.header.slope, self.header.intercept) if self.small else (1.0, 0.0)
        return np.float32(slope), np.float32(intercept)


def read_stacks(image: VoxelFile, mask: VoxelFile | None, orientation: Orientation, *, case: str) -> Iterator[Stack]:
    """Stacks of image and mask in step, from the first stored plane to the last.

    Arrays may be overwritten when the next stack is asked for.

    Raises:
        DataError: a file is damaged (N1) or too long (N3), HU that are not finite or labels outside the label map (N4).
    """
    images = (part if image.small else _hu(part, image, case) for part in _planes(image, orientation, case))
    if mask is None:
        start = 0
        for part in images:
            yield Stack(start, part, None)
            start += len(part)
        return
    labels = (to_labels(part, mask.header, path=mask.path, case=case) for part in _planes(mask, orientation, case))
    yield from _in_step(images, labels)


def _hu(part: Raw, file: VoxelFile, case: str) -> Raw:
    hu = to_hu(part, file.header, path=file.path, case=case)
    return np.clip(hu, -_BIGGEST_HU, _BIGGEST_HU, out=hu)


def _planes(file: VoxelFile, orientation: Orientation, case: str) -> Iterator[Raw]:
    header = file.header
    depth = header.shape[orientation.axes[0]]
    step = max(1, _STACK_BYTES * depth // header.promised_bytes)
    if orientation.axes[0] == 2:
        for slab in slabs(file.path, header, case=case, planes=step, reuse=True):
            yield slab.transpose(2, 1, 0)
        return
    volume = orientation.stack(read_voxels(file.path, header, case=case))
    for start in range(0, len(volume), step):
        yield np.ascontiguousarray(volume[start : start + step])


def _in_step(images: Iterator[Raw], masks: Iterator[npt.NDArray[np.uint8]]) -> Iterator[Stack]:
    start, image, mask = 0, next(images, None), next(masks, None)
    while image is not None and mask is not None:
        count = min(len(image), len(mask))
        yield Stack(start, image[:count], mask[:count])
        start, image, mask = start + count, image[count:], mask[count:]
        image = image if len(image) else next(images, None)
        mask = mask if len(mask) else next(masks, None)
