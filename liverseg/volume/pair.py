"""Whether a mask lies on its image's grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from liverseg.volume.header import Header
from liverseg.volume.rules import Subject

AFFINE_TOLERANCE_VOXEL = 1e-3


def check_pair(
    image: Header, mask: Header, *, path: Path | str = "", case: str | None = None, of: str = "image"
) -> None:
    """Refuse a mask whose shape or affine is not its image's.

    Every entry of the affines must agree within 1e-3 of the image's smallest spacing.

    Args:
        image: the scan's header.
        mask: the mask's header.
        path: the mask's file, for the error.
        case: name of the case, for the error.
        of: what `image` is called in the error.

    Raises:
        DataError: rule N5.
    """
    subject = Subject(Path(path), case, "mask")
    if image.shape != mask.shape:
        sizes = _sizes(mask), _sizes(image)
        raise subject.broken("N5", f"shape differs from its {of}", *sizes, f"resample the mask to its {of}'s grid")
    next_step = f"lay the two over each other, then write the mask with its {of}'s header"
    if image.orientation != mask.orientation:
        axes = mask.orientation, image.orientation
        raise subject.broken("N5", f"orientation differs from its {of}", *axes, next_step)
    apart = np.abs(np.array(image.affine) - np.array(mask.affine))
    tolerance = AFFINE_TOLERANCE_VOXEL * min(image.spacing_mm)
    if not apart.max() <= tolerance:
        part = "position" if apart[:3, :3].max() <= tolerance else "voxel size or direction"
        got, allowed = f"{apart.max():.4g} mm apart", f"at most {tolerance:.2g} mm"
        raise subject.broken("N5", f"{part} differs from its {of}", got, allowed, next_step)


def _sizes(header: Header) -> str:
    return "x".join(map(str, header.shape))
