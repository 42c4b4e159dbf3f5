"""Slices that lie in several arrays, indexed as if they lay in one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar, overload

import numpy as np
import numpy.typing as npt

Value = TypeVar("Value", bound=np.generic)


class SliceStack(Generic[Value]):
    """A read-only sequence of slices out of arrays that stay where they are; only what is asked for is ever copied.

    The arrays may lie in shared memory or in mapped files. What is held beside them is eight bytes a slice.

    Args:
        arrays: at least one, each `(n, h, w)`, all with the same `h`, `w` and type.
        rows: of each array the slices that are seen, in order; None sees all of every array.

    Raises:
        ValueError: no array, or arrays that do not match.
    """

    def __init__(
        self, arrays: Sequence[npt.NDArray[Value]], rows: Sequence[npt.NDArray[np.intp]] | None = None
    ) -> None:
        if len({(array.shape[1:], array.dtype) for array in arrays}) != 1:
            raise ValueError("slices of several shapes or types, or none at all")
        chosen = [np.arange(len(array)) for array in arrays] if rows is None else rows
        self._arrays = tuple(arrays)
        self._index = np.concatenate(chosen).astype(np.int32)
        self._owner = np.repeat(np.arange(len(arrays), dtype=np.int32), [len(part) for part in chosen])

    @property
    def shape(self) -> tuple[int, int, int]:
        """`(N, h, w)`."""
        height, width = self._arrays[0].shape[1:]
        return len(self._index), height, width

    @property
    def dtype(self) -> np.dtype[Value]:
        """Of the values."""
        return self._arrays[0].dtype

    @property
    def nbytes(self) -> int:
        """Bytes of the slices that are seen."""
        count, height, width = self.shape
        return count * height * width * self.dtype.itemsize

    def __len__(self) -> int:
        return len(self._index)

    def __iter__(self) -> Iterator[npt.NDArray[Value]]:
        """The slices in order, none of them copied."""
        for row in range(len(self)):
            yield self[row]

    @overload
    def __getitem__(self, rows: int) -> npt.NDArray[Value]: ...
    @overload
    def __getitem__(self, rows: npt.NDArray[Any] | Sequence[int] | slice) -> npt.NDArray[Value]: ...
    def __getitem__(self, rows: Any) -> npt.NDArray[Value]:
        """One slice `(h, w)` where it lies, or a copy of several, `(b, h, w)`.

        Raises:
            IndexError: no such slice.
        """
        owners, indices = self._owner[rows], self._index[rows]
        if owners.ndim == 0:
            one: npt.NDArray[Value] = self._arrays[int(owners)][int(indices)]
            return one
        out: npt.NDArray[Value] = np.empty((len(owners), *self.shape[1:]), self.dtype)
        for place, (owner, index) in enumerate(zip(owners.tolist(), indices.tolist(), strict=True)):
            out[place] = self._arrays[owner][index]
        return out

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """All slices in one array: a copy of everything.

        Raises:
            ValueError: a copy was forbidden.
        """
        if copy is False:
            raise ValueError("slices of several arrays cannot be one array without a copy")
        return self[:] if dtype is None else self[:].astype(dtype)
