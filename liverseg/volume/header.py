"""Judging a NIfTI header before any voxel is read."""

from __future__ import annotations

import math
import stat
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from liverseg.volume.affine import Affine, fault_of, orientation_of, quaternion_affine, spacing_of
from liverseg.volume.fields import read_fields
from liverseg.volume.rules import Role, Subject
from liverseg.volume.source import is_gzip_name

MAX_SIZE = 2048
MAX_VOXELS = 2**30
MAX_EXTENSION_BYTES = 16 * 2**20
MAX_DEFLATE_RATIO = 1032
"""No deflate stream expands by more: 258 bytes from two bits."""
DTYPES = {
    2: "uint8",
    4: "int16",
    8: "int32",
    16: "float32",
    64: "float64",
    256: "int8",
    512: "uint16",
    768: "uint32",
}
_OTHER_DTYPES = {32: "complex64", 128: "RGB", 1024: "int64", 1280: "uint64", 1536: "float128", 2304: "RGBA"}


@dataclass(frozen=True, slots=True)
class Header:
    """What is known of a volume before its voxels are read.

    Attributes:
        shape: `(x, y, z)` voxels as stored.
        spacing_mm: distance between voxel centres along each stored axis.
        affine: voxel index to RAS+ millimetres, four rows of four.
        dtype: numpy name of the stored voxels, for example `int16`.
        slope, intercept: `value = raw * slope + intercept`; 1 and 0 when the file is not scaled.
        orientation: where each stored axis points, for example `LPS`.
        data_offset: bytes before the first voxel in the (decompressed) file.
        promised_bytes: bytes of voxels that must follow, no more and no less.
        big_endian: how the voxels are stored; readers always return native order.
        qform_mm: how far from where `affine` puts it the qform puts any corner voxel, at most; 0 where it is not valid, or is
            what `affine` was taken from.
        qform_orientation: where each stored axis points by that qform; empty likewise.
    """

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    affine: tuple[tuple[float, float, float, float], ...]
    dtype: str
    slope: float
    intercept: float
    orientation: str
    data_offset: int
    promised_bytes: int
    big_endian: bool = False
    qform_mm: float = 0.0
    qform_orientation: str = ""

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in millilitres, from the determinant of the affine."""
        return abs(float(np.linalg.det(np.array(self.affine)[:3, :3]))) / 1000.0

    @property
    def scaled(self) -> bool:
        """Whether values differ from the stored numbers."""
        return (self.slope, self.intercept) != (1.0, 0.0)


def read_header(path: Path | str, *, case: str | None = None, role: Role = "image") -> Header:
    """Read and judge the header of a `.nii` or `.nii.gz`, touching no voxel.

    The affine is the sform where its code is above 0, else the qform. A file with neither is refused: guessing left and
    right from voxel order is how mirrored livers get into a data set.

    Args:
        path: the file; symbolic links are followed.
        case: name of the case, for the error.
        role: `image` or `mask`, for the error.

    Raises:
        DataError: rule N1 (unreadable, too short or too long), N2 (header) or N3 (promises what the file cannot hold).
    """
    subject = Subject(Path(path), case, role)
    file_bytes = _file_bytes(subject)
    fields, big_endian = read_fields(subject)
    shape = _shape(subject, fields)
    dtype = _dtype(subject, fields)
    slope, intercept = _scaling(subject, fields)
    affine = _affine(subject, fields)
    offset = _offset(subject, fields)
    promised = math.prod(shape) * np.dtype(dtype).itemsize
    _check_promise(subject, file_bytes, offset + promised)
    rows = tuple((float(a), float(b), float(c), float(d)) for a, b, c, d in affine)
    orientation = orientation_of(affine)
    spacing, other = spacing_of(affine), _second_opinion(fields, affine, shape)
    return Header(
        shape, spacing, rows, dtype, slope, intercept, orientation, offset, promised, big_endian, other[0], other[1]
    )


def _file_bytes(subject: Subject) -> int:
    if not subject.path.name.lower().endswith((".nii", ".nii.gz")):
        got = subject.path.suffix or "no ending"
        raise subject.broken("N2", "not a NIfTI file name", got, ".nii, .nii.gz", "convert the scan to NIfTI")
    try:
        status = subject.path.stat()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        next_step = "check the path, links and permissions"
        raise subject.broken("N1", "file cannot be read", reason, "a readable file", next_step) from error
    if not stat.S_ISREG(status.st_mode):
        next_step = "point to the NIfTI file itself"
        raise subject.broken("N1", "not a regular file", "folder or device", "a regular file", next_step)
    return status.st_size


def _shape(subject: Subject, fields: Any) -> tuple[int, int, int]:
    dim = [int(value) for value in fields["dim"]]
    sizes = dim[1 : 1 + dim[0]] if 1 <= dim[0] <= 7 else []
    if len(sizes) < 3 or any(size != 1 for size in sizes[3:]):
        got = "x".join(map(str, sizes)) or f"{dim[0]} dimensions"
        raise subject.broken("N2", "not a 3-D volume", got, "3 dimensions", "split it into 3-D volumes")
    x, y, z = sizes[:3]
    if not all(1 <= size <= MAX_SIZE for size in (x, y, z)) or x * y * z > MAX_VOXELS:
        allowed = f"1 to {MAX_SIZE} along each axis, {MAX_VOXELS:,} voxels in all"
        raise subject.broken("N2", "impossible size", f"{x}x{y}x{z}", allowed, "crop or resample the scan")
    return x, y, z


def _dtype(subject: Subject, fields: Any) -> str:
    code, bits = int(fields["datatype"]), int(fields["bitpix"])
    name = DTYPES.get(code)
    if name is None:
        got, allowed = _OTHER_DTYPES.get(code, f"code {code}"), ", ".join(DTYPES.values())
        raise subject.broken("N2", "data type not allowed", got, allowed, "save CT as int16 and masks as uint8")
    wanted = np.dtype(name).itemsize * 8
    if bits != wanted:
        what = "data type and bits per voxel contradict each other"
        raise subject.broken("N2", what, f"{name}, {bits} bits", f"{name}, {wanted} bits", "write the file again")
    return name


def _scaling(subject: Subject, fields: Any) -> tuple[float, float]:
    slope, intercept = float(fields["scl_slope"]), float(fields["scl_inter"])
    if slope == 0:
        return 1.0, 0.0
    if not (math.isfinite(slope) and math.isfinite(intercept)):
        got = f"slope {slope:g}, intercept {intercept:g}"
        next_step = "write the file again with slope 1"
        raise subject.broken("N2", "scaling is not finite", got, "finite numbers, slope 0 for none", next_step)
    return slope, intercept


def _affine(subject: Subject, fields: Any) -> Affine:
    next_step = "convert the scan again with its orientation"
    if int(fields["sform_code"]) > 0:
        affine = np.eye(4)
        affine[:3] = [fields["srow_x"], fields["srow_y"], fields["srow_z"]]
    elif int(fields["qform_code"]) > 0:
        turned = _qform(fields)
        if turned is None:
            got = f"quaternion parts {[float(part) for part in fields['quatern']]}"
            raise subject.broken("N2", "qform is not a rotation", got, "length at most 1", next_step)
        affine = turned
    else:
        what = "the file does not say how the scan lies in space"
        raise subject.broken("N2", what, "sform_code 0, qform_code 0", "one of them above 0", next_step)
    if fault := fault_of(affine):
        raise subject.broken("N2", *fault, next_step)
    return affine


def _qform(fields: Any) -> Affine | None:
    pixdim = np.asarray(fields["pixdim"], np.float64)
    return quaternion_affine(fields["quatern"], pixdim[1:4], fields["qoffset"], float(pixdim[0]))


def _second_opinion(fields: Any, affine: Affine, shape: tuple[int, int, int]) -> tuple[float, str]:
    """`Header.qform_mm` and `Header.qform_orientation`: the qform beside an sform."""
    if int(fields["sform_code"]) <= 0 or int(fields["qform_code"]) <= 0:
        return 0.0, ""
    with np.errstate(all="ignore"):  # nobody has checked these fields, nor does it matter what is in them
        turned = _qform(fields)
        if turned is None or fault_of(turned):
            return 0.0, ""
        corners = np.array([(*place, 1) for place in product(*((0, size - 1) for size in shape))], np.float64)
        apart = float(np.linalg.norm((corners @ (turned - affine).T)[:, :3], axis=1).max())
        return (apart, orientation_of(turned)) if math.isfinite(apart) else (0.0, "")


def _offset(subject: Subject, fields: Any) -> int:
    least = int(fields.dtype.itemsize) + 4
    value = float(fields["vox_offset"])
    if value == 0:
        return least
    if not (least <= value <= least + MAX_EXTENSION_BYTES and value == int(value)):
        allowed = f"{least} to {least + MAX_EXTENSION_BYTES}"
        what = "voxels start at an impossible place"
        raise subject.broken("N2", what, f"vox_offset {value:g}", allowed, "write the file again")
    return int(value)


def _check_promise(subject: Subject, size: int, total: int) -> None:
    """Compare the file's size with the bytes that its header promises, header included."""
    again = "copy or download the file again"
    if not is_gzip_name(subject.path):
        if size != total:
            what = "file ends early" if size < total else "bytes are left over after the last voxel"
            raise subject.broken("N1", what, f"{size:,} bytes", f"{total:,} bytes", again)
    elif total > size * MAX_DEFLATE_RATIO:
        allowed = f"{MAX_DEFLATE_RATIO} times the file"
        what = "header promises more than the file can hold"
        raise subject.broken("N3", what, f"{total:,} bytes from {size:,}", allowed, again)
    elif size > total * 1.1 + 2**20:
        what = "compressed file is larger than what it should hold"
        raise subject.broken("N3", what, f"{size:,} bytes for {total:,}", "a tenth and 1 MiB more", again)
