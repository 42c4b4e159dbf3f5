"""Prepared cases as files that a process maps into its memory instead of reading them.

The pages of a mapped file are the system's: they come when a slice is looked at, all processes of a machine share them, and
they go when memory is short. So a training may use more data than there is memory.

One file, little-endian:

    8 bytes   magic and version, `LSCASE` 0 1
    8 bytes   length of the header
    header    JSON: schema_version, uid, patient, plane, reference, whole, arrays [{name, dtype, shape, start}]
    arrays    as they are, each beginning at a multiple of 64 bytes of the file

There is no checksum, which would read the whole file: such files live on the machine that wrote them, as long as the sweep
that needs them. The cache (`liverseg.preprocess.cache`) is what is kept.
"""

from __future__ import annotations

import json
import math
import mmap
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from liverseg.preprocess.arrays import NativeReference, PlaneMap, PreparedCase
from liverseg.training.atomic import atomic_path

SCHEMA_VERSION = 1
_MAGIC = b"LSCASE\x00\x01"
_LENGTH = struct.Struct("<Q")
_ALIGNMENT_BYTES = 64
_ARRAYS = {"image": "<i2", "mask": "|u1", "keep": "|b1", "foreground_hu": "<i8", "labels": "|u1"}


def write_case_file(path: Path, case: PreparedCase) -> None:
    """Write a case, whole or not at all. Nothing is copied in memory.

    Raises:
        OSError: the disk is full or cannot be written.
    """
    named = {name: getattr(case.reference if name == "labels" else case, name) for name in _ARRAYS}
    arrays = {name: np.ascontiguousarray(named[name], dtype) for name, dtype in _ARRAYS.items()}
    header = _header(case, arrays)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(_MAGIC + _LENGTH.pack(len(header)) + header)
        for array in arrays.values():
            file.write(b"\0" * (-file.tell() % _ALIGNMENT_BYTES))
            file.write(array.reshape(-1).data)


def map_case_file(path: Path) -> PreparedCase:
    """The case of a file. Its arrays are read-only and lie in the mapped file, which stays mapped as long as one is alive.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is no complete case of this version.
    """
    with path.open("rb") as file:
        content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    try:
        return _decode(content)
    except (KeyError, TypeError, struct.error) as error:
        raise ValueError(f"{path.name} is no complete prepared case: {error}") from error


def _header(case: PreparedCase, arrays: dict[str, npt.NDArray[Any]]) -> bytes:
    """Padded with spaces to where the first array begins; `start` counts from there."""
    plane, reference = case.plane, case.reference
    specs, start = [], 0
    for name, array in arrays.items():
        start += -start % _ALIGNMENT_BYTES
        specs.append({"name": name, "dtype": _ARRAYS[name], "shape": array.shape, "start": start})
        start += array.nbytes
    values = {
        "schema_version": SCHEMA_VERSION,
        "uid": case.uid,
        "patient": case.patient,
        "plane": [plane.native_hw, plane.resized_hw, plane.top, plane.left, plane.size_px],
        "reference": [reference.shape, reference.spacing_mm, reference.start],
        "whole": case.whole,
        "arrays": specs,
    }
    text = json.dumps(values, separators=(",", ":")).encode()
    return text + b" " * (-(len(_MAGIC) + _LENGTH.size + len(text)) % _ALIGNMENT_BYTES)


def _decode(content: memoryview) -> PreparedCase:
    if content[: len(_MAGIC)] != _MAGIC:
        raise ValueError("not a prepared case of this version")
    (length,) = _LENGTH.unpack_from(content, len(_MAGIC))
    first = len(_MAGIC) + _LENGTH.size
    values = json.loads(bytes(content[first : first + length]))
    if values["schema_version"] != SCHEMA_VERSION:
        raise ValueError(f"schema_version {values['schema_version']}")
    body = content[first + length :]
    arrays = {spec["name"]: _array(body, spec) for spec in values["arrays"]}
    native_hw, resized_hw, top, left, size_px = values["plane"]
    shape, spacing_mm, start = map(tuple, values["reference"])
    return PreparedCase(
        uid=values["uid"],
        patient=values["patient"],
        plane=PlaneMap(tuple(native_hw), tuple(resized_hw), top, left, size_px),
        reference=NativeReference(shape, spacing_mm, start, arrays.pop("labels")),
        whole=values["whole"],
        **arrays,
    )


def _array(body: memoryview, spec: dict[str, Any]) -> npt.NDArray[Any]:
    """Raises ValueError when the file ends before the array does."""
    count = math.prod(spec["shape"])
    return np.frombuffer(body, _ARRAYS[spec["name"]], count, spec["start"] if count else 0).reshape(spec["shape"])
