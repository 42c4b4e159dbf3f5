"""Reading a NIfTI header and judging it before any voxel is read.

Only the fields that place and scale the voxels are kept. Free text (`descrip`, `db_name`, `aux_file`, `intent_name`) and
extensions may name a patient and are never looked at.
"""

from __future__ import annotations

import math
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from liverseg.errors import DataError
from liverseg.volume.affine import Affine, fault_of, orientation_of, quaternion_affine, spacing_of
from liverseg.volume.layout_bytes import NIFTI1, NIFTI2
from liverseg.volume.rules import broken
from liverseg.volume.source import is_gzip_name, open_source, read_fully

Role = Literal["image", "mask"]

MAX_SIZE = 2048
MAX_VOXELS = 2**30
MAX_EXTENSION_BYTES = 16 * 2**20
MAX_DEFLATE_RATIO = 1032
"""No deflate stream expands by more: 258 bytes from two bits."""
DTYPES = {2: "uint8", 4: "int16", 8: "int32", 16: "float32", 64: "float64", 256: "int8", 512: "uint16", 768: "uint32"}
_OTHER_DTYPES = {32: "complex64", 128: "RGB", 1024: "int64", 1280: "uint64", 1536: "float128", 1792: "complex128", 2304: "RGBA"}


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

    Args:
        path: the file; symbolic links are followed.
        case: name of the case, for the error.
        role: `image` or `mask`, for the error.

    Raises:
        DataError: rule N1 (unreadable, too short or too long), N2 (header) or N3 (promises what the file cannot hold).
    """
    return _Judge(Path(path), case, role).header()


@dataclass(frozen=True, slots=True)
class _Judge:
    """Reads one header; every check knows which file, case and role it speaks of."""

    path: Path
    case: str | None
    role: Role

    def header(self) -> Header:
        size = self._file_size()
        fields, big_endian = self._fields()
        shape = self._shape(fields)
        dtype = self._dtype(fields)
        slope, intercept = self._scaling(fields)
        affine = self._affine(fields)
        offset = self._offset(fields)
        promised = math.prod(shape) * np.dtype(dtype).itemsize
        self._promise(size, offset, promised)
        rows = tuple((float(a), float(b), float(c), float(d)) for a, b, c, d in affine)
        return Header(
            shape, spacing_of(affine), rows, dtype, slope, intercept, orientation_of(affine), offset, promised, big_endian
        )

    def _refuse(self, rule: str, what: str, *, got: object, allowed: object, next_step: str) -> DataError:
        return broken(rule, f"{self.role}: {what}", path=self.path, case=self.case, got=got, allowed=allowed, next_step=next_step)

    def _file_size(self) -> int:
        name = self.path.name.lower()
        if not name.endswith((".nii", ".nii.gz")):
            raise self._refuse("N2", "not a NIfTI file name", got=self.path.suffix or "no ending", allowed=".nii, .nii.gz",
                               next_step="convert the scan to NIfTI")  # fmt: skip
        try:
            status = self.path.stat()
        except OSError as error:
            raise self._refuse("N1", "file cannot be read", got=error.strerror, allowed="a readable file",
                               next_step="check the path, links and permissions") from error  # fmt: skip
        if not stat.S_ISREG(status.st_mode):
            raise self._refuse("N1", "not a regular file", got="folder or device", allowed="a regular file",
                               next_step="point to the NIfTI file itself")  # fmt: skip
        return status.st_size

    def _fields(self) -> tuple[Any, bool]:
        with open_source(self.path, case=self.case) as source:
            raw = read_fully(source, NIFTI1.itemsize)
            order = next((o for o in "<>" if len(raw) >= 4 and raw[:4] in _SIGNATURES[o]), None)
            if order is None:
                raise self._not_nifti(raw)
            layout = _SIGNATURES[order][raw[:4]]
            raw += read_fully(source, layout.itemsize - len(raw))
        if len(raw) < layout.itemsize:
            raise self._refuse("N1", "file ends inside the header", got=f"{len(raw)} bytes", allowed=f"{layout.itemsize} bytes",
                               next_step="copy or download the file again")  # fmt: skip
        fields = np.frombuffer(raw, layout.newbyteorder(order))[0]
        wanted = b"n+1" if layout is NIFTI1 else b"n+2\0\r\n\x1a\n"
        if bytes(fields["magic"]) != wanted:
            raise self._refuse("N2", "not a single-file NIfTI", got=repr(bytes(fields["magic"])), allowed=repr(wanted),
                               next_step="convert Analyze or .hdr/.img pairs to one .nii.gz")  # fmt: skip
        return fields, order == ">"

    def _not_nifti(self, raw: bytes) -> DataError:
        if raw[:2] == b"\x1f\x8b" and not is_gzip_name(self.path):
            return self._refuse("N2", "file is gzip-compressed but not named so", got=".nii", allowed=".nii.gz",
                                next_step="rename it to end in .nii.gz")  # fmt: skip
        got = f"first bytes {raw[:4].hex()}" if raw else "an empty file"
        return self._refuse("N2", "no NIfTI header", got=got, allowed="NIfTI-1 or NIfTI-2",
                            next_step="convert the scan again or leave it out")  # fmt: skip

    def _shape(self, fields: Any) -> tuple[int, int, int]:
        dim = [int(value) for value in fields["dim"]]
        sizes = dim[1 : 1 + dim[0]] if 1 <= dim[0] <= 7 else []
        if len(sizes) < 3 or any(size != 1 for size in sizes[3:]):
            raise self._refuse("N2", "not a 3-D volume", got="x".join(map(str, sizes)) or f"dim[0] = {dim[0]}",
                               allowed="3 dimensions", next_step="split it into 3-D volumes")  # fmt: skip
        x, y, z = sizes[:3]
        if not all(1 <= size <= MAX_SIZE for size in (x, y, z)) or x * y * z > MAX_VOXELS:
            raise self._refuse("N2", "impossible size", got=f"{x}x{y}x{z}", next_step="crop or resample the scan",
                               allowed=f"1 to {MAX_SIZE} along each axis, {MAX_VOXELS:,} voxels in all")  # fmt: skip
        return x, y, z

    def _dtype(self, fields: Any) -> str:
        code = int(fields["datatype"])
        name = DTYPES.get(code)
        if name is None:
            raise self._refuse("N2", "data type not allowed", got=_OTHER_DTYPES.get(code, f"code {code}"),
                               allowed=", ".join(DTYPES.values()), next_step="save CT as int16 and masks as uint8")  # fmt: skip
        bits = np.dtype(name).itemsize * 8
        if int(fields["bitpix"]) != bits:
            raise self._refuse("N2", "data type and bits per voxel contradict each other", got=f"{name}, {int(fields['bitpix'])} bits",
                               allowed=f"{name}, {bits} bits", next_step="write the file again")  # fmt: skip
        return name

    def _scaling(self, fields: Any) -> tuple[float, float]:
        slope, intercept = float(fields["scl_slope"]), float(fields["scl_inter"])
        if slope == 0:
            return 1.0, 0.0
        if not (math.isfinite(slope) and math.isfinite(intercept)):
            raise self._refuse("N2", "scaling is not finite", got=f"slope {slope:g}, intercept {intercept:g}",
                               allowed="finite numbers, slope 0 for none", next_step="write the file again with slope 1")  # fmt: skip
        return slope, intercept

    def _affine(self, fields: Any) -> Affine:
        affine: Affine | None = None
        if int(fields["sform_code"]) > 0:
            affine = np.eye(4)
            affine[:3] = [fields["srow_x"], fields["srow_y"], fields["srow_z"]]
        elif int(fields["qform_code"]) > 0:
            pixdim = np.asarray(fields["pixdim"], np.float64)
            affine = quaternion_affine(fields["quatern"], pixdim[1:4], fields["qoffset"], float(pixdim[0]))
            if affine is None:
                raise self._refuse("N2", "qform is not a rotation", got=f"quaternion parts {list(map(float, fields['quatern']))}",
                                   allowed="length at most 1", next_step="convert the scan again from DICOM")  # fmt: skip
        if affine is None:
            raise self._refuse("N2", "the file does not say how the scan lies in space", got="sform_code 0, qform_code 0",
                               allowed="one of them above 0", next_step="convert the scan again with its orientation")  # fmt: skip
        if fault := fault_of(affine):
            raise self._refuse("N2", fault[0], got=fault[1], allowed=fault[2], next_step="convert the scan again or resample it")
        return affine

    def _offset(self, fields: Any) -> int:
        least = fields.dtype.itemsize + 4
        value = float(fields["vox_offset"])
        if value == 0:
            return least
        if not (least <= value <= least + MAX_EXTENSION_BYTES and value == int(value)):
            raise self._refuse("N2", "voxels start at an impossible place", got=f"vox_offset {value:g}", next_step="write the file again",
                               allowed=f"{least} to {least + MAX_EXTENSION_BYTES}")  # fmt: skip
        return int(value)

    def _promise(self, size: int, offset: int, promised: int) -> None:
        total = offset + promised
        if is_gzip_name(self.path):
            if total > size * MAX_DEFLATE_RATIO:
                raise self._refuse("N3", "header promises more than the file can hold", got=f"{promised:,} bytes from {size:,}",
                                   allowed=f"{MAX_DEFLATE_RATIO} times the file", next_step="copy or download the file again")  # fmt: skip
            if size > total * 1.1 + 2**20:
                raise self._refuse("N3", "compressed file is larger than what it should hold", got=f"{size:,} bytes for {total:,}",
                                   allowed="at most a tenth and 1 MiB more", next_step="write the file again")  # fmt: skip
        elif size != total:
            what = "file ends early" if size < total else "bytes are left over after the last voxel"
            raise self._refuse("N1", what, got=f"{size:,} bytes", allowed=f"{total:,} bytes", next_step="copy or convert the file again")


_SIGNATURES = {
    order: {np.dtype(f"{order}i4").type(layout.itemsize).astype(f"{order}i4").tobytes(): layout for layout in (NIFTI1, NIFTI2)}
    for order in "<>"
}
