"""What preparation hands to training: arrays in one display frame, with the way back to the scan's own grid.

**The display frame.** A volume is reoriented by its affine so that slices run from feet to head, rows from front to back
and columns from the patient's right to left (the way a radiologist looks at a slice). Arrays have axes `(n, h, w)`:
slice, row, column. "Native" means this frame at the scan's own voxel grid: the same voxels, flipped and transposed only.

**Fixed point.** Images are stored as int16 in steps of 1/16 HU around 976 HU, so that -1072…3023.9 HU keep a resolution
finer than any window needs, in half the bytes of float32: `hu = stored / HU_STEPS + HU_CENTRE`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from liverseg.preprocess.slice_stack import SliceStack

HU_STEPS = 16
HU_CENTRE = 976

Image = npt.NDArray[np.int16]
Mask = npt.NDArray[np.uint8]


def stored_from_hu(hu: npt.ArrayLike) -> Image:
    """Round HU (any shape, float) to the stored int16 fixed point; values outside its range are clipped."""
    scaled = np.rint((np.asarray(hu, np.float32) - HU_CENTRE) * HU_STEPS)
    return np.clip(scaled, -32768, 32767).astype(np.int16)


def hu_from_stored(stored: npt.NDArray[np.int16]) -> npt.NDArray[np.float32]:
    """HU (float32, same shape) of stored int16 values."""
    return stored.astype(np.float32) / np.float32(HU_STEPS) + np.float32(HU_CENTRE)


@dataclass(frozen=True, slots=True)
class PlaneMap:
    """How a native slice of `native_hw` pixels lies in the `size_px` square.

    The slice is resampled to `resized_hw` pixels and its top left corner put at row `top`, column `left` of the square.
    Positive offsets pad (fit `pad`); negative ones cut (fit `crop`).
    """

    native_hw: tuple[int, int]
    resized_hw: tuple[int, int]
    top: int
    left: int
    size_px: int


@dataclass(frozen=True, slots=True)
class NativeReference:
    """The reference mask on the native grid, cut to the bounding box of its foreground.

    Attributes:
        shape: full native `(n, h, w)`.
        spacing_mm: `(slice, row, column)` distances between voxel centres.
        start: first slice, row and column of the box.
        labels: uint8 `(bn, bh, bw)`, the box; everything outside is background. Shape `(0, 0, 0)` when nothing is labelled.
    """

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    start: tuple[int, int, int]
    labels: Mask


@dataclass(frozen=True, slots=True)
class PreparedCase:
    """One scan at one network size.

    Attributes:
        uid, patient: pseudonyms.
        image: int16 fixed point `(n, s, s)`, every slice of the scan.
        mask: uint8 labels `(n, s, s)`.
        keep: bool `(n,)`, slices that training uses.
        plane: the way back to the native grid.
        reference: the native mask.
        foreground_hu: int64 `(4096,)`, counts of native liver and tumour voxels by HU from -1024 to 3071, ends clipped.
        whole: False for what `for_training` leaves of a case: it can be trained on, and not scored.
    """

    uid: str
    patient: str
    image: Image
    mask: Mask
    keep: npt.NDArray[np.bool_]
    plane: PlaneMap
    reference: NativeReference
    foreground_hu: npt.NDArray[np.int64]
    whole: bool = True

    @property
    def nbytes(self) -> int:
        """Bytes of its arrays."""
        arrays = (self.image, self.mask, self.keep, self.reference.labels, self.foreground_hu)
        return sum(array.nbytes for array in arrays)

    def span(self, start: int = 0, slices: int | None = None) -> CaseSpan:
        """Where it lies in a pack that shows so many of its slices; None shows all."""
        stop = start + (len(self.image) if slices is None else slices)
        return CaseSpan(self.uid, self.patient, start, stop, self.plane, self.reference)

    def for_training(self) -> PreparedCase:
        """Only what training reads of it: a copy of the kept slices, and an empty native mask. Possibly without a slice."""
        rows = np.flatnonzero(self.keep)
        nothing = replace(self.reference, start=(0, 0, 0), labels=np.zeros((0, 0, 0), np.uint8))
        keep = np.ones(len(rows), np.bool_)
        return replace(self, image=self.image[rows], mask=self.mask[rows], keep=keep, reference=nothing, whole=False)


@dataclass(frozen=True, slots=True)
class CaseSpan:
    """Where one case lies in a pack: slices `start` to `stop` (exclusive), and what scoring needs of it."""

    uid: str
    patient: str
    start: int
    stop: int
    plane: PlaneMap
    reference: NativeReference


@dataclass(frozen=True, slots=True)
class Pack:
    """The slices of one split at one size, seen as one array: a view of prepared cases, each of which lies where it lies.

    Attributes:
        image: int16 fixed point `(N, s, s)`.
        mask: uint8 labels `(N, s, s)`.
        cases: which slices are those of each case, in order. In a training pack only kept slices are present.
        foreground_hu: int64 `(4096,)`, summed over the cases.
    """

    image: SliceStack[np.int16]
    mask: SliceStack[np.uint8]
    cases: tuple[CaseSpan, ...]
    foreground_hu: npt.NDArray[np.int64]
