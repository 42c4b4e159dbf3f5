"""Small scans for the tests of this package, and a plain reference implementation of their preparation."""

from __future__ import annotations

from itertools import permutations, product
from pathlib import Path

import nibabel as nib
import numpy as np
import numpy.typing as npt
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform
from PIL import Image

from liverseg.preprocess import PlaneMap
from liverseg.volume import write_nifti

ORIENTATIONS = tuple("".join(letters) for axes in permutations(("LR", "PA", "IS")) for letters in product(*axes))

Affine = npt.NDArray[np.float64]


def affine_for(letters: str, spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Affine:
    """An affine whose stored axes point to `letters`."""
    affine = np.eye(4)
    affine[:3, :3] = 0
    for axis, letter in enumerate(letters):
        world, sign = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}[letter]
        affine[world, axis] = sign * spacing_mm[axis]
    return affine


def blobs(shape: tuple[int, int, int], seed: int) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.uint8]]:
    """Noise of CT range, and a box of liver with a tumour in it; no axis is like another."""
    rng = np.random.default_rng(seed)
    image = rng.integers(-1024, 1500, shape).astype(np.int16)
    mask = np.zeros(shape, np.uint8)
    low = [max(1, size // 4) for size in shape]
    mask[tuple(slice(a, a + max(2, size // 3)) for a, size in zip(low, shape, strict=True))] = 1
    mask[low[0] + 1, low[1] : low[1] + 2, low[2]] = 2
    return image, mask


def write_pair(
    folder: Path, image: npt.NDArray[np.generic], mask: npt.NDArray[np.generic], affine: Affine, suffix: str = ".nii"
) -> tuple[Path, Path]:
    """Image and mask as NIfTI files."""
    paths = folder / f"volume-0{suffix}", folder / f"segmentation-0{suffix}"
    for path, array in zip(paths, (image, mask), strict=True):
        write_nifti(path, array, affine)
    return paths


def display(path: Path) -> npt.NDArray[np.float32]:
    """The scan in display order `(n, h, w)`, by nibabel alone."""
    scan = nib.Nifti1Image.from_filename(path)
    turn = ornt_transform(io_orientation(scan.affine), axcodes2ornt("LPS"))  # type: ignore[no-untyped-call]
    turned = scan.as_reoriented(turn)  # type: ignore[no-untyped-call]
    return np.asarray(turned.get_fdata(), np.float32).transpose(2, 1, 0)


def resized(plane: npt.NDArray[np.generic], plane_map: PlaneMap, outside: float) -> npt.NDArray[np.generic]:
    """One display slice in the square, by Pillow: float32 bilinear, uint8 nearest."""
    method = Image.Resampling.BILINEAR if plane.dtype == np.float32 else Image.Resampling.NEAREST
    height, width = plane_map.resized_hw
    small = np.asarray(Image.fromarray(np.ascontiguousarray(plane)).resize((width, height), method))
    size = plane_map.size_px
    square = np.full((size, size), outside, plane.dtype)
    top, left = max(0, plane_map.top), max(0, plane_map.left)
    cut = small[max(0, -plane_map.top) :, max(0, -plane_map.left) :][:size, :size]
    square[top : top + cut.shape[0], left : left + cut.shape[1]] = cut
    return square
