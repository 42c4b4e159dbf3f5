"""Whether a mask lies on its image's grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from liverseg.volume.header import Header
from liverseg.volume.rules import broken

AFFINE_TOLERANCE_VOXEL = 1e-3
_NEXT = "write the mask with its image's header, after looking at the two laid over each other"


def check_pair(image: Header, mask: Header, *, path: Path | str = "", case: str | None = None) -> None:
    """Refuse a mask whose shape or affine is not its image's.

    Every entry of the affines must agree within 1e-3 of the image's smallest spacing.

    Args:
        image, mask: headers from `read_header`.
        path: the mask's file, for the error.
        case: name of the case, for the error.

    Raises:
        DataError: rule N5.
    """
    if image.shape != mask.shape:
        raise broken("N5", "mask: shape differs from its image", path=Path(path), case=case, got=_sizes(mask),
                     allowed=_sizes(image), next_step="resample the mask to its image's grid")  # fmt: skip
    if image.orientation != mask.orientation:
        raise broken("N5", "mask: orientation differs from its image", path=Path(path), case=case, got=mask.orientation,
                     allowed=image.orientation, next_step=_NEXT)  # fmt: skip
    apart = np.abs(np.array(image.affine) - np.array(mask.affine))
    tolerance = AFFINE_TOLERANCE_VOXEL * min(image.spacing_mm)
    if not apart.max() <= tolerance:
        part = "position" if apart[:3, :3].max() <= tolerance else "voxel size or direction"
        raise broken("N5", f"mask: {part} differs from its image", path=Path(path), case=case, got=f"{apart.max():.4g} mm apart",
                     allowed=f"at most {tolerance:.2g} mm", next_step=_NEXT)  # fmt: skip


def _sizes(header: Header) -> str:
    return "x".join(map(str, header.shape))
