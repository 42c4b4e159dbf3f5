"""The triangle filter of `liverseg.preprocess.resize` applied to whole planes, as a few small dense products.

The filter is linear and separable: a plane becomes `rows @ plane @ columns.T`. Either matrix is banded, and a `Band`
holds only the blocks that are not zero: a twentieth of the dense product for a 512 to 128 plane. Where the ratio
of lengths is simple the blocks repeat at a regular distance and one call multiplies them all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import gcd
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

from liverseg.preprocess.resize import Indices, triangle_taps

Floats = npt.NDArray[np.float32]

# Outputs a block, the fastest for 512 to 128: larger blocks multiply more zeros, smaller ones use BLAS badly.
_ROWS_BLOCK = 4
_COLUMNS_BLOCK = 16
# Rows that are converted together stay in a core's second-level cache beside the plane they come from.
_WORK_BYTES = 1 << 18
# OpenBLAS wakes its other threads above this many multiply-adds, which costs more than it saves on products this small.
_ONE_THREAD = 1 << 18


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

    @property
    def span(self) -> tuple[int, int]:
        """First and last (exclusive) input of all blocks."""
        blocks, _, width = self.weights.shape
        ends = self.low, self.low + (blocks - 1) * self.step
        return min(ends), max(ends) + width

    def pieces(self, limit: int) -> Iterator[_Run]:
        """The run in parts that span at most `limit` inputs, or one block."""
        blocks, rows, width = self.weights.shape
        size = max(1, 1 + (limit - width) // max(1, abs(self.step)))
        for first in range(0, blocks, size):
            part = self.weights[first : first + size]
            yield _Run(self.start + first * rows, self.low + first * self.step, self.step, part)


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
        half = np.zeros((rows.count, along.before + columns.n_in + along.after), np.float32)
        self._out = np.empty((rows.count, columns.count), np.float32)
        inner = half[:, along.before : along.before + columns.n_in]
        pieces = [piece for run in up.runs for piece in run.pieces(_WORK_BYTES // (4 * columns.n_in))]
        work = np.zeros((max(piece.span[1] - piece.span[0] for piece in pieces), columns.n_in), np.float32)
        self._steps = [_Step.of(piece, work, inner, rows.n_in) for piece in pieces]
        self._products = [
            (_inputs(half.T, run, along.before).mT, run.weights.mT * np.float32(gain), _outputs(self._out.T, run).mT)
            for run in along.runs
        ]

    def __call__(self, plane: npt.NDArray[Any]) -> Floats:
        """Resample `(rows.n_in, columns.n_in)` of any real type; the next call overwrites the result."""
        for step in self._steps:
            np.copyto(step.work, plane[step.rows], casting="same_kind")
            np.matmul(step.weights, step.inputs, out=step.out)
        for left, right, out in self._products:
            np.matmul(left, right, out=out)
        return self._out


@dataclass(frozen=True, slots=True)
class _Step:
    """Rows of the plane that become float32 in a work area, and the product that is then made of them.

    Where the inputs of a block reach beyond the plane, the work area holds what an earlier step left: finite numbers,
    whose weights are 0.
    """

    rows: slice
    work: Floats
    weights: Floats
    inputs: Floats
    out: Floats

    @classmethod
    def of(cls, run: _Run, work: Floats, result: Floats, n_in: int) -> _Step:
        low, high = run.span
        rows = slice(max(low, 0), min(high, n_in))
        return cls(
            rows, work[rows.start - low : rows.stop - low], run.weights, _inputs(work, run, -low), _outputs(result, run)
        )


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
