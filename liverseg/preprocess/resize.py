"""Resampling of one axis: an antialiased triangle filter for images, the nearest voxel for masks.

Both agree with Pillow (`BILINEAR` in mode `F`, `NEAREST`), which is what the reference study used. The triangle filter
is as wide as one output pixel on either side, so shrinking averages instead of skipping voxels; plain bilinear
interpolation (OpenCV, TensorFlow without `antialias`) does not, and differs from it by up to the full window.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from liverseg.errors import ConfigError

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Indices = npt.NDArray[np.intp]


def triangle_taps(
    n_in: int, n_out: int, first: int = 0, count: int | None = None
) -> tuple[Indices, npt.NDArray[np.float64]]:
    """Positions and weights of the triangle filter for outputs `first` to `first + count`.

    Args:
        n_in: voxels of the input axis, at least 1.
        n_out: pixels of the whole output axis, at least 1.
        first: first output wanted.
        count: outputs wanted; None takes all the remaining ones.

    Returns:
        Two arrays `(count, taps)`: consecutive input positions and float64 weights. Positions may lie outside the axis,
        where the weight is 0; the weights of one output sum to 1. The formula is the definition of a triangle filter of
        support `max(n_in / n_out, 1)` around the centre of the output pixel.

    Raises:
        ConfigError: a length is below 1, or the wanted outputs lie outside the axis.
    """
    count = _checked_count(n_in, n_out, first, count)
    scale = n_in / n_out
    support = max(scale, 1.0)
    centre = (np.arange(first, first + count) + 0.5) * scale
    lowest = np.floor(centre - support + 0.5).astype(np.intp)
    position = lowest[:, None] + np.arange(int(np.ceil(2 * support)) + 1)
    weight = np.maximum(0.0, 1.0 - np.abs((position + 0.5 - centre[:, None]) / support))
    weight[(position < 0) | (position >= n_in)] = 0.0
    weight /= weight.sum(axis=1, keepdims=True)
    used = np.flatnonzero(weight.any(axis=0))
    return position[:, used[0] : used[-1] + 1], weight[:, used[0] : used[-1] + 1]


def _checked_count(n_in: int, n_out: int, first: int, count: int | None) -> int:
    if n_in < 1 or n_out < 1:
        raise ConfigError("an axis needs at least one voxel", where="resize", got=f"{n_in} to {n_out}")
    count = n_out - first if count is None else count
    if first < 0 or count < 1 or first + count > n_out:
        got = f"{first} to {first + count}"
        raise ConfigError("outputs outside the axis", where="resize", got=got, allowed=f"0 to {n_out}")
    return count


def resize_matrix(n_in: int, n_out: int, first: int = 0, count: int | None = None) -> csr_array:
    """The triangle filter as a sparse float32 matrix `(count, n_in)`; arguments and errors as `triangle_taps`."""
    from scipy.sparse import csr_array

    position, weight = triangle_taps(n_in, n_out, first, count)
    row = np.repeat(np.arange(len(weight)), weight.shape[1])
    used = weight.ravel() > 0
    entries = (weight.ravel()[used].astype(np.float32), (row[used], position.ravel()[used]))
    return csr_array(entries, shape=(len(weight), n_in))


def nearest_indices(n_in: int, n_out: int, first: int = 0, count: int | None = None) -> Indices:
    """Input position of each output of nearest-neighbour resampling, intp `(count,)`.

    Arguments and errors as `triangle_taps`. Positions are summed up step by step in float64, as Pillow does: ties would
    fall to the other side otherwise.
    """
    count = _checked_count(n_in, n_out, first, count)
    steps = np.full(first + count, n_in / n_out)
    steps[0] *= 0.5
    return np.minimum(np.add.accumulate(steps)[first:].astype(np.intp), n_in - 1)
