"""Grey pictures as JPEGs, one a slice, as good as fits into a page."""

from __future__ import annotations

import io
import math

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]

MOST_BYTES = 9_000_000
"""Of all pictures of a page; a third more as text."""
QUALITIES = (92, 85, 75, 60, 45)
_SAMPLED = 16


def slice_jpegs(image: Bytes, most_bytes: int = MOST_BYTES) -> list[bytes]:
    """A JPEG of each slice of uint8 `(count, h, w)`: of the best quality at which all are likely to fit, else the lowest.

    The size is foretold from up to 16 slices, evenly taken.
    """
    step = math.ceil(len(image) / _SAMPLED)
    sampled = image[::step]
    for quality in QUALITIES:
        foretold = sum(len(_jpeg(plane, quality)) for plane in sampled) * len(image) / len(sampled)
        if foretold <= most_bytes:
            break
    return [_jpeg(plane, quality) for plane in image]


def _jpeg(plane: Bytes, quality: int) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(plane).save(stream, "JPEG", quality=quality, optimize=True)
    return stream.getvalue()
