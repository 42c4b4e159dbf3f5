"""The bytes of one cache entry; the layout is drawn in `liverseg.preprocess.cache`."""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Iterable
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from isal import isal_zlib

from liverseg.preprocess.arrays import NativeReference, PlaneMap, PreparedCase

SCHEMA_VERSION = 1
_MAGIC = b"LSPREP\x00\x02"
_MAGIC_V1 = b"LSPREP\x00\x01"
_CHECKSUM = struct.Struct("<I")
_DIGEST_BYTES = 32
_LENGTH = struct.Struct("<Q")
_UNPACKING: type[Exception] = cast(type[Exception], isal_zlib.error)
# Name, stored type and encoding of every array, in order. The reference mask compresses about fifty times.
_ARRAYS = (
    ("image", "<i2", "raw"),
    ("mask", "|u1", "raw"),
    ("keep", "|b1", "raw"),
    ("foreground_hu", "<i8", "zlib"),
    ("labels", "|u1", "zlib"),
)
_NOTHING = np.zeros((0, 0, 0), np.uint8)


class DamagedEntry(Exception):
    """The bytes are not a complete entry of a known version."""


def encode(prepared: PreparedCase) -> Iterable[bytes | memoryview]:
    """The entry of a prepared case, in parts to be written one after the other. Pseudonyms are left out."""
    reference = prepared.reference
    arrays = {"image": prepared.image, "mask": prepared.mask, "keep": prepared.keep}
    arrays |= {"foreground_hu": prepared.foreground_hu, "labels": reference.labels}
    specs, bodies = [], []
    for name, dtype, encoding in _ARRAYS:
        array = np.ascontiguousarray(arrays[name], dtype)
        body = isal_zlib.compress(array.tobytes(), 1) if encoding == "zlib" else array.tobytes()
        specs.append({"name": name, "dtype": dtype, "shape": array.shape, "encoding": encoding, "bytes": len(body)})
        bodies.append(body)
    plane = prepared.plane
    header = {
        "schema_version": SCHEMA_VERSION,
        "plane": [plane.native_hw, plane.resized_hw, plane.top, plane.left, plane.size_px],
        "reference": [reference.shape, reference.spacing_mm, reference.start],
        "arrays": specs,
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    content = [_LENGTH.pack(len(text)), text, *bodies]
    checksum = 0
    for part in content:
        checksum = isal_zlib.crc32(part, checksum)
    return [_MAGIC, _CHECKSUM.pack(checksum), *content]


def decode(data: bytes, *, uid: str, patient: str, scored: bool = True) -> PreparedCase:
    """The prepared case of an entry's bytes. Raw arrays are views of `data` and read-only.

    Args:
        data: the whole entry. All of it is checked.
        uid: pseudonym of the case, under which it is wanted.
        patient: that of the patient.
        scored: False gives `for_training()` of the case; its native mask is then not unpacked.

    Raises:
        DamagedEntry: another magic or version, a wrong checksum, or lengths that contradict each other.
    """
    content = _checked(data)
    try:
        case = _decode(content, uid, patient, scored)
    except (ValueError, KeyError, TypeError, struct.error, _UNPACKING) as error:
        raise DamagedEntry(f"content is inconsistent: {error}") from error
    return case if scored else case.for_training()


def _checked(data: bytes) -> memoryview:
    """What follows the checksum, when it is what was written. Entries of version 1 have a SHA-256 there."""
    magic, whole = data[: len(_MAGIC)], memoryview(data)
    if magic == _MAGIC and len(data) >= len(_MAGIC) + _CHECKSUM.size:
        content = whole[len(_MAGIC) + _CHECKSUM.size :]
        sound = _CHECKSUM.pack(isal_zlib.crc32(content)) == data[len(_MAGIC) : len(_MAGIC) + _CHECKSUM.size]
    elif magic == _MAGIC_V1:
        content = whole[len(_MAGIC) + _DIGEST_BYTES :]
        sound = hashlib.sha256(content).digest() == data[len(_MAGIC) : len(_MAGIC) + _DIGEST_BYTES]
    else:
        raise DamagedEntry("not an entry of this version")
    if not sound:
        raise DamagedEntry("checksum does not match")
    return content


def _decode(content: memoryview, uid: str, patient: str, scored: bool) -> PreparedCase:
    (length,) = _LENGTH.unpack_from(content)
    position = _LENGTH.size + length
    header = json.loads(bytes(content[_LENGTH.size : position]))
    if header["schema_version"] != SCHEMA_VERSION:
        raise ValueError(f"schema_version {header['schema_version']}")
    arrays: dict[str, npt.NDArray[Any]] = {}
    for spec, (name, dtype, encoding) in zip(header["arrays"], _ARRAYS, strict=True):
        if (spec["name"], spec["dtype"], spec["encoding"]) != (name, dtype, encoding):
            raise ValueError(f"array {spec['name']!r}")
        body = content[position : position + spec["bytes"]]
        if scored or name != "labels":
            arrays[name] = _array(body, np.dtype(dtype), tuple(spec["shape"]), encoding)
        position += spec["bytes"]
    if position != len(content):
        raise ValueError("length")
    native_hw, resized_hw, top, left, size_px = header["plane"]
    shape, spacing_mm, first = header["reference"]
    plane = PlaneMap(_pair(native_hw), _pair(resized_hw), top, left, size_px)
    reference = NativeReference(_three(shape), _three(spacing_mm), _three(first), arrays.get("labels", _NOTHING))
    image, mask, keep = arrays["image"], arrays["mask"], arrays["keep"]
    return PreparedCase(uid, patient, image, mask, keep, plane, reference, arrays["foreground_hu"])


def _array(body: memoryview, dtype: np.dtype[Any], shape: tuple[int, ...], encoding: str) -> npt.NDArray[Any]:
    expected = math.prod(shape) * dtype.itemsize
    raw: bytes | memoryview = body
    if encoding == "zlib":
        unpacker = isal_zlib.decompressobj()
        raw = unpacker.decompress(body, expected + 1)
    if len(raw) != expected:
        raise ValueError(f"{len(raw)} bytes for shape {shape}")
    return np.frombuffer(raw, dtype).reshape(shape)


def _pair(values: list[int]) -> tuple[int, int]:
    first, second = values
    return first, second


def _three(values: list[Any]) -> tuple[Any, Any, Any]:
    first, second, third = values
    return first, second, third
