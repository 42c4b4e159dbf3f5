"""Small PNG files with a palette, the same bytes for the same picture (W3C PNG specification, third edition)."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]


def png(indices: Bytes, palette: Bytes) -> bytes:
    """A PNG of palette indices uint8 `(h, w)`; `palette` is uint8 `(n, 3)` RGB or `(n, 4)` RGBA, at most 256 colours."""
    height, width = indices.shape
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    rows = np.zeros((height, width + 1), np.uint8)  # each row begins with its filter type, 0: none
    rows[:, 1:] = indices
    opacity = [_chunk(b"tRNS", palette[:, 3].tobytes())] if palette.shape[1] == 4 else []
    chunks = (
        _chunk(b"IHDR", header),
        _chunk(b"PLTE", palette[:, :3].tobytes()),
        *opacity,
        _chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)),
        _chunk(b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def data_uri(image: bytes, kind: str = "png") -> str:
    """An image as a `data:` address; `kind` as in its media type."""
    return f"data:image/{kind};base64," + base64.b64encode(image).decode("ascii")
