"""A model at work on scans: read, resampled, predicted and brought back slice by slice, the networks kept for the next scan."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from liverseg.handover.description import Member
from liverseg.handover.folder import ModelFolder
from liverseg.handover.networks import load_network
from liverseg.inference.native import Logits, NativeBox, native_box
from liverseg.inference.native_mean import View, mean_box
from liverseg.inference.predict import Forward
from liverseg.preprocess.arrays import Image, NativeReference, PlaneMap, stored_from_hu
from liverseg.preprocess.native import Crop, assemble
from liverseg.preprocess.orient import Orientation, orientation_from
from liverseg.preprocess.planes import PlaneFitter, plane_map
from liverseg.preprocess.prepare import AIR_HU
from liverseg.preprocess.stacks import Stack, VoxelFile, read_stacks
from liverseg.preprocess.window import apply_window
from liverseg.training.weights import forward_of
from liverseg.volume import Header, read_header

MOST_SLICES = 8
MOST_PIXELS = 2**20
"""Of a batch: what keeps a network's feature maps below a gigabyte also at 512 pixels."""

OnSlices = Callable[[int, int], None]
OnStack = Callable[[Stack], None]


@dataclass(frozen=True, slots=True)
class Segmentation:
    """What the networks made of a scan, before any post-processing.

    Attributes:
        header: of the scan.
        volume: labels in the display frame, cut to the box of the foreground.
    """

    header: Header
    volume: NativeReference


class Predictor:
    """The networks of a model, loaded and compiled once.

    Args:
        model: from `open_model`.
        flips: predict the left-right mirrored slices too; None does as the model says.
        only: use the first network alone (of an ensemble).

    Attributes:
        model: that it is of.
        flips: whether mirrored slices are predicted too.

    Raises:
        DataError, ConfigError: a network cannot be rebuilt.
    """

    def __init__(self, model: ModelFolder, *, flips: bool | None = None, only: bool = False) -> None:
        description = model.description
        members = description.members[:1] if only else description.members
        networks = [(member, forward_of(load_network(model, member))) for member in members]
        self.model = model
        self.flips = description.flips if flips is None else flips
        self._engine = Engine(networks, description.fit, self.flips)

    def segment(
        self,
        image: Path,
        *,
        case: str,
        on_slices: OnSlices = lambda done, total: None,
        on_stack: OnStack = lambda stack: None,
    ) -> Segmentation:
        """Segment a scan. Memory: a few slices and the box of the foreground, one byte a voxel; the whole stored scan only
        where slices are not its last axis.

        Args:
            image: NIfTI, in any orientation and spacing.
            case: what errors call it.
            on_slices: called with the slices done and their number.
            on_stack: sees the scan as it is read.

        Raises:
            DataError: the file breaks a rule (N1 to N4).
            MemoryExceeded: a batch did not fit.
        """
        return self._engine.segment(image, case=case, on_slices=on_slices, on_stack=on_stack)


class Engine:
    """Networks beside each other on the same slices.

    Args:
        networks: members with what predicts for them.
        fit: how slices are brought into the square.
        flips: predict mirrored slices too.
    """

    def __init__(self, networks: Sequence[tuple[Member, Forward]], fit: str, flips: bool) -> None:
        self._networks, self._fit, self._flips = tuple(networks), fit, flips
        self._sizes = tuple(sorted({member.size_px for member, _ in networks}))
        self._batch = max(1, min(MOST_SLICES, MOST_PIXELS // self._sizes[-1] ** 2))

    def segment(
        self, image: Path, *, case: str, on_slices: OnSlices, on_stack: OnStack = lambda stack: None
    ) -> Segmentation:
        """See `Predictor.segment`."""
        scan = VoxelFile(image, read_header(image, case=case, role="image"))
        orientation = orientation_from(scan.header.orientation)
        n, height, width = orientation.permute(scan.header.shape)
        spacing_mm = orientation.permute(scan.header.spacing_mm)
        planes = {size: plane_map((height, width), spacing_mm[1:], size, self._fit) for size in self._sizes}
        crops: list[Crop] = []
        for done, boxes in self._boxes(scan, orientation, planes, case, on_stack):
            crops += [(_place(index, n, orientation), box.row, box.column, box.labels) for index, box in boxes]
            on_slices(done, n)
        if not crops:
            return Segmentation(scan.header, NativeReference((n, height, width), spacing_mm, (0, 0, 0), _NOTHING))
        start, labels = assemble(crops)
        return Segmentation(scan.header, NativeReference((n, height, width), spacing_mm, start, labels))

    def _boxes(
        self, scan: VoxelFile, orientation: Orientation, planes: dict[int, PlaneMap], case: str, on_stack: OnStack
    ) -> Iterator[tuple[int, list[tuple[int, NativeBox]]]]:
        """Slices done so far, and of the newest batch those with foreground by their stored position."""
        squares = _Squares(planes, orientation, scan.scale, self._batch)
        for stack in read_stacks(scan, None, orientation, case=case):
            on_stack(stack)
            for index, plane in enumerate(stack.image):
                squares.add(plane)
                if squares.full:
                    yield stack.start + index + 1, self._predict(squares, stack.start + index + 1)
        if squares.count:
            total = scan.header.shape[orientation.axes[0]]
            yield total, self._predict(squares, total)

    def _predict(self, squares: _Squares, stop: int) -> list[tuple[int, NativeBox]]:
        count = squares.count
        views = [view for member, forward in self._networks for view in self._views(member, forward, squares)]
        found = []
        for row in range(count):
            box = _box([(logits[row], plane) for logits, plane in views])
            if box.labels.size and box.labels.any():
                found.append((stop - count + row, box))
        squares.clear()
        return found

    def _views(self, member: Member, forward: Forward, squares: _Squares) -> Iterator[tuple[Logits, PlaneMap]]:
        images = apply_window(squares.images[member.size_px], member.window)
        plane = squares.planes[member.size_px]
        yield forward(images), plane
        if self._flips:
            mirrored = forward(np.ascontiguousarray(images[:, :, ::-1]))
            yield mirrored[:, :, ::-1], plane


_NOTHING = np.zeros((0, 0, 0), np.uint8)


def _box(views: Sequence[View]) -> NativeBox:
    return native_box(*views[0]) if len(views) == 1 else mean_box(views)


def _place(stored: int, slices: int, orientation: Orientation) -> int:
    """Where a stored slice is in the display frame."""
    return slices - 1 - stored if orientation.flips[0] else stored


class _Squares:
    """Slices of a scan at the sizes that the networks need, until a batch is full.

    The arrays keep their shape, so that a network is compiled once: behind the last slices stay those of the batch before,
    and what comes of them is not used.
    """

    def __init__(
        self, planes: dict[int, PlaneMap], orientation: Orientation, scale: tuple[np.float32, np.float32], batch: int
    ) -> None:
        self.planes = planes
        self.images: dict[int, Image] = {
            size: np.full((batch, size, size), stored_from_hu(AIR_HU), np.int16) for size in planes
        }
        self._fitters = {size: PlaneFitter(plane, orientation, scale) for size, plane in planes.items()}
        self._batch, self.count = batch, 0

    @property
    def full(self) -> bool:
        """Whether a batch is complete."""
        return self.count == self._batch

    def add(self, plane: npt.NDArray[Any]) -> None:
        """Take in the next stored plane."""
        for size, fitter in self._fitters.items():
            fitter.image(plane, self.images[size][self.count])
        self.count += 1

    def clear(self) -> None:
        """Begin the next batch."""
        self.count = 0
