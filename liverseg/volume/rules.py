"""The rules that every scan and mask file must keep, and the one way in which a broken rule is reported.

Repairs that are made silently because they lose nothing:

* a fourth and later dimensions of size 1 are dropped (N2);
* `scl_slope` 0 means "not scaled", as the NIfTI standard says (N2);
* `vox_offset` 0 in a single file means "right after the header" (N2);
* zero bytes after the last gzip member are padding, as the gzip tools treat them (N1);
* float masks within 1e-3 of whole numbers are rounded (N4).

Units in `xyzt_units` are not trusted: spacings are millimetres, and the bounds of N2 catch other units.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from liverseg.errors import DataError

Role = Literal["image", "mask"]

FILE_RULES: Mapping[str, str] = MappingProxyType(
    {
        "N1": "the file is whole: readable to its end, gzip checksum and length right, no voxel missing, "
        "nothing after the last one",
        "N2": "the header is usable, checked before any voxel: NIfTI-1 or NIfTI-2 in one file, 3-D, sizes 1 to 2048, "
        "allowed data type, finite slope, an affine that is finite, not singular and not sheared, spacing 0.1 to 20 mm",
        "N3": "the file holds what its header promises and no more: no decompression bombs",
        "N4": "voxel values make sense: CT finite, masks whole numbers within the label map",
        "N5": "image and mask have the same grid: equal shape, affines equal within 1/1000 of a voxel",
    }
)


@dataclass(frozen=True, slots=True)
class Subject:
    """The file that is being judged: what every error about it must name.

    Attributes:
        path: the file.
        case: the case's name, if known.
        role: `image` or `mask`, if known.
    """

    path: Path
    case: str | None = None
    role: Role | None = None

    def broken(self, rule: str, what: str, got: object, allowed: object, next_step: str) -> DataError:
        """The error for a broken rule. `what` holds neither path nor case: it may travel into reports and logs."""
        what = f"{self.role}: {what}" if self.role else what
        where = str(self.path) if self.path.parts else None
        return DataError(what, case=self.case, rule=rule, where=where, got=got, allowed=allowed, next_step=next_step)
