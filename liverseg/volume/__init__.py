"""Reading and writing NIfTI volumes: header first, then voxels in a stream, every file read to its end.

header = read_header(path, case="volume-3", role="image")
for block in slabs(path, header, case="volume-3"):
    hu = to_hu(block, header)
"""

from __future__ import annotations

from liverseg.volume.affine import obliqueness_deg, orientation_of
from liverseg.volume.header import Header, read_header
from liverseg.volume.pair import check_pair
from liverseg.volume.rules import FILE_RULES, Role
from liverseg.volume.voxels import Voxels, planes_per_slab, read_voxels, slabs, to_hu, to_labels
from liverseg.volume.write import write_nifti, write_planes

__all__ = [
    "FILE_RULES",
    "Header",
    "Role",
    "Voxels",
    "check_pair",
    "obliqueness_deg",
    "orientation_of",
    "planes_per_slab",
    "read_header",
    "read_voxels",
    "slabs",
    "to_hu",
    "to_labels",
    "write_nifti",
    "write_planes",
]
