"""Resampling of one axis at a time: an antialiased triangle filter for images, the nearest voxel for masks.

Both agree with Pillow (`BILINEAR` in mode `F`, `NEAREST`), which is what the reference study used. The triangle filter
is as wide as one output pixel on either side, so shrinking averages instead of skipping voxels; plain bilinear
interpolation (OpenCV, TensorFlow without `antialias`) does not, and differs from it by up to the full window.

The filter is linear and separable: a slice becomes `rows @ slice @ columns.T`. Either matrix is banded, and `Band`
multiplies only the blocks that are not zero, which on a 512 to 128 slice costs a twentieth of the dense product. Where
the ratio of lengths is simple the blocks repeat at a regular distance and one call multiplies them all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import gcd
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

from liverseg.errors import ConfigError

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.intp]

# Outputs a block, the best for 512 to 128: larger ones multiply more zeros, smaller ones keep BLAS from its stride.
_ROWS_BLOCK = 4
_COLUMNS_BLOCK = 16
# OpenBLAS wakes its other threads above this many multiply-adds, which costs more than it saves on products this small.
_ONE_THREAD = 1 << 18


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


@dataclass(frozen=True, slots=True)
class Axis:
    """What to make of one axis: of `n_in` voxels resized to `n_out` pixels, the `count` pixels from `first` on.

    `flipped` says that the voxels run against the pixels.
    """

    n_in: int
    n_out: int
    first: int
    count: int
    flipped: bool = False


@dataclass(frozen=True, slots=True)
class _Run:
    """Blocks of the matrix at a regular distance.

    Attributes:
        start: first output; block `b` makes the outputs from `start + b * rows`.
        low: first input of the first block; may be negative, where weights are 0.
        step: inputs from one block to the next, negative on a flipped axis.
        weights: float32 `(blocks, rows, inputs)`.
    """

    start: int
    low: int
    step: int
    weights: Floats


@dataclass(frozen=True, slots=True)
class Band:
    """The triangle filter of one axis, cut into small dense blocks.

    Attributes:
        before, after: zeros that the input needs at its ends, so that no block reaches outside.
        runs: the blocks.
    """

    before: int
    after: int
    runs: tuple[_Run, ...]


@lru_cache(maxsize=128)
def band(axis: Axis, *, block: int, across: int) -> Band:
    """The blocks of one axis.

    Args:
        axis: what is to be made.
        block: pixels that one block should make.
        across: length of the other axis, which limits the size of the blocks.

    Raises:
        ConfigError: as `triangle_taps`.
    """
    position, weight = triangle_taps(axis.n_in, axis.n_out, axis.first, axis.count)
    if axis.flipped:
        position, weight = axis.n_in - 1 - position[:, ::-1], weight[:, ::-1]
    period = axis.n_out // gcd(axis.n_in, axis.n_out)
    rows = period * (block // period) or (period if period <= 2 * block else block)
    while rows > 1 and rows * (int(np.ptp(position[:rows])) + 1) * across > _ONE_THREAD:
        rows = (rows + 1) // 2
    before, after = -int(position.min()), int(position.max()) + 1 - axis.n_in
    return Band(max(0, before), max(0, after), tuple(_runs(position, weight, min(rows, axis.count))))


def _runs(position: Indices, weight: npt.NDArray[np.float64], rows: int) -> Iterator[_Run]:
    whole = len(position) // rows * rows
    blocks = [_block(position[start : start + rows], weight[start : start + rows]) for start in range(0, whole, rows)]
    steps = {following[0] - block[0] for block, following in pairwise(blocks)}
    if len(steps) <= 1 and len({dense.shape for _, dense in blocks}) == 1:
        yield _Run(0, blocks[0][0], max(steps, default=0), np.stack([dense for _, dense in blocks]))
    else:
        for index, (low, dense) in enumerate(blocks):
            yield _Run(index * rows, low, 0, dense[None])
    if whole < len(position):
        low, dense = _block(position[whole:], weight[whole:])
        yield _Run(whole, low, 0, dense[None])


def _block(position: Indices, weight: npt.NDArray[np.float64]) -> tuple[int, Floats]:
    low = int(position.min())
    dense = np.zeros((len(position), int(position.max()) + 1 - low), np.float32)
    np.put_along_axis(dense, position - low, weight.astype(np.float32), axis=1)
    return low, dense


class PlaneResizer:
    """Resamples planes of one shape between arrays that are allocated once. Not safe to share between threads.

    Args:
        rows: what is to be made of axis 0.
        columns: of axis 1.
        gain: factor on the result.
    """

    def __init__(self, rows: Axis, columns: Axis, *, gain: float = 1.0) -> None:
        up = band(rows, block=_ROWS_BLOCK, across=columns.n_in)
        along = band(columns, block=_COLUMNS_BLOCK, across=rows.count)
        source = np.zeros((up.before + rows.n_in + up.after, columns.n_in), np.float32)
        half = np.zeros((rows.count, along.before + columns.n_in + along.after), np.float32)
        self._source = source[up.before : up.before + rows.n_in]
        self._out = np.empty((rows.count, columns.count), np.float32)
        inner = half[:, along.before : along.before + columns.n_in]
        self._products = [(run.weights, _inputs(source, run, up.before), _outputs(inner, run)) for run in up.runs] + [
            (_inputs(half.T, run, along.before).mT, run.weights.mT * np.float32(gain), _outputs(self._out.T, run).mT)
            for run in along.runs
        ]

    def __call__(self, plane: npt.NDArray[Any]) -> Floats:
        """Resample `(rows.n_in, columns.n_in)` of any real type; the next call overwrites the result."""
        np.copyto(self._source, plane, casting="same_kind")
        for left, right, out in self._products:
            np.matmul(left, right, out=out)
        return self._out


def _inputs(padded: Floats, run: _Run, before: int) -> Floats:
    """The input rows of every block: a view `(blocks, inputs, m)` of `padded`, `(before + n_in + after, m)`."""
    blocks, _, width = run.weights.shape
    row, column = padded.strides
    shape = (blocks, width, padded.shape[1])
    return as_strided(padded[run.low + before :], shape, (run.step * row, row, column), writeable=False)


def _outputs(result: Floats, run: _Run) -> Floats:
    """The rows that every block makes: a view `(blocks, rows, m)` of `result`, `(count, m)`."""
    blocks, rows, _ = run.weights.shape
    row, column = result.strides
    return as_strided(result[run.start :], (blocks, rows, result.shape[1]), (rows * row, row, column))
