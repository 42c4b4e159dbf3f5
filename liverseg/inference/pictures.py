"""Pictures of a prediction: the CT slice, the reference and the predicted labels, chosen alike for every training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from liverseg.inference.native import Logits
from liverseg.preprocess.arrays import CaseSpan, Mask, Pack, hu_from_stored
from liverseg.training.atomic import atomic_path

SCHEMA_VERSION = 1
DISPLAY_HU = (-100.0, 240.0)
"""One window for all pictures, so that trainings with different windows can be looked at side by side."""


@dataclass(frozen=True, slots=True)
class PictureChoice:
    """One slice of one scan, counted from the feet."""

    case_uid: str
    slice_index: int


@dataclass(frozen=True, slots=True)
class Picture:
    """One slice at the network's size.

    Attributes:
        choice: which slice.
        image: uint8 `(s, s)`, `DISPLAY_HU` from black to white.
        reference, prediction: uint8 labels `(s, s)`.
    """

    choice: PictureChoice
    image: npt.NDArray[np.uint8]
    reference: Mask
    prediction: Mask


def choose_pictures(spans: Iterable[CaseSpan], k: int = 3) -> tuple[PictureChoice, ...]:
    """Choose up to `k` slices, one a scan: the same ones at every size, because only native masks decide.

    Scans with tumour come first, each group in the order given. Of a scan the slice with most tumour is taken, else
    that with most liver, else the middle one; ties go to the lowest. No scan is kept while the next is looked at.
    """
    with_tumour: list[PictureChoice] = []
    without: list[PictureChoice] = []
    for span in spans:
        group = with_tumour if (span.reference.labels == 2).any() else without
        group.append(PictureChoice(span.uid, _telling_slice(span)))
    return tuple((with_tumour + without)[:k])


def _telling_slice(span: CaseSpan) -> int:
    labels = span.reference.labels
    for wanted in (labels == 2, labels >= 1):
        if wanted.any():
            return span.reference.start[0] + int(np.argmax(np.count_nonzero(wanted, axis=(1, 2))))
    return span.reference.shape[0] // 2


def picture_rows(pack: Pack, choices: Sequence[PictureChoice]) -> dict[int, PictureChoice]:
    """The pack's slice of every choice, in the choices' order; choices of scans that the pack lacks are left out."""
    spans: Mapping[str, CaseSpan] = {span.uid: span for span in pack.cases}
    return {spans[choice.case_uid].start + choice.slice_index: choice for choice in choices if choice.case_uid in spans}


def make_picture(pack: Pack, choice: PictureChoice, row: int, logits: Logits) -> Picture:
    """The picture of slice `row` of a pack from its logits, float32 `(s, s, c)`."""
    low, high = DISPLAY_HU
    grey = np.clip((hu_from_stored(pack.image[row]) - low) / (high - low), 0.0, 1.0)
    return Picture(
        choice=choice,
        image=np.rint(grey * 255.0).astype(np.uint8),
        reference=np.array(pack.mask[row], np.uint8),
        prediction=np.argmax(logits, axis=-1).astype(np.uint8),
    )


def picture_arrays(pictures: Sequence[Picture]) -> dict[str, npt.NDArray[Any]]:
    """Pictures as arrays that need no pickle.

    Returns:
        `schema_version` (), `case` text `(k,)`, `slice` int64 `(k,)`, and `image`, `reference`, `prediction`,
        uint8 `(k, s, s)`. Without pictures the last three have shape `(0, 0, 0)`.
    """
    nothing = np.zeros((0, 0, 0), np.uint8)
    return {
        "schema_version": np.array(SCHEMA_VERSION),
        "case": np.array([picture.choice.case_uid for picture in pictures], np.str_),
        "slice": np.array([picture.choice.slice_index for picture in pictures], np.int64),
        "image": np.stack([picture.image for picture in pictures]) if pictures else nothing,
        "reference": np.stack([picture.reference for picture in pictures]) if pictures else nothing,
        "prediction": np.stack([picture.prediction for picture in pictures]) if pictures else nothing,
    }


def pictures_from(arrays: Mapping[str, npt.NDArray[Any]]) -> tuple[Picture, ...]:
    """The pictures of `picture_arrays`.

    Raises:
        ValueError: the arrays have another schema version.
    """
    if int(arrays["schema_version"]) != SCHEMA_VERSION:
        raise ValueError(f"pictures of schema version {arrays['schema_version']}, expected {SCHEMA_VERSION}")
    names = ("case", "slice", "image", "reference", "prediction")
    return tuple(
        Picture(PictureChoice(str(uid), int(index)), image, reference, prediction)
        for uid, index, image, reference, prediction in zip(*(arrays[name] for name in names), strict=True)
    )


def write_pictures(path: Path, pictures: Sequence[Picture]) -> None:
    """Write pictures as an .npz of `picture_arrays`, atomically."""
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **picture_arrays(pictures))


def read_pictures(path: Path) -> tuple[Picture, ...]:
    """Read what `write_pictures` wrote.

    Raises:
        ValueError: the file has another schema version.
    """
    with np.load(path, allow_pickle=False) as stored:
        return pictures_from(stored)
