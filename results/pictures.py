"""Pictures that a trial left behind: CT slices, the reference labels and the trial's own labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from results.array_file import Arrays, read_arrays

Bytes = npt.NDArray[np.uint8]

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Pictures:
    """Some slices of one trial.

    Attributes:
        case: pseudonym of the case of each slice, `k` of them.
        slice_index: position of each slice in its scan.
        image: uint8 `(k, h, w)`, −100 … 240 HU from black to white.
        reference, prediction: uint8 `(k, h, w)`, labels 0 background, 1 liver, 2 tumour.
    """

    case: tuple[str, ...]
    slice_index: tuple[int, ...]
    image: Bytes
    reference: Bytes
    prediction: Bytes

    def find(self, case: str, slice_index: int) -> int | None:
        """Position of a slice; None when the trial has no picture of it."""
        keys = list(zip(self.case, self.slice_index, strict=True))
        return keys.index((case, slice_index)) if (case, slice_index) in keys else None


def read_pictures(path: Path) -> Pictures | None:
    """The pictures in a `pictures.npz`; None when it is missing, damaged, of another version, or too large.

    Never unpickles. A report goes without pictures rather than fail, so nothing is raised for a bad file.
    """
    return read_arrays(path, _checked)


def _checked(arrays: Arrays) -> Pictures | None:
    planes = [arrays[name] for name in ("image", "reference", "prediction")]
    cases, slices = arrays["case"].reshape(-1).tolist(), arrays["slice"].reshape(-1).tolist()
    shape = planes[0].shape
    fits = len(shape) == 3 and min(shape, default=0) > 0 and len(cases) == len(slices) == shape[0]
    if not fits or any(plane.shape != shape or plane.dtype != np.uint8 for plane in planes):
        return None
    if int(arrays["schema_version"]) != SCHEMA_VERSION:
        return None
    image, reference, prediction = (np.asarray(plane, np.uint8) for plane in planes)
    return Pictures(tuple(map(str, cases)), tuple(map(int, slices)), image, reference, prediction)
